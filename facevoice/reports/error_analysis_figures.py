"""Charts of what a model's answers rest on, and of how they fail, as PNG bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from facevoice.reports.error_analysis_text import DAMAGES, MEDIA, OTHER, amount_of
from facevoice.reports.figures import BLUE, FAINT, INK, ORANGE, STYLE, WIDTH, png_of

Measured = Mapping[str, Any]


def curves(found: Sequence[Measured]) -> bytes:
    """Accuracy by strength of each kind of damage, with 95 % intervals.

    Args:
      found: what `metrics.json` says of robustness, the intact first.
    """
    intact = found[0]["top_1"]
    missing = {
        each["medium"]: each["top_1"]["share"] for each in found if each["kind"] == "missing"
    }
    kinds = [kind for kind in DAMAGES if any(each["kind"] == kind for each in found)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.3 * len(kinds)), layout="constrained")
        for axes, kind in zip(figure.subplots(len(kinds), squeeze=False).flat, kinds, strict=True):
            damaged = [each for each in found if each["kind"] == kind]
            medium = damaged[0]["medium"]
            axes.axhline(intact["share"], color=FAINT, linewidth=1)
            if medium in missing:
                alone = missing[medium]
                axes.axhline(alone, color=BLUE, linestyle="--", linewidth=1.5)
                _beside(axes, alone, f"{OTHER[medium]}\nalone")
            shares = [intact, *(each["top_1"] for each in damaged)]
            heights = np.array([share["share"] for share in shares])
            ends = np.array([[share["low"], share["high"]] for share in shares]).T
            axes.errorbar(
                range(len(shares)),
                heights,
                yerr=np.abs(ends - heights),
                color=ORANGE,
                marker="o",
                markersize=4,
                capsize=3,
                elinewidth=1,
                clip_on=False,
            )
            axes.set_xticks(range(len(shares)), ["none", *map(amount_of, damaged)])
            axes.set(ylim=(0, 1), ylabel="accuracy")
            axes.set_title(f"{DAMAGES[kind]} the {MEDIA[medium]}", loc="left", fontsize=10)
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        return png_of(figure)


def margins(face: NDArray[np.floating[Any]], voice: NDArray[np.floating[Any]]) -> bytes:
    """What each expert says for the true person, against its strongest rival.

    Args:
      face, voice: margins, nats [n]; right where their sum is above 0.
    """
    right = face + voice > 0
    end = 1.15 * max(float(np.abs([face, voice]).max()), 1e-3)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, WIDTH), layout="constrained")
        axes = figure.subplots()
        axes.fill([-end, end, end], [end, -end, end], color=BLUE, alpha=0.12, linewidth=0)
        axes.plot([-end, end], [end, -end], color=INK, linewidth=1)
        for value in (axes.axhline, axes.axvline):
            value(0, color=FAINT, linewidth=1, zorder=0)
        size = float(np.clip(3000 / len(right), 4, 28))
        for chosen, colour, marker, name in (
            (right, BLUE, "o", "right"),
            (~right, ORANGE, "X", "wrong"),
        ):
            label = f"{name}: {chosen.sum():,}"
            look: Any = {"color": colour, "marker": marker, "alpha": 0.8, "linewidth": 0}
            axes.scatter(face[chosen], voice[chosen], size, label=label, **look)
        for x, y, words in (
            (0.98, 0.98, "both for the person"),
            (0.48, 0.98, "voice for, face against"),
            (0.87, 0.02, "face for, voice against"),
            (0.48, 0.02, "both against"),
        ):
            look = {"ha": "right", "va": "top" if y > 0.5 else "bottom", "alpha": 0.7}
            axes.text(x, y, words, transform=axes.transAxes, fontsize=9, **look)
        axes.set(xlim=(-end, end), ylim=(-end, end), aspect="equal")
        axes.set(xlabel="the face's margin, nats", ylabel="the voice's margin, nats")
        figure.legend(loc="outside upper left", ncols=2)
        return png_of(figure)


def _beside(axes: Axes, height: float, words: str) -> None:
    """Words at the right end of a line at that height."""
    place = axes.get_yaxis_transform()
    axes.text(1.01, height, words, transform=place, va="center", fontsize=8)
