"""How often each of the 256 levels occurs, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, eq=False)
class Levels:
    """A histogram of uint8 values; histograms of several arrays add up.

    `counts`: int64 [256].
    """

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))

    @classmethod
    def of(cls, values: NDArray[np.uint8]) -> Levels:
        return cls(np.bincount(values.ravel(), minlength=256))

    def __add__(self, other: Levels) -> Levels:
        return Levels(self.counts + other.counts)

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
    def lowest(self) -> int:
        return int(np.flatnonzero(self.counts)[0])

    @property
    def highest(self) -> int:
        return int(np.flatnonzero(self.counts)[-1])

    def share(self, level: int) -> float:
        """Which share of the values is this level."""
        return float(self.counts[level] / self.total)

    def quantile(self, share: float) -> int:
        """The lowest level that at least this share of the values does not exceed."""
        return int(np.searchsorted(np.cumsum(self.counts), share * self.total))

    def sparkline(self, bars: int = 32) -> str:
        """The histogram in one line; heights are square roots, or one level would hide the rest."""
        heights = np.sqrt(self.counts.reshape(bars, -1).sum(axis=1))
        steps = np.ceil(heights / heights.max() * (len(_BARS) - 1)).astype(int)
        return "".join(_BARS[step] for step in steps)
