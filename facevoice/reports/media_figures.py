"""Faces and voices as PNG bytes, on a dark ground as slides are shown: right in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facevoice.reports.examples import hz_marks
from facevoice.reports.figures import WIDTH, png_of
from facevoice.reports.pictures import colour_map
from tfdata.examples import Example
from tfdata.text import readable

GROUND, LIGHT, SOFT = "#1d2429", "#e6eaed", "#9aa8b3"
STYLE: Any = {
    "font.size": 9,
    "figure.facecolor": GROUND,
    "axes.facecolor": GROUND,
    "axes.edgecolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "text.color": LIGHT,
}
COLUMNS = 4

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Captioned = tuple[Example, str]


def samples(
    examples: Sequence[tuple[str, Bytes, Bytes]], row_hz: Floats, window_seconds: float
) -> bytes:
    """A face above its spectrogram for each (name, image, levels)."""
    columns = min(COLUMNS, len(examples))
    rows = -(-len(examples) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.3 * columns + 0.4, 2.75 * rows), layout="constrained")
        grid = figure.subplots(2 * rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for i, (name, image, levels) in enumerate(examples):
            row, column = divmod(i, columns)
            draw_face(grid[2 * row, column], image)
            grid[2 * row, column].set_title(_shortened(name, 18), fontsize=8)
            voice = grid[2 * row + 1, column]
            draw_spectrogram(voice, levels, row_hz, window_seconds, labelled=column == 0)
        return png_of(figure)


def confused(
    pairs: Sequence[tuple[Captioned, Captioned]], row_hz: Floats, window_seconds: float
) -> bytes:
    """Draws a row for each pair of people, with a captioned example of each."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.75 * len(pairs)), layout="constrained")
        rows = figure.subfigures(len(pairs), 1, squeeze=False, hspace=0.06)[:, 0]
        for row, pair in zip(rows, pairs, strict=True):
            for half, (example, caption) in zip(
                row.subfigures(1, 2, wspace=0.04), pair, strict=True
            ):
                half.suptitle(_shortened(example.identity, 30), fontsize=10, fontweight="bold")
                half.supxlabel(caption, fontsize=9, color=SOFT)
                face, voice = half.subplots(1, 2)
                draw_face(face, example.image)
                draw_spectrogram(voice, example.spectrogram, row_hz, window_seconds, labelled=True)
                voice.set_box_aspect(1)
        return png_of(figure)


def draw_face(axes: Axes, image: Bytes) -> None:
    axes.set_axis_off()
    axes.imshow(image)


def draw_spectrogram(
    axes: Axes, levels: Bytes, row_hz: Floats, window_seconds: float, *, labelled: bool
) -> None:
    bands = len(row_hz)
    axes.set_axis_on()
    axes.imshow(
        levels,
        origin="lower",
        aspect="auto",
        cmap=ListedColormap(colour_map() / 255),
        vmin=0,
        vmax=255,
        extent=(0, window_seconds, 0, bands),
    )
    marks_hz = hz_marks(row_hz, apart=0.2)
    places = np.interp(marks_hz, row_hz, np.arange(bands) + 0.5)
    axes.set_yticks(places, [_hz(hz) for hz in marks_hz] if labelled else [])
    axes.set_xticks([0, window_seconds], ["0", f"{window_seconds:g} s"])
    axes.tick_params(labelsize=7, length=2)
    axes.spines[:].set_visible(False)


def _hz(hz: float) -> str:
    return f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz:g} Hz"


def _shortened(text: str, most: int) -> str:
    text = readable(text)
    return text if len(text) <= most else text[: most - 1] + "…"
