"""Draws examples as PNG, on a dark background that suits light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facevoice.reports.axes import frequency_ticks
from facevoice.reports.chart_style import WIDTH, encode_png
from facevoice.reports.figure_text import TEXT_STYLE, figure_text
from facevoice.reports.image_encoding import colour_map
from tfdata.examples import Example
from tfdata.schema import IMAGE, SPECTROGRAM

BACKGROUND, LIGHT, SOFT = "#1d2429", "#e6eaed", "#9aa8b3"
STYLE: Any = {
    **TEXT_STYLE,
    "font.size": 9,
    "figure.facecolor": BACKGROUND,
    "axes.facecolor": BACKGROUND,
    "axes.edgecolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "text.color": LIGHT,
}
COLUMNS = 4

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
CaptionedExample = tuple[str, Example, str]  # title, example, caption


def example_grid(
    examples: Sequence[tuple[str, Bytes | None, Bytes | None]],
    row_hz: Floats,
    window_seconds: float,
) -> bytes:
    """Draws face images above their spectrograms, or one of the two only.

    Args:
      examples: (title, face image, spectrogram); one of the two is None in all examples, or none.
      row_hz: frequency of each band.
      window_seconds: length of the window.
    """
    columns = min(COLUMNS, len(examples))
    rows = -(-len(examples) // columns)
    media = sum(array is not None for array in examples[0][1:])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.3 * columns + 0.4, 1.375 * media * rows), layout="constrained")
        grid = figure.subplots(media * rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for i, (name, image, levels) in enumerate(examples):
            row, column = divmod(i, columns)
            cells = grid[media * row : media * (row + 1), column]
            cells[0].set_title(figure_text(name, 18), fontsize=8)
            if image is not None:
                draw_face(cells[0], image)
            if levels is not None:
                draw_spectrogram(cells[-1], levels, row_hz, window_seconds, labelled=column == 0)
        return encode_png(figure)


def picture_grid(pictures: Sequence[tuple[str, Bytes]]) -> bytes:
    """Draws pictures of any shape.

    Args:
      pictures: (title, uint8 [height, width, 3]).
    """
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.6 * columns, 2.4 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, (name, picture) in zip(grid.flat, pictures, strict=False):
            draw_face(axes, picture)
            axes.set_title(figure_text(name, 18), fontsize=8)
        return encode_png(figure)


def confused_pairs(
    pairs: Sequence[tuple[CaptionedExample, CaptionedExample]],
    row_hz: Floats,
    window_seconds: float,
    media: Sequence[str] = (IMAGE, SPECTROGRAM),
) -> bytes:
    """Draws a row for each pair of people, with a captioned example of each.

    Args:
      pairs: the examples of each pair; titles are from `figure_name`.
      row_hz: frequency of each band.
      window_seconds: length of the window.
      media: the features of an example that are drawn.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.75 * len(pairs)), layout="constrained")
        rows = figure.subfigures(len(pairs), 1, squeeze=False, hspace=0.06)[:, 0]
        for row, pair in zip(rows, pairs, strict=True):
            halves = row.subfigures(1, 2, wspace=0.04)
            for half, (title, example, caption) in zip(halves, pair, strict=True):
                half.suptitle(figure_text(title), fontsize=10, fontweight="bold")
                half.supxlabel(caption, fontsize=9, color=SOFT)
                cells = half.subplots(1, len(media), squeeze=False)[0]
                if IMAGE in media:
                    draw_face(cells[0], example.image)
                if SPECTROGRAM in media:
                    levels = example.spectrogram
                    draw_spectrogram(cells[-1], levels, row_hz, window_seconds, labelled=True)
                    cells[-1].set_box_aspect(1)
        return encode_png(figure)


def draw_face(axes: Axes, image: Bytes) -> None:
    """Draws a face image, uint8 [height, width, 3]."""
    axes.set_axis_off()
    axes.imshow(image)


def draw_spectrogram(
    axes: Axes, levels: Bytes, row_hz: Floats, window_seconds: float, *, labelled: bool
) -> None:
    """Draws a spectrogram with its axes.

    Args:
      axes: to draw in.
      levels: uint8 [bands, frames], the lowest band first.
      row_hz: frequency of each band.
      window_seconds: length of the window.
      labelled: whether the frequency axis has tick labels.
    """
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
    ticks_hz = frequency_ticks(row_hz, min_distance=0.2)
    positions = np.interp(ticks_hz, row_hz, np.arange(bands) + 0.5)
    axes.set_yticks(positions, [f"{hz:g}" for hz in ticks_hz] if labelled else [])
    if labelled:
        axes.annotate(
            "Hz",
            (0, 1),
            xytext=(-4, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            fontsize=7,
            color=SOFT,
        )
    axes.set_xticks([0, window_seconds], ["0", f"{window_seconds:g} s"])
    axes.tick_params(labelsize=7, length=2)
    axes.spines[:].set_visible(False)
