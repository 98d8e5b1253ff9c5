"""Moves the planned windows of a shard to where speech is."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from beam_pipelines.planning.windows import Window
from beam_pipelines.shards.fingerprints import Job, ShardPlan
from facevoice.features import MediaError, Reason
from facevoice.features.clips import Source
from facevoice.features.voice_activity import SpeechWindow, find_windows, speech_share
from tfdata.text import counted


class SpeechWindows:
    """Finds the windows with speech of the clips of one shard.

    The n-th planned window of a clip becomes the n-th window with speech (see `find_windows`). So
    the result depends on the clip and the settings only, and windows overlap no more than planned.
    """

    def __init__(self, plan: ShardPlan, job: Job) -> None:
        self._job = job
        self._found: dict[str, list[SpeechWindow]] = {}
        # A clip is heard once for all of its windows in the shard; spares may need a second time.
        self._wanted: dict[str, int] = defaultdict(int)
        for pair in plan.pairs:
            if pair.is_moment:
                continue
            path = pair.window.path
            self._wanted[path] = max(self._wanted[path], self._number(pair.window) + 1)

    def find(self, window: Window, source: Source) -> SpeechWindow:
        """Returns the window with speech that takes the place of a planned one.

        Args:
          window: the planned window.
          source: of its clip, path or open file.

        Raises:
          MediaError: no_speech, or as `find_windows`.
        """
        path, number = window.path, self._number(window)
        if path not in self._found or self._wanted[path] <= number:
            self._wanted[path] = max(self._wanted[path], number + 1)
            features, step = self._job.features, self._job.window_step_samples
            self._found[path] = find_windows(source, features, step, self._wanted[path])
        found = self._found[path]
        if number >= len(found):
            raise MediaError(
                Reason.NO_SPEECH,
                f"{counted(len(found), 'window')} with {self._job.features.min_speech:.0%} of "
                f"speech or more, and window {number + 1} was planned",
            )
        return found[number]

    def check(self, samples: NDArray[np.float32]) -> float:
        """Returns the share of a moment of a video that is speech; moments are not moved.

        Raises:
          MediaError: no_speech.
        """
        share = speech_share(samples, self._job.features)
        if share < self._job.features.min_speech:
            raise MediaError(Reason.NO_SPEECH, f"{share:.0%} of it is speech")
        return share

    def _number(self, window: Window) -> int:
        return window.start_samples // self._job.window_step_samples
