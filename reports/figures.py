"""Figures as PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

INK, FAINT, TRAIN, UNSEEN = "#22303c", "#c9d1d8", "#8aa4b8", "#c2410c"
DPI = 130
STYLE: Any = {  # Matplotlib types this as a dictionary of 300 literals
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
}
COLUMNS = 6


def learning_curves(history: Mapping[str, Sequence[float]], best_epoch: int) -> bytes:
    """Loss and accuracy by epoch; the epoch whose weights were kept is marked."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        epochs = range(1, len(history["loss"]) + 1)
        for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            axes.plot(epochs, history[name], color=TRAIN, label="training")
            axes.plot(epochs, history[f"val_{name}"], color=UNSEEN, label="validation")
            axes.axvline(best_epoch, color=FAINT, linestyle="--", linewidth=1, zorder=0)
            axes.set(xlabel="epoch", ylabel=name, xlim=(1, max(2, len(epochs))))
            axes.xaxis.get_major_locator().set_params(integer=True)
            if name == "accuracy":
                axes.set_ylim(0, 1.02)
            axes.annotate(
                "kept",
                (best_epoch, 1),
                xytext=(3, -8),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                fontsize=8,
            )
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
        return _png(figure)


def confusion(counts: NDArray[np.int64], names: Sequence[str]) -> bytes:
    """Rows are who it was, columns who the model named; shades are shares of a row."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = min(14.0, 2.6 + 0.36 * len(names))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(size, size), layout="constrained")
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        labels = [name.replace("_", " ") for name in names]
        axes.set_xticks(range(len(names)), labels, rotation=90)
        axes.set_yticks(range(len(names)), labels)
        axes.set(xlabel="named by the model", ylabel="who it was")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=9 if len(names) <= 24 else 7)
        if len(names) <= 24:
            for row, column in zip(*np.nonzero(counts), strict=True):
                axes.text(
                    column,
                    row,
                    str(counts[row, column]),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if shares[row, column] > 0.5 else INK,
                )
        return _png(figure)


def samples(
    examples: Sequence[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]],
    row_hz: NDArray[np.float64],
    window_seconds: float,
) -> bytes:
    """A face above its spectrogram for each (name, image, levels)."""
    columns = min(COLUMNS, len(examples))
    rows = -(-len(examples) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.9 * columns + 0.5, 3.7 * rows), layout="constrained")
        grid = figure.subplots(2 * rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for i, (name, image, levels) in enumerate(examples):
            row, column = divmod(i, columns)
            face = grid[2 * row, column]
            face.imshow(image)
            face.set_title(name.replace("_", " "), fontsize=9)
            voice = grid[2 * row + 1, column]
            _draw_spectrogram(voice, levels, row_hz, window_seconds, labelled=column == 0)
        return _png(figure)


def _draw_spectrogram(
    axes: Axes,
    levels: NDArray[np.uint8],
    row_hz: NDArray[np.float64],
    window_seconds: float,
    *,
    labelled: bool,
) -> None:
    bands = len(row_hz)
    axes.set_axis_on()
    axes.imshow(
        levels, origin="lower", aspect="auto", cmap="magma", extent=(0, window_seconds, 0, bands)
    )
    marks_hz = [hz for hz in (100, 300, 1000, 3000) if row_hz[0] <= hz <= row_hz[-1]]
    places = np.interp(marks_hz, row_hz, np.arange(bands) + 0.5)
    axes.set_yticks(places, [f"{hz} Hz" for hz in marks_hz] if labelled else [])
    axes.set_xticks([0, window_seconds], ["0 s", f"{window_seconds:g} s"])
    axes.tick_params(labelsize=7, length=2)


def _png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI)
    return out.getvalue()
