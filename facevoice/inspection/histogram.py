"""Histograms of uint8 values, and statistics from them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, eq=False)
class Histogram:
    """A histogram of uint8 values. Histograms can be added.

    Attributes:
      counts: int64 [256], number of occurrences of each value.
    """

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))

    @classmethod
    def of(cls, values: NDArray[np.uint8]) -> Histogram:
        """Counts the values of an array."""
        return cls(np.bincount(values.ravel(), minlength=256))

    def __add__(self, other: Histogram) -> Histogram:
        return Histogram(self.counts + other.counts)

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        return float(self.counts @ np.arange(256) / self.total)

    @property
    def std(self) -> float:
        return float(np.sqrt(self.counts @ (np.arange(256) - self.mean) ** 2 / self.total))

    @property
    def min(self) -> int:
        return int(np.flatnonzero(self.counts)[0])

    @property
    def max(self) -> int:
        return int(np.flatnonzero(self.counts)[-1])

    def share(self, value: int) -> float:
        """Returns the share of one value."""
        return float(self.counts[value] / self.total)

    def quantile(self, share: float) -> int:
        """Returns the lowest value that at least this share of the values does not exceed."""
        return int(np.searchsorted(np.cumsum(self.counts), share * self.total))

    def sparkline(self, bars: int = 32) -> str:
        """Returns the histogram as one line of text.

        Heights are square roots, so that a single frequent value does not hide the others.
        """
        heights = np.sqrt(self.counts.reshape(bars, -1).sum(axis=1))
        steps = np.ceil(heights / heights.max() * (len(_BARS) - 1)).astype(int)
        return "".join(_BARS[step] for step in steps)
