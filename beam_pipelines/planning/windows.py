"""Which pieces of a clip can be taken: windows, first ones before second ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from beam_pipelines.corpus.listing import Clip
from beam_pipelines.planning.hashing import rank


@dataclass(frozen=True)
class Grid:
    """Where windows may lie in a clip, in samples of the rate that clips are brought to."""

    sample_rate_hz: int
    window_samples: int
    overlap: float = 0.0

    @property
    def step_samples(self) -> int:
        """From the start of one window to that of the next."""
        return max(1, round(self.window_samples * (1 - self.overlap)))


@dataclass(frozen=True)
class Window:
    """A piece of a clip that begins at `start_samples` of the rate it is resampled to."""

    clip: Clip
    start_samples: int

    @property
    def path(self) -> str:
        return self.clip.path

    @property
    def session(self) -> str:
        return self.clip.session


def cut_windows(clips: Sequence[Clip], grid: Grid, seed: int, most_of_a_clip: int) -> list[Window]:
    """The windows of all clips: first windows before second ones, clips by the rank of a path.

    Windows lie wholly inside of their clip; one that is shorter than a window has a single one, to
    be filled up. `most_of_a_clip` bounds what a header can claim.
    """
    windows = []
    for clip in sorted(clips, key=lambda clip: rank(seed, "clip", clip.path)):
        beyond_first = clip.facts.samples_at(grid.sample_rate_hz) - grid.window_samples
        count = min(1 + max(0, beyond_first) // grid.step_samples, most_of_a_clip)
        windows += [Window(clip, i * grid.step_samples) for i in range(count)]
    return sorted(windows, key=lambda window: window.start_samples)  # stable
