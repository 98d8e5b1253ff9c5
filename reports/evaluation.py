"""The page of one evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from reports.evaluation_words import interval, notes, rows
from reports.page import bars, figure, page, tiles
from reports.words import readable

STYLE = """
.measures { overflow-x: auto; }
.measures td:nth-child(2) { text-align: right; font-variant-numeric: tabular-nums;
  font-weight: 600; white-space: nowrap; }
.measures td:last-child { color: var(--soft); }
"""
_PICTURES = {
    "confusion.png": (
        "Who is taken for whom",
        "Pairs: rows are who it was, columns who the model named.",
    ),
    "reliability.png": (
        "Does it know how sure it may be",
        "On the line, the model is right as often as it says; below, it is too sure.",
    ),
    "det.png": (
        "Are these two the same person",
        "Detection error trade-off of the embeddings' cosine, over the pairs of the split.",
    ),
    "trials_det.png": (
        "The listed trials",
        "Detection error trade-off of the embeddings' cosine, over the trials of the list.",
    ),
}


def evaluation_report(metrics: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """The page: a function of its arguments alone.

    Args:
      metrics: what the evaluation's `metrics.json` says.
      pictures: file name to image address, of those that there are.
    """
    found = metrics["identification"]
    body = [
        "<p>FaceVoice evaluation</p>",
        f"<h1>{escape(metrics['model'])}, {escape(metrics['split'])}</h1>",
        f"<p>{escape(metrics['run'])} on {escape(metrics['data'])}.</p>",
        *(f"<p>{escape(note)}</p>" for note in notes(metrics)),
        tiles(_key_figures(metrics)),
        "<h2>Measures</h2>",
        _measures(metrics),
    ]
    body += [
        figure(title, pictures[name], caption)
        for name, (title, caption) in _PICTURES.items()
        if name in pictures
    ]
    if found:
        by_person = sorted(found["by_person"].items(), key=lambda item: -item[1]["share"])
        body += [
            "<h2>Person by person</h2>",
            bars(
                (readable(name), share["share"], f"{share['share']:.0%}")
                for name, share in by_person
            ),
        ]
    return page(f"FaceVoice evaluation: {metrics['model']}, {metrics['split']}", body, STYLE)


def _key_figures(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if found := metrics["identification"]:
        for level in ("pairs", "videos"):
            top = found["levels"][level].get("top_1")
            if top:
                yield f"{top['share']:.1%}", f"top 1 of {level} ({interval(top)})"
        yield f"{found['calibration']['error']:.1%}", "expected calibration error"
    if verification := metrics["verification"]:
        rate = verification["all"]["equal_error_rate"]
        yield f"{rate:.1%}", "equal error rate of verification"
    if trials := metrics.get("trials"):
        yield f"{trials['equal_error_rate']:.1%}", "equal error rate of the listed trials"
    if unknown := metrics.get("unknown"):
        yield f"{unknown['auroc']:.3f}", "AUROC of known from unknown people"


def _measures(metrics: Mapping[str, Any]) -> str:
    lines = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows(metrics)
    )
    return f'<div class="measures"><table>{lines}</table></div>'
