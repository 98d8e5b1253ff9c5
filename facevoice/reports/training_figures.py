"""Draws the learning curves of a training as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from facevoice.reports.chart_style import INK, SPLIT_COLOURS, STYLE, WIDTH, encode_png

_MAX_MARKED = 30  # epochs; with more, points would hide the line


def learning_curves(
    history: Mapping[str, Sequence[float]], best_epoch: int, *, augmented: bool = False
) -> bytes:
    """Draws loss and accuracy by epoch.

    Args:
      history: values by epoch of `loss`, `accuracy`, `val_loss` and `val_accuracy`.
      best_epoch: the epoch whose weights were kept, counted from 1; it is marked.
      augmented: whether training examples were augmented, which the legend says.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
        epochs = range(1, len(history["loss"]) + 1)
        marker = "o" if len(epochs) <= _MAX_MARKED else ""
        curves = (
            ("", "train", "Training, augmented" if augmented else "Training"),
            ("val_", "validation", "Validation"),
        )
        for axes, name in zip(figure.subplots(2, 1), ("loss", "accuracy"), strict=True):
            for prefix, split, label in curves:
                axes.plot(
                    epochs,
                    history[f"{prefix}{name}"],
                    color=SPLIT_COLOURS[split],
                    label=label,
                    marker=marker,
                    markersize=4,
                    clip_on=False,
                )
            axes.axvline(best_epoch, color=INK, alpha=0.5, linestyle="--", linewidth=1, zorder=0)
            axes.set(ylabel=name.capitalize(), xlim=(0.5, len(epochs) + 0.5))
            axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
            if name == "accuracy":
                axes.set_ylim(0, 1)
                axes.yaxis.set_major_formatter(PercentFormatter(1))
            else:
                axes.set_ylim(bottom=0)
            axes.annotate(
                "kept",
                (best_epoch, 1),
                xytext=(3, -8),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                fontsize=8,
            )
        axes.set_xlabel("Epoch")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
        return encode_png(figure)
