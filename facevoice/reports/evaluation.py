"""The page of one evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from facevoice.reports.evaluation_text import notes, rows
from facevoice.reports.page import page, tiles
from facevoice.reports.sections import sections
from tfdata.text import interval

STYLE = """
.measures { overflow-x: auto; }
.measures td:nth-child(2) { text-align: right; font-variant-numeric: tabular-nums;
  font-weight: 600; white-space: nowrap; }
.measures td:last-child { color: var(--soft); }
@media (max-width: 44rem) {
  .measures tr { display: grid; grid-template-columns: 1fr auto; padding: .3rem 0;
    border-bottom: 1px solid var(--line); }
  .measures td { border: 0; padding: 0; }
  .measures td:last-child { grid-column: 1 / -1; font-size: .85rem; } }
"""


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
    ]
    by_person = found["by_person"].items() if found else ()
    body += sections(metrics, {name: share["share"] for name, share in by_person}, pictures)
    body += ["<h2>Measures</h2>", _measures(metrics)]
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
