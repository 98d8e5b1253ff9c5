"""Draws figures of the error analysis as PNG: robustness curves and expert margins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from facevoice.reports.chart_style import BLUE, FAINT, INK, ORANGE, SOFT, STYLE, WIDTH, encode_png
from facevoice.reports.error_analysis_text import CORRUPTIONS, MEDIA, OTHER_MEDIUM, amount_text
from facevoice.reports.results import read_conditions


def robustness_curves(robustness: Sequence[Mapping[str, Any]]) -> bytes:
    """Draws the accuracy by strength of each corruption, with 95% intervals.

    Args:
      robustness: value of `robustness` in `metrics.json`; clean inputs are first.
    """
    conditions = read_conditions(robustness)
    intact = conditions[0].top_1
    without = {each.medium: each.top_1.share for each in conditions if each.kind == "missing"}
    kinds = [kind for kind in CORRUPTIONS if any(each.kind == kind for each in conditions)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.3 * len(kinds)), layout="constrained")
        for axes, kind in zip(figure.subplots(len(kinds), squeeze=False).flat, kinds, strict=True):
            corrupted = [each for each in conditions if each.kind == kind]
            medium = corrupted[0].medium
            axes.axhline(intact.share, color=SOFT, linewidth=1)
            levels = [(intact.share, "clean")]
            if medium in without:
                alone = without[medium]
                axes.axhline(alone, color=BLUE, linestyle="--", linewidth=1.5)
                levels.append((alone, f"{OTHER_MEDIUM[medium]} alone"))
            _label_lines(axes, levels)
            accuracies = [intact, *(each.top_1 for each in corrupted)]
            shares = np.array([each.share for each in accuracies])
            intervals = np.array([[each.low, each.high] for each in accuracies]).T
            axes.errorbar(
                range(len(accuracies)),
                shares,
                yerr=np.abs(intervals - shares),
                color=ORANGE,
                marker="o",
                markersize=4,
                capsize=3,
                elinewidth=1,
                clip_on=False,
            )
            axes.set_xticks(range(len(accuracies)), ["clean", *map(amount_text, corrupted)])
            axes.set(ylim=(0, 1), ylabel="Accuracy")
            axes.set_title(f"{CORRUPTIONS[kind]} the {MEDIA[medium]}", loc="left", fontsize=10)
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        return encode_png(figure)


def margin_scatter(face: NDArray[np.floating[Any]], voice: NDArray[np.floating[Any]]) -> bytes:
    """Draws the margin of the voice expert by that of the face expert.

    Args:
      face: margins of the face expert, nats [n].
      voice: margins of the voice expert, nats [n]. The fusion is correct if the sum is above 0.
    """
    correct = face + voice > 0
    end = 1.15 * max(float(np.abs([face, voice]).max()), 1e-3)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, WIDTH), layout="constrained")
        axes = figure.subplots()
        axes.fill([-end, end, end], [end, -end, end], color=BLUE, alpha=0.12, linewidth=0)
        axes.plot([-end, end], [end, -end], color=INK, linewidth=1)
        for draw_zero in (axes.axhline, axes.axvline):
            draw_zero(0, color=FAINT, linewidth=1, zorder=0)
        size = float(np.clip(3000 / len(correct), 4, 28))
        for chosen, colour, marker, name in (
            (correct, BLUE, "o", "correct"),
            (~correct, ORANGE, "X", "wrong"),
        ):
            label = f"{name}: {chosen.sum():,}"
            points: Any = {"color": colour, "marker": marker, "alpha": 0.8, "linewidth": 0}
            axes.scatter(face[chosen], voice[chosen], size, label=label, **points)
        for x, y, text in (
            (0.98, 0.98, "both prefer the person"),
            (0.48, 0.98, "only voice prefers the person"),
            (0.98, 0.02, "only face prefers the person"),
            (0.48, 0.02, "both prefer the rival"),
        ):
            style: Any = {"ha": "right", "va": "top" if y > 0.5 else "bottom", "color": SOFT}
            axes.text(x, y, text, transform=axes.transAxes, fontsize=9, **style)
        axes.set(xlim=(-end, end), ylim=(-end, end), aspect="equal")
        axes.set(
            xlabel="Margin of the face expert, nats", ylabel="Margin of the voice expert, nats"
        )
        figure.legend(loc="outside upper left", ncols=2)
        return encode_png(figure)


def _label_lines(axes: Axes, levels: Sequence[tuple[float, str]]) -> None:
    """Labels horizontal lines, (height, label), at their right ends, without overlap."""
    height = -math.inf
    for line, label in sorted(levels):
        height = max(line, height + 0.13)
        axes.text(
            1.01, height, label, transform=axes.get_yaxis_transform(), va="center", fontsize=8
        )
