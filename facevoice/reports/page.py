"""Self-contained HTML pages, readable on a phone, in light and dark: the frame and its parts."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #22303c; --soft: #5b6b78; --paper: #fbfbfa;
  --card: #fff; --line: #e1e5e8; --accent: #c2410c; --good: #15803d; --bad: #b91c1c; }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ --ink: #e6eaed; --soft: #9aa8b3;
  --paper: #14191d; --card: #1d2429; --line: #313b42; --accent: #fb923c; --good: #4ade80;
  --bad: #fca5a5; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 2rem 1.2rem 4rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word; }}
h1 {{ font-size: 1.6rem; line-height: 1.25; margin: 0 0 .2rem; }}
h2 {{ font-size: 1.1rem; margin: 2.4rem 0 .6rem; break-after: avoid; }}
p {{ color: var(--soft); margin: .3rem 0; }}
.figures {{ display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.4rem 0; }}
.figures div {{ flex: 1 1 9rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; padding: .8rem 1rem; }}
.figures b {{ display: block; font-size: 1.7rem; line-height: 1.2; }}
.figures div:first-child b {{ color: var(--accent); }}
.figures span {{ color: var(--soft); font-size: .85rem; }}
figure {{ margin: .8rem 0; }}
img {{ max-width: 100%; background: #fff; border-radius: .6rem; border: 1px solid var(--line); }}
@media screen and (prefers-color-scheme: dark) {{ img.chart {{ border-color: #fff;
  filter: invert(1) hue-rotate(180deg); mix-blend-mode: lighten; }} }}
figure.wide {{ overflow-x: auto; }}
@media (max-width: 44rem) {{ .wide img {{ max-width: none; zoom: .7; }}
  td.share {{ width: 36%; }} }}
img.slides {{ border: 0; background: none; }}
table {{ border-collapse: collapse; width: 100%; font-size: .92rem; }}
td, th {{ text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line);
  font-weight: normal; overflow-wrap: anywhere; }}
th {{ color: var(--soft); }}
tbody th {{ min-width: 8rem; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap;
  width: 4rem; padding-right: 0; }}
td.share {{ width: 60%; }}
.bar {{ background: var(--line); border-radius: .3rem; height: .7rem; }}
.bar i {{ display: block; height: 100%; background: var(--accent); border-radius: .3rem; }}
.intervals {{ list-style: none; margin: .8rem 0; padding: 0; font-size: .92rem; }}
.intervals li {{ display: grid; grid-template-columns: 10rem 1fr 4rem 8rem; gap: 0 .8rem;
  align-items: center; padding: .3rem 0; break-inside: avoid; }}
.intervals b, .intervals small {{ text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }}
.intervals small {{ color: var(--soft); }}
.intervals b {{ order: 1; }} .intervals small {{ order: 2; }}
.intervals .bar {{ position: relative; }}
.intervals s, .intervals u {{ position: absolute; background: var(--ink); }}
.intervals s {{ height: 2px; top: calc(50% - 1px); }}
.intervals s::before, .intervals s::after {{ content: ""; position: absolute; width: 2px;
  height: .6rem; top: calc(1px - .3rem); background: inherit; }}
.intervals s::after {{ right: 0; }}
.intervals u {{ width: 2px; top: -.3rem; bottom: -.3rem; background: var(--soft); }}
@media (max-width: 44rem) {{ .intervals li {{ grid-template-columns: 1fr auto; }}
  .intervals b {{ order: 0; }} .intervals .bar {{ grid-column: 1 / -1; margin: .35rem 0; }}
  .intervals small {{ grid-column: 1 / -1; }} }}
@media print {{
  :root {{ color-scheme: light; --paper: #fff; font-size: 11px; }}
  body {{ max-width: none; padding: 0; print-color-adjust: exact; }} }}
{style}</style></head><body>
{body}
</body></html>
"""


def page(title: str, body: Iterable[str], style: str = "") -> str:
    """A whole page. The parts of the body, and the rules of style that only it needs, are text."""
    return _PAGE.format(title=escape(title), body="\n".join(body), style=style)


def picture_address(png: bytes) -> str:
    """A picture as a data address, for a page that needs no other file."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def tiles(figures: Iterable[tuple[str, str]]) -> str:
    """Key figures, each a number and what it counts; the first is the main one."""
    items = (
        f"<div><b>{escape(number)}</b><span>{escape(text)}</span></div>" for number, text in figures
    )
    return f'<div class="figures">{"".join(items)}</div>'


def figure(title: str, address: str, caption: str, kind: str = "chart") -> str:
    """A picture with its title and caption.

    Args:
      title, caption: words.
      address: of the picture.
      kind: 'chart', on white, which is turned dark with the page; 'wide chart', which a narrow
        screen scrolls instead of making its words too small; 'slides', dark in any case.
    """
    wide, _, look = kind.rpartition(" ")
    return (
        f'<h2>{escape(title)}</h2><figure class="{wide}">'
        f'<img class="{look}" src="{address}" alt="{escape(caption)}"></figure>'
        f"<p>{escape(caption)}</p>"
    )


def bars(rows: Iterable[tuple[str, float, str]]) -> str:
    """A horizontal bar for each (name, share of the full length, what to write beside it)."""
    lines = [
        f"<tr><th>{escape(name)}</th>"
        f'<td class="share"><div class="bar"><i style="width:{share:.1%}"></i></div></td>'
        f'<td class="number">{escape(shown)}</td></tr>'
        for name, share, shown in rows
    ]
    return f"<table>{''.join(lines)}</table>"


def interval_bars(
    rows: Iterable[tuple[str, Mapping[str, float]]], mark: tuple[str, float] | None = None
) -> str:
    """A bar from 0 to 1 for each (name, proportion), with its 95 % interval.

    Args:
      rows: names, as HTML, and proportions: `share`, `low` and `high`.
      mark: a name and a proportion that all are to be seen beside, a line through all bars.
    """
    line = f'<u style="left:{mark[1]:.2%}"></u>' if mark else ""
    lines = [
        f"<li><span>{name}</span><b>{share['share']:.1%}</b>"
        f'<div class="bar"><i style="width:{share["share"]:.2%}"></i>'
        f'<s style="left:{share["low"]:.2%};width:{share["high"] - share["low"]:.2%}"></s>{line}'
        f"</div><small>{share['low']:.1%} to {share['high']:.1%}</small></li>"
        for name, share in rows
    ]
    note = f"<p>Whiskers are 95 % intervals{_marked(mark)}.</p>"
    return f'<ul class="intervals">{"".join(lines)}</ul>{note}'


def _marked(mark: tuple[str, float] | None) -> str:
    return f"; the line is {escape(mark[0])}, {mark[1]:.1%}" if mark else ""


def table(values: Mapping[str, Any]) -> str:
    """Names and values; a mapping within a mapping has a row of its own."""
    rows = []
    for name, value in values.items():
        inner = isinstance(value, Mapping) and any(isinstance(x, Mapping) for x in value.values())
        parts = {f"{name}, {key}": part for key, part in value.items()} if inner else {name: value}
        rows += [
            f"<tr><th>{escape(title)}</th><td>{escape(_shown(part))}</td></tr>"
            for title, part in parts.items()
        ]
    return f"<table>{''.join(rows)}</table>"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return "none" if value is None else str(value)
