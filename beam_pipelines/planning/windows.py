"""Cuts clips into windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from beam_pipelines.corpus.listing import Clip, Video
from beam_pipelines.planning.hashing import rank


@dataclass(frozen=True)
class Grid:
    """Positions of windows in a clip, in samples after resampling."""

    sample_rate_hz: int
    window_samples: int
    overlap: float = 0.0

    @property
    def step_samples(self) -> int:
        """Returns the hop between the starts of consecutive windows."""
        return max(1, round(self.window_samples * (1 - self.overlap)))


@dataclass(frozen=True)
class Window:
    """A window of a clip; `start_samples` counts samples after resampling.

    That of a video is a moment: it has frames, too. It counts from the start of the file.
    """

    clip: Clip | Video
    start_samples: int

    @property
    def path(self) -> str:
        return self.clip.path

    @property
    def session(self) -> str:
        return self.clip.session

    @property
    def stamp(self) -> str:
        return self.clip.stamp

    @property
    def is_moment(self) -> bool:
        return isinstance(self.clip, Video)


def cut_windows(clips: Sequence[Clip], grid: Grid, seed: int, max_per_clip: int) -> list[Window]:
    """Returns the windows of all clips: first windows before second ones, clips by rank of path.

    Windows lie inside their clip; a clip that is shorter than a window has one, which is padded.

    Args:
      clips: the clips.
      grid: the positions of windows.
      seed: seed of the ranks.
      max_per_clip: maximum number of windows per clip, because a header can claim any length.
    """
    windows = []
    for clip in sorted(clips, key=lambda clip: rank(seed, "clip", clip.path)):
        beyond_first = clip.facts.samples_at(grid.sample_rate_hz) - grid.window_samples
        count = min(1 + max(0, beyond_first) // grid.step_samples, max_per_clip)
        windows += [Window(clip, i * grid.step_samples) for i in range(count)]
    return sorted(windows, key=lambda window: window.start_samples)  # stable
