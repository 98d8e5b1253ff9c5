"""Finds the examples of a person or a video in a split.

Shards are not ordered by people. The index is built from the texts of all records, without their
arrays: in seconds for 100,000 records. It is cached beside the index of `facevoice.random_access`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.random_access import Examples, cached_array
from tfdata.errors import DatasetError
from tfdata.schema import IDENTITY, SESSION
from tfdata.text import quoted

Integers = NDArray[np.int64]
LABEL, VIDEO = range(2)  # columns of a table


class PersonIndex:
    """The numbers of the examples of each person of a split, in stored order."""

    def __init__(self, examples: Examples) -> None:
        """Reads the index from the cache, or builds it.

        Args:
          examples: of the split.

        Raises:
          DatasetError: a record is damaged, or is of a person or video that the manifest lacks.
        """
        people = examples.manifest.people
        self._videos = _video_lists(examples)
        table = cached_array(
            f"{examples.manifest_sha256}-{examples.split}-people",
            lambda array: _fits(array, len(examples), len(people)),
            lambda: build_table(examples),
        )
        order = np.argsort(table[:, LABEL], kind="stable")
        self._numbers, self._video_of = order, table[order, VIDEO]
        self._starts = np.searchsorted(table[order, LABEL], np.arange(len(people) + 1))

    def of_person(self, label: int) -> Integers:
        """Returns the numbers of a person's examples."""
        return self._numbers[self._starts[label] : self._starts[label + 1]]

    def of_video(self, label: int, video: str) -> Integers:
        """Returns the numbers of the examples of a person's video; none if there is no such."""
        videos = self._videos[label]
        if video not in videos:
            return self._numbers[:0]
        return self.of_person(label)[self._person_videos(label) == videos.index(video)]

    def videos(self, label: int) -> dict[str, int]:
        """Returns the videos of a person with their numbers of examples; those without are omitted.

        An example is of the video of its clip.
        """
        counts = np.bincount(self._person_videos(label), minlength=len(self._videos[label]))
        return {
            video: int(count)
            for video, count in zip(self._videos[label], counts, strict=True)
            if count
        }

    def _person_videos(self, label: int) -> Integers:
        return self._video_of[self._starts[label] : self._starts[label + 1]]


def build_table(examples: Examples) -> Integers:
    """Returns label and video of each example, int64 [examples, 2].

    VIDEO is the position in the manifest's list of the person's videos in the split.

    Raises:
      DatasetError: as `PersonIndex`.
    """
    labels = {name: person.label for name, person in examples.manifest.people.items()}
    positions = [{video: i for i, video in enumerate(each)} for each in _video_lists(examples)]
    table = np.empty((len(examples), 2), np.int64)
    for number in range(len(examples)):
        texts = examples.texts(number, (IDENTITY, SESSION))
        label = labels.get(texts[IDENTITY])
        video = None if label is None else positions[label].get(texts[SESSION])
        if label is None or video is None:
            raise DatasetError(
                f"Example {number} of {examples.split} is of the video {quoted(texts[SESSION])} of "
                f"{quoted(texts[IDENTITY])}, which the manifest lacks; check the dataset with "
                f"'facevoice check'."
            )
        table[number] = label, video
    return table


def _video_lists(examples: Examples) -> list[list[str]]:
    """Returns the videos of each person in the split, by label."""
    sessions = examples.manifest.splits[examples.split].sessions
    return [sessions.get(identity, []) for identity in examples.manifest.people]


def _fits(table: NDArray[Any], examples: int, people: int) -> bool:
    return table.shape == (examples, 2) and bool(np.all((table >= 0) & (table[:, :1] < people)))
