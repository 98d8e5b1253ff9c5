"""What the server answers: people with probabilities or scores, and what each medium contributes.

The fields of `Answer` are the keys of the JSON of `POST /identify`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facevoice.features import (
    FeatureSettings,
    MediaError,
    consecutive_starts,
    probe_audio,
    read_window,
    spectrogram,
)
from facevoice.reports.image_encoding import face_png, spectrogram_png
from facevoice.reports.rendering import png_data_url

FACE, AUDIO = "face", "audio"  # fields of a request
NOUNS = {FACE: "The face image", AUDIO: "The clip"}


@dataclass(frozen=True)
class Match:
    """A known person.

    Attributes:
      name: as in the dataset or the gallery.
      score: probability, 0 to 1, or the score of a gallery.
    """

    name: str
    score: float


@dataclass(frozen=True)
class Medium:
    """One medium of a query.

    Attributes:
      picture: what was read from the file, as a data URL: the aligned face, or the spectrogram of
        the first usable window.
      caption: what the picture shows.
      people: the nearest people by this medium alone; empty if the model cannot say.
    """

    picture: str
    caption: str
    people: tuple[Match, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """How much face and voice count for the first person, compared with the second.

    Attributes:
      name, rival: the first and the second person.
      face, audio: what each adds to the difference between them.
      unit: of both.
    """

    name: str
    rival: str
    face: float
    audio: float
    unit: str


@dataclass(frozen=True)
class Answer:
    """The answer to one query.

    Attributes:
      answer: name; None for an unknown person, or without a threshold for the score.
      known: whether the person is accepted as known; None if that cannot be decided.
      people: the nearest people, nearest first.
      score: 'probability' or 'score', which `people` have.
      threshold: the score that a known person exceeds; None if there is none.
      threshold_source: where the threshold comes from, or why there is none.
      face, audio: what was read from each medium; None if it was not given.
      evidence: None for one medium, or if the model cannot say.
    """

    answer: str | None
    known: bool | None
    people: tuple[Match, ...]
    score: str
    threshold: float | None
    threshold_source: str
    face: Medium | None
    audio: Medium | None
    evidence: Evidence | None


class Backend(Protocol):
    """What answers queries: a run or a gallery. A gallery's also has the methods of `Enroller`.

    Attributes:
      title: for the page.
      accepts: the combinations of media that can be answered.
      has_gallery: whether people can be enrolled and forgotten.
    """

    title: str
    accepts: tuple[tuple[str, ...], ...]
    has_gallery: bool

    def warm(self) -> None:
        """Loads what the first query needs, in the thread that answers queries."""

    def identify(self, media: Mapping[str, str]) -> Answer:
        """Returns the answer for media files by field.

        Raises:
          FaceVoiceError: the media cannot be used; its text may contain the path.
        """


class Enroller(Protocol):
    """What enrols and forgets people; see `gallery_backend.GalleryBackend`."""

    def people(self) -> dict[str, dict[str, int]]:
        """Returns the number of samples by modality of each person."""

    def enroll(self, name: str, media: Mapping[str, str], files: Mapping[str, str]) -> int:
        """Adds samples of a person; returns how many were new."""

    def forget(self, name: str) -> None:
        """Removes a person."""


def face_medium(pixels: NDArray[np.uint8], people: tuple[Match, ...]) -> Medium:
    """Returns a face, uint8 [height, width, 3], as a medium of an answer."""
    return Medium(png_data_url(face_png(pixels)), "The face as it was read", people)


def audio_medium(
    levels: NDArray[np.uint8], windows: int, settings: FeatureSettings, people: tuple[Match, ...]
) -> Medium:
    """Returns a clip as a medium of an answer.

    Args:
      levels: spectrogram of the first usable window, uint8 [bands, frames].
      windows: how many windows are used.
      settings: of the spectrogram.
      people: nearest people by the clip alone.
    """
    which = f"The first of {windows} windows" if windows > 1 else "The only window"
    caption = (
        f"{which}, {settings.window_seconds:g} s; from {settings.min_hz:g} Hz at the bottom to "
        f"{settings.max_hz:g} Hz at the top; light is loud"
    )
    return Medium(png_data_url(spectrogram_png(levels)), caption, people)


def first_spectrogram(path: str, settings: FeatureSettings) -> NDArray[np.uint8]:
    """Returns the spectrogram of the first usable window of a clip, uint8 [bands, frames].

    Raises:
      MediaError: no window can be used; the error is that of the first.
    """
    errors = []
    for start in consecutive_starts(
        probe_audio(path).samples_at(settings.sample_rate_hz), settings
    ):
        try:
            return spectrogram(read_window(path, start, settings), settings)
        except MediaError as error:
            errors.append(error)
    raise errors[0]


def finite(value: Any) -> float:
    """Returns a number for JSON, which has no infinity: the largest float in its place."""
    return float(np.nan_to_num(value))
