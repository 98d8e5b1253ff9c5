"""Draws confusion matrices, DET curves and reliability diagrams as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from scipy.stats import norm

from facevoice.reports.chart_style import BLUE, FAINT, INK, ORANGE, SOFT, STYLE, WIDTH, encode_png
from facevoice.reports.figure_text import figure_name

_COLOURS = (ORANGE, BLUE, INK)
_TICKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
_LIMITS = (0.0005, 0.9)
_LONG_LINES: Any = {"agg.path.chunksize": 10_000}

Rates = tuple[NDArray[np.float64], NDArray[np.float64]]


def confusion_matrix(counts: NDArray[np.int64], names: Sequence[str]) -> bytes:
    """Draws a confusion matrix; shades are shares of a row.

    Args:
      counts: int64 [classes, classes], rows are true classes, columns predicted ones.
      names: of the classes, in the order of labels.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = [figure_name(name, label) for label, name in enumerate(names)]
    longest = 0.08 * max(map(len, labels))  # inches, about
    size = min(14.0, max(2.7 + longest, 1.2 + longest + 0.3 * len(names)))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(size, size), layout="constrained")
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), labels, rotation=90)
        axes.set_yticks(range(len(names)), labels)
        axes.set(xlabel="Predicted", ylabel="True")
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


def det_curve(curves: Mapping[str, Rates]) -> bytes:
    """Draws detection error tradeoff (DET) curves.

    Both axes are normal deviates, so normally distributed scores give straight lines (Martin et
    al., 1997).

    Args:
      curves: name to false acceptance rates and miss rates.
    """
    with mpl.rc_context(STYLE | _LONG_LINES):
        figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
        axes = figure.subplots()
        low, high = norm.ppf(_LIMITS)
        axes.plot((low, high), (low, high), color=SOFT, linestyle="--", linewidth=1)
        for (name, rates), colour in zip(curves.items(), _COLOURS, strict=False):
            # Rates of 0 and 1 are at infinity; clipped, they still leave the frame.
            accepts, misses = (norm.ppf(np.clip(rate, 1e-9, 1 - 1e-9)) for rate in rates)
            axes.plot(accepts, misses, color=colour, label=name)
        outside = [name for name, rates in curves.items() if _is_outside(rates)]
        if outside:
            text = "\n".join(f"{name}: both rates below {_LIMITS[0]:.2%}" for name in outside)
            axes.text(0.5, 0.9, text, transform=axes.transAxes, ha="center", va="center")
        positions = norm.ppf(_TICKS)
        labels = [f"{tick:.1%}" if tick < 0.01 else f"{tick:.0%}" for tick in _TICKS]
        axes.set_xticks(positions, labels)
        axes.set_yticks(positions, labels)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.set(xlabel="False acceptance rate", ylabel="Miss rate")
        axes.grid(color=FAINT, linewidth=0.5)
        if len(curves) > 1:
            axes.legend(loc="upper right")  # "best" is slow for many points
        return encode_png(figure)


def _is_outside(rates: Rates) -> bool:
    """Returns whether a curve passes below the axes of a DET curve, so it cannot be seen."""
    return float(np.maximum(*rates).min()) < _LIMITS[0]


def reliability_diagram(
    counts: Sequence[int], accuracy: Sequence[float], intervals: Sequence[tuple[float, float]]
) -> bytes:
    """Draws the accuracy of each bin of confidence, with its 95% interval and its count.

    Args:
      counts: number of examples in each bin; the bins have equal width from 0 to 1.
      accuracy: accuracy of each bin.
      intervals: 95% interval of the accuracy of each bin; that of an empty bin is not read.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.plot((0, 1), (0, 1), color=SOFT, linestyle="--", linewidth=1)
        width = 1 / len(counts)
        rotation = 90 if max(counts) > 999 else 0
        for place, count in enumerate(counts):
            if not count:
                continue
            middle, share, (low, high) = (place + 0.5) * width, accuracy[place], intervals[place]
            axes.bar(middle, share, 0.92 * width, color=BLUE, alpha=0.6)
            axes.vlines(middle, low, high, color=INK, linewidth=1)
            axes.text(middle, 1.02, f"{count:,}", ha="center", fontsize=8, rotation=rotation)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Confidence", ylabel="Accuracy")
        axes.text(-0.02, 1.02, "Examples", ha="right", fontsize=8)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1))
        return encode_png(figure)
