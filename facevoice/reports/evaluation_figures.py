"""Figures of an evaluation, as PNG bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import norm

from facevoice.reports.figures import BLUE, FAINT, ORANGE, STYLE, WIDTH, png_of

COLOURS = (ORANGE, BLUE)
MARKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)  # of the axes of a DET curve
RATES = (0.0005, 0.9)  # its ends
LONG_LINES: Any = {"agg.path.chunksize": 10_000}

Points = tuple[NDArray[np.float64], NDArray[np.float64]]


def det(curves: Mapping[str, Points]) -> bytes:
    """Misses against false accepts, (false accepts, misses) by name.

    Both axes are normal deviates, so that scores of normal distributions give straight lines
    (Martin et al., 1997).
    """
    with mpl.rc_context(STYLE | LONG_LINES):
        figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
        axes = figure.subplots()
        low, high = norm.ppf(RATES)
        axes.plot((low, high), (low, high), color=FAINT, linestyle="--", linewidth=1)
        for (name, rates), colour in zip(curves.items(), COLOURS, strict=False):
            # Rates of 0 and 1 lie at infinity: the line leaves the frame towards them.
            accepts, misses = (norm.ppf(np.clip(rate, 1e-9, 1 - 1e-9)) for rate in rates)
            axes.plot(accepts, misses, color=colour, label=name)
        places = norm.ppf(MARKS)
        labels = [f"{mark:.1%}" if mark < 0.01 else f"{mark:.0%}" for mark in MARKS]
        axes.set_xticks(places, labels)
        axes.set_yticks(places, labels)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.set(xlabel="two people taken for one", ylabel="one person taken for two")
        axes.grid(color=FAINT, linewidth=0.5)
        if len(curves) > 1:
            axes.legend()
        return png_of(figure)


def reliability(bins: Mapping[str, Any]) -> bytes:
    """Accuracy against confidence.

    Args:
      bins: `counts`, `confidence` and `accuracy` of each bin of equal width.
    """
    counts = np.array(bins["counts"])
    edges = np.linspace(0, 1, len(counts) + 1)
    filled = counts > 0
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        upper.plot((0, 1), (0, 1), color=FAINT, linestyle="--", linewidth=1)
        upper.plot(
            np.array(bins["confidence"])[filled],
            np.array(bins["accuracy"])[filled],
            color=ORANGE,
            marker="o",
            markersize=4,
            clip_on=False,
        )
        upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="how often it is right")
        lower.bar(edges[:-1], counts, np.diff(edges), align="edge", color=BLUE)
        lower.set(xlabel="how sure the model is", ylabel="examples")
        lower.yaxis.get_major_locator().set_params(integer=True)
        return png_of(figure)
