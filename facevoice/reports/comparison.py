"""Models side by side: a table for the terminal, and a page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from facevoice.reports.page import interval_bars, page
from tfdata.manifest import Leak
from tfdata.text import counted

# Training and validation accuracy that the study published, of 40 people of VoxCeleb1's test set.
PUBLISHED = {
    "cnn_image": (1.0, 0.845),
    "cnn_audio": (1.0, 0.79),
    "crnn_audio": (0.7975, 0.715),
    "cnn_cnn": (0.9986, 0.7325),
    "cnn_crnn": (0.9992, 0.80),
}
HEADS = (
    "model",
    "train",
    "validation",
    "test",
    "95 % interval",
    "parameters",
    "epochs",
    "seconds",
    "study: train",
    "study: validation",
)
STYLE = """
.wide { overflow-x: auto; }
.wide td, .wide th { white-space: nowrap; overflow-wrap: normal; text-align: right;
  font-variant-numeric: tabular-nums; }
.wide tr > :first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
a { color: inherit; }
"""
CAVEAT = (
    "The study's figures are of another corpus and of a random split, in which nearly every "
    "validation window shares samples with a training window: they are no measure of these."
)


def comparison_text(results: Mapping[str, Mapping[str, Any]]) -> str:
    """A table in columns of equal width, and what has to be known about it."""
    rows = [HEADS, *_rows(results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    caveat = [CAVEAT] if results.keys() & PUBLISHED.keys() else []
    return "\n".join([*lines, *caveat])


def comparison_page(results: Mapping[str, Mapping[str, Any]], leak: Leak) -> str:
    """The same as a page, above it the tests as bars.

    Args:
      results: model to what its run's `metrics.json` says; of runs on one data set, each in a
        folder beside the page that has the model's name.
      leak: what the data set's training gives away of its test.
    """
    first = next(iter(results.values()))
    measured = "No video and no audio sample of the test is in training."
    if leak.same_video or leak.same_audio:
        measured = f"Of {leak.pairs} test pairs, {leak.same_video} have a video also in training."
    head = "".join(f"<th>{escape(name)}</th>" for name in HEADS)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in _rows(results)
    )
    body = [
        f"<p>FaceVoice training runs</p><h1>{counted(len(results), 'model')} compared</h1>",
        f"<p>{first['people']} people, {first['test']['pairs']} test pairs. {measured}</p>",
        "<h2>Test accuracy</h2>",
        interval_bars(
            ((_link(model), _share(found["test"])) for model, found in results.items()),
            ("chance", first["chance"]),
        ),
        "<h2>All figures</h2>",
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>',
        f"<tbody>{rows}</tbody></table></div>",
    ]
    if results.keys() & PUBLISHED.keys():
        body.append(f"<p>{CAVEAT}</p>")
    return page("FaceVoice: models compared", body, STYLE)


def _link(model: str) -> str:
    return f'<a href="{escape(model)}/report.html">{escape(model)}</a>'


def _share(measured: Mapping[str, Any]) -> dict[str, float]:
    return {"share": measured["accuracy"], "low": measured["low"], "high": measured["high"]}


def _rows(results: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            model,
            f"{found['train']['accuracy']:.1%}",
            f"{found['validation']['accuracy']:.1%}",
            f"{found['test']['accuracy']:.1%}",
            f"{found['test']['low']:.1%} to {found['test']['high']:.1%}",
            f"{found['parameters']:,}",
            str(found["epochs"] or "-"),
            f"{found['seconds']:.0f}",
            *([f"{share:.1%}" for share in PUBLISHED.get(model, ())] or ["-", "-"]),
        )
        for model, found in results.items()
    ]
