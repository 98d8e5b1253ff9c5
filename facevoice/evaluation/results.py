"""The result of an evaluator: metrics, the arrays they are computed from, figures, and texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from facevoice.reports.drawing import DrawFigure


@dataclass(frozen=True)
class Result:
    """Result of one evaluator.

    Attributes:
      metrics: entries of metrics.json.
      arrays: entries of scores.npz, from which the metrics can be recomputed.
      pictures: file name to a function that draws it.
      texts: file name to text, of other files.
    """

    metrics: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    pictures: dict[str, DrawFigure] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
