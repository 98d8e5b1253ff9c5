"""Draws confusion matrices, DET curves and reliability diagrams as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import norm

from facevoice.reports.chart_style import BLUE, FAINT, INK, ORANGE, STYLE, WIDTH, encode_png
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


def det_curve(curves: Mapping[str, Rates]) -> bytes:
    """Draws detection error tradeoff (DET) curves.

    Both axes are normal deviates, so normally distributed scores give straight lines (Martin et
    al., 1997).

    Args:
      curves: name to false accept rates and miss rates.
    """
    with mpl.rc_context(STYLE | _LONG_LINES):
        figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
        axes = figure.subplots()
        low, high = norm.ppf(_LIMITS)
        axes.plot((low, high), (low, high), color=FAINT, linestyle="--", linewidth=1)
        for (name, rates), colour in zip(curves.items(), _COLOURS, strict=False):
            # Rates of 0 and 1 are at infinity; clipped, they still leave the frame.
            accepts, misses = (norm.ppf(np.clip(rate, 1e-9, 1 - 1e-9)) for rate in rates)
            axes.plot(accepts, misses, color=colour, label=name)
        positions = norm.ppf(_TICKS)
        labels = [f"{tick:.1%}" if tick < 0.01 else f"{tick:.0%}" for tick in _TICKS]
        axes.set_xticks(positions, labels)
        axes.set_yticks(positions, labels)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.set(xlabel="false accept rate", ylabel="miss rate")
        axes.grid(color=FAINT, linewidth=0.5)
        if len(curves) > 1:
            axes.legend()
        return encode_png(figure)


def reliability_diagram(
    counts: Sequence[int], confidence: Sequence[float], accuracy: Sequence[float]
) -> bytes:
    """Draws accuracy by confidence, above a histogram of the confidence.

    Args:
      counts: number of examples in each bin; the bins have equal width from 0 to 1.
      confidence: mean confidence of each bin.
      accuracy: accuracy of each bin.
    """
    edges = np.linspace(0, 1, len(counts) + 1)
    filled = np.array(counts) > 0
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        upper.plot((0, 1), (0, 1), color=FAINT, linestyle="--", linewidth=1)
        upper.plot(
            np.array(confidence)[filled],
            np.array(accuracy)[filled],
            color=ORANGE,
            marker="o",
            markersize=4,
            clip_on=False,
        )
        upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
        lower.bar(edges[:-1], counts, np.diff(edges), align="edge", color=BLUE)
        lower.set(xlabel="confidence", ylabel="examples")
        lower.yaxis.get_major_locator().set_params(integer=True)
        return encode_png(figure)
