"""A grid of examples: each a face above its spectrogram, with axes in Hz and seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from facevoice.reports.page import picture_address
from facevoice.reports.pictures import face_png, spectrogram_png
from tfdata.examples import Example
from tfdata.text import readable

STYLE = """
.examples { display: grid; gap: 1rem; list-style: none; margin: .8rem 0; padding: 0;
  grid-template-columns: repeat(auto-fill, minmax(min(13rem, 45%), 1fr)); }
.examples li { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .7rem; break-inside: avoid; min-width: 0; display: flex; flex-direction: column; }
.examples img { display: block; width: 100%; border: 0; border-radius: .35rem; }
.examples .face { aspect-ratio: 1; object-fit: cover; }
.examples .coarse { image-rendering: pixelated; }
.examples strong { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2;
  overflow: hidden; overflow-wrap: anywhere; line-height: 1.3; margin: .55rem 0 .1rem; }
.examples small { display: block; color: var(--soft); font-size: .75rem; line-height: 1.4;
  overflow-wrap: anywhere; }
.examples .split { padding-bottom: 1.3rem; }
.examples small span { white-space: nowrap; }
.plot { position: relative; margin: auto .35rem 1.6rem 2.3rem; }
.plot img { height: 8.5rem; border-radius: 0; }
.plot span { position: absolute; font-size: .7rem; line-height: 1; color: var(--soft);
  white-space: nowrap; font-variant-numeric: tabular-nums; }
.plot .hz { right: calc(100% + .45rem); transform: translateY(50%); }
.plot .s { top: calc(100% + .45rem); transform: translateX(-50%); }
.plot .unit { right: calc(100% + .45rem); bottom: calc(100% + .2rem); }
.plot .hz::after, .plot .s::after { content: ""; position: absolute; background: var(--soft); }
.plot .hz::after { width: .25rem; height: 1px; left: calc(100% + .2rem); top: 50%; }
.plot .s::after { height: .25rem; width: 1px; bottom: calc(100% + .2rem); left: 50%; }
"""
# Smaller pictures than this show their pixels as squares.
_COARSE = 64


def examples_grid(
    examples: Sequence[tuple[str, Example]],
    centres_hz: NDArray[np.float64],
    window_seconds: float,
    sample_rate_hz: float,
) -> str:
    """Returns the grid of examples, each with its split.

    Args:
      examples: (split, example).
      centres_hz: frequency of each row of a spectrogram.
      window_seconds: length of the windows.
      sample_rate_hz: unit of the examples' `window_start_samples`.
    """
    frames = examples[0][1].spectrogram.shape[1]
    axes = _hz_axis(centres_hz) + _seconds_axis(window_seconds, frames)
    cells = (_cell(split, example, axes, sample_rate_hz) for split, example in examples)
    return f'<ul class="examples">{"".join(cells)}</ul>'


def _cell(split: str, example: Example, axes: str, sample_rate_hz: float) -> str:
    name = escape(readable(example.identity))
    face = _img(face_png(example.image), f"Face of {name}", "face", example.image.shape[0])
    voice = _img(
        spectrogram_png(example.spectrogram),
        f"Spectrogram of the voice of {name}",
        "voice",
        min(example.spectrogram.shape),
    )
    start_seconds = example.window_start_samples / sample_rate_hz
    return (
        f'<li>{face}<strong title="{name}">{name}</strong>'
        f'<small class="split"><i class="dot {split}"></i> {split}</small>'
        f'<div class="plot">{voice}{axes}</div>'
        f"<small>video {escape(example.session)}, "
        f"<span>from {round(start_seconds, 2):g} s</span></small></li>"
    )


def _img(png: bytes, text: str, kind: str, pixels: int) -> str:
    kind += " coarse" if pixels < _COARSE else ""
    return f'<img class="{kind}" alt="{text}" src="{picture_address(png)}">'


def _hz_axis(centres_hz: NDArray[np.float64]) -> str:
    """Marks at the height of their frequency: that of a row lies at the row's middle."""
    bands = len(centres_hz)
    marks = []
    for hz in hz_marks(centres_hz):
        height = float(np.interp(hz, centres_hz, np.arange(bands) + 0.5)) / bands
        marks.append(f'<span class="hz" style="bottom:{height:.2%}">{hz:g}</span>')
    return "".join(marks) + '<span class="unit">Hz</span>'


def hz_marks(centres_hz: NDArray[np.float64], apart: float = 0.1) -> list[float]:
    """Round frequencies to be marked, lowest first, no two closer than a share of the height.

    Powers of ten come first, then fives, twos and the rest, as far as there is room. A range
    without two of them has its ends marked.
    """
    bands = len(centres_hz)
    marks: list[float] = []
    heights: list[float] = []
    for digit in (1, 5, 2, 3, 7):
        for power in range(6):
            hz = float(digit * 10**power)
            height = float(np.interp(hz, centres_hz, np.arange(bands))) / bands
            room = all(abs(height - other) >= apart for other in heights)
            if centres_hz[0] <= hz <= centres_hz[-1] and room:
                marks.append(hz)
                heights.append(height)
    return sorted(marks) if len(marks) > 1 else [round(float(centres_hz[i])) for i in (0, -1)]


def _seconds_axis(window_seconds: float, frames: int) -> str:
    """Marks from 0 on: the first column is centred on the start, the last on the end."""
    marks = []
    for seconds in second_marks(window_seconds):
        place = (seconds / window_seconds * (frames - 1) + 0.5) / frames
        marks.append(f'<span class="s" style="left:{place:.2%}">{seconds:g}</span>')
    marks[-1] = marks[-1].replace("</span>", " s</span>")
    return "".join(marks)


def second_marks(window_seconds: float) -> list[float]:
    """Round instants from 0 to the window's end, at most six."""
    tenth = 10.0 ** math.floor(math.log10(window_seconds) - 1)
    step = next(s * tenth for s in (1, 2, 5, 10, 20, 50) if window_seconds / (s * tenth) < 5.001)
    return [round(i * step, 6) for i in range(math.floor(window_seconds / step + 1e-6) + 1)]
