"""Draws the learning curves of a training as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from facevoice.reports.chart_style import BLUE, INK, ORANGE, STYLE, WIDTH, encode_png


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
