"""Draws the figures of a run or an evaluation, which are finished without them, too."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping

from tfdata.command_line import say

DrawFigure = Callable[[], bytes]  # returns a PNG image


def draw_figures(figures: Mapping[str, DrawFigure]) -> dict[str, bytes]:
    """Draws figures; returns file name to PNG image.

    A figure that cannot be drawn is left out, and a line on stderr says why: the results of a
    training of hours are worth more than a picture of them. Warnings of Matplotlib are one line,
    too.
    """
    drawn = {}
    for name, draw in figures.items():
        with warnings.catch_warnings(record=True) as caught:
            try:
                drawn[name] = draw()
            except Exception as error:
                reason = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
                _warn(f"{name} could not be drawn ({reason}); all other files are written.")
        for message in dict.fromkeys(str(each.message) for each in caught):
            _warn(f"{name}: {message}")
    return drawn


def _warn(message: str) -> None:
    say(f"warning: {message}", file=sys.stderr)
