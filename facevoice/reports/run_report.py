"""The page of one training run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import PurePath
from typing import Any

from facevoice.reports.page import figure, page, table, tiles
from facevoice.reports.sections import sections
from tfdata.manifest import Leak
from tfdata.text import counted, duration

Values = Mapping[str, Any]


def run_report(
    description: str,
    metrics: Values,
    settings: Values,
    features: Values,
    leak: Leak,
    pictures: Mapping[str, str],
) -> str:
    """The page of one training run.

    Args:
      description: of the model, one line.
      metrics, settings: what the run's `metrics.json` and `settings.json` say.
      features: the preprocessing settings of the data set.
      leak: what the data set's training gives away of its test.
      pictures: file name to image address, of those that there are.
    """
    model = metrics["model"]
    body = [
        f"<p>FaceVoice training run</p><h1>{escape(model)}</h1>",
        f"<p>{escape(' '.join(_introduction(description, metrics, settings)))} "
        f"{_measured_on(leak)}</p>",
        tiles(_key_figures(metrics)),
    ]
    if "curves.png" in pictures:
        caption = "By epoch; the dashed line is the epoch whose weights were kept."
        body.append(figure("Loss and accuracy while it learnt", pictures["curves.png"], caption))
    body += sections(metrics, metrics["test"]["by_person"], pictures)
    body += [
        figure(
            "What the model is given",
            pictures["samples.png"],
            "Test faces, each above the voice that it is paired with; one pair a person.",
            "slides",
        ),
        "<h2>Settings</h2>",
        table({**settings, **features}),
    ]
    return page(f"FaceVoice: {model}", body)


def _introduction(description: str, metrics: Values, settings: Values) -> Iterator[str]:
    """What was trained, on what, and for how long."""
    yield f"{description[:1].upper()}{description[1:]}; {metrics['parameters']:,} parameters."
    yield (
        f"Trained on {counted(metrics['train']['pairs'], 'pair')} of "
        f"{counted(metrics['people'], 'person', 'people')} of the data set "
        f"{PurePath(settings['data']).name}"
    )
    took = duration(metrics["seconds"])
    if metrics["epochs"]:
        yield (
            f"for {counted(metrics['epochs'], 'epoch')} in {took}; the weights of epoch "
            f"{metrics['best_epoch']} were kept."
        )
    else:
        yield f"as two experts, in {took}, and joined by weights fitted on its validation split."


def _key_figures(metrics: Values) -> Iterator[tuple[str, str]]:
    test = metrics["test"]
    yield (
        f"{test['accuracy']:.1%}",
        f"test accuracy ({test['correct']} of {test['pairs']}; "
        f"95 % interval {test['low']:.1%} to {test['high']:.1%})",
    )
    yield f"{metrics['chance']:.1%}", f"chance, of {metrics['people']} people"
    yield f"{metrics['validation']['accuracy']:.1%}", "validation accuracy"
    yield f"{metrics['train']['accuracy']:.1%}", "training accuracy"


def _measured_on(leak: Leak) -> str:
    if not leak.same_video and not leak.same_audio:
        return "Measured on videos that training has not seen."
    return (
        f"Of the {leak.pairs} test pairs, {leak.same_video} are of a video that is also in "
        f"training and {leak.same_audio} share audio samples with it, so this flatters."
    )
