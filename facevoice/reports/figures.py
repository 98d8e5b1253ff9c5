"""Draws learning curves and confusion matrices as PNG; the style of all charts."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facevoice.reports.figure_text import TEXT_STYLE, figure_name

INK, FAINT, BLUE, ORANGE = "#22303c", "#c9d1d8", "#1d6fa5", "#c2410c"
DPI = 130
WIDTH = 5.4  # inches; wider figures have illegible text on a phone
STYLE: Any = {  # Matplotlib's type has 300 literals as keys
    **TEXT_STYLE,
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


def learning_curves(history: Mapping[str, Sequence[float]], best_epoch: int) -> bytes:
    """Draws loss and accuracy by epoch.

    Args:
      history: values by epoch of `loss`, `accuracy`, `val_loss` and `val_accuracy`.
      best_epoch: the epoch whose weights were kept, counted from 1; it is marked.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
        epochs = range(1, len(history["loss"]) + 1)
        for axes, name in zip(figure.subplots(2, 1), ("loss", "accuracy"), strict=True):
            axes.plot(epochs, history[name], color=BLUE, label="training")
            axes.plot(epochs, history[f"val_{name}"], color=ORANGE, label="validation")
            axes.axvline(best_epoch, color=INK, alpha=0.5, linestyle="--", linewidth=1, zorder=0)
            axes.set(ylabel=name, xlim=(1, max(2, len(epochs))))
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
        axes.set_xlabel("epoch")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
        return encode_png(figure)


def confusion_matrix(counts: NDArray[np.int64], names: Sequence[str]) -> bytes:
    """Draws a confusion matrix; shades are shares of a row.

    Args:
      counts: int64 [classes, classes], rows are true classes, columns predicted ones.
      names: of the classes, in the order of labels.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = [figure_name(name, label) for label, name in enumerate(names)]
    margin = max(2.6, 2.0 + 0.08 * max(map(len, labels)))  # inches, with the labels
    size = min(14.0, margin + 0.36 * len(names))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(size, size), layout="constrained")
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), labels, rotation=90)
        axes.set_yticks(range(len(names)), labels)
        axes.set(xlabel="predicted", ylabel="true")
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
        return encode_png(figure)


def encode_png(figure: Figure) -> bytes:
    """Renders a figure as PNG, without a display."""
    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI)
    return out.getvalue()
