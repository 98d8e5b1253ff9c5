"""The page of one training run."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from reports.page import bars, figure, page, table, tiles
from tfdata.schema import Leak


def run_report(
    model: str,
    metrics: Mapping[str, Any],
    settings: Mapping[str, Any],
    features: Mapping[str, Any],
    leak: Leak,
    pictures: Mapping[str, str],
) -> str:
    """The page of one training run.

    Args:
      model: name in the registry.
      metrics, settings: what the run's `metrics.json` and `settings.json` say.
      features: the preprocessing settings of the data set.
      leak: what the data set's training gives away of its test.
      pictures: file name to image address, for `curves.png`, `confusion.png`, `samples.png`.
    """
    test, validation = metrics["test"], metrics["validation"]
    figures = [
        (
            f"{test['accuracy']:.1%}",
            f"test accuracy ({test['correct']} of {test['pairs']}; "
            f"95 % interval {test['low']:.1%} to {test['high']:.1%})",
        ),
        (f"{metrics['chance']:.1%}", f"chance, of {metrics['people']} people"),
        (f"{validation['accuracy']:.1%}", "validation accuracy"),
        (f"{metrics['train']['accuracy']:.1%}", "training accuracy"),
    ]
    by_person = sorted(test["by_person"].items(), key=lambda item: -item[1])
    body = [
        f"<h1>{escape(model)}</h1>",
        f"<p>{metrics['parameters']:,} parameters, {_trained(metrics)} {_measured_on(leak)}</p>",
        tiles(figures),
        *(
            [figure("Learning", pictures["curves.png"], "Loss and accuracy by epoch.")]
            if "curves.png" in pictures
            else []
        ),
        figure(
            "Who is taken for whom",
            pictures["confusion.png"],
            "Test pairs: rows are who it was, columns who the model named.",
        ),
        "<h2>Person by person</h2>",
        bars((name.replace("_", " "), share, f"{share:.0%}") for name, share in by_person),
        figure(
            "What the model is given",
            pictures["samples.png"],
            "Test faces, each above the voice that it is paired with; one pair a person.",
        ),
        "<h2>Settings</h2>",
        table({**settings, **features}),
    ]
    return page(f"FaceVoice: {model}", body)


def _trained(metrics: Mapping[str, Any]) -> str:
    if not metrics["epochs"]:
        return f"joined from experts that were trained in {metrics['seconds']:.0f} s."
    return (
        f"{metrics['epochs']} epochs in {metrics['seconds']:.0f} s; the weights of epoch "
        f"{metrics['best_epoch']} were kept."
    )


def _measured_on(leak: Leak) -> str:
    if not leak.same_video and not leak.same_audio:
        return "Measured on videos that training has not seen."
    return (
        f"Of the {leak.pairs} test pairs, {leak.same_video} are of a video that is also in "
        f"training and {leak.same_audio} share audio samples with it, so this flatters."
    )
