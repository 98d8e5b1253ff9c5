"""Who is it? A run's model asked about any media, through the same functions as the build.

A face is one example. A clip is as many as it has whole windows, one behind the other from its
start, as a build without overlap cuts them; of a clip longer than MOST_WINDOWS of them, that many,
spread evenly. One that is shorter than a window is a single one, repeated until it is full. The
answer is the mean of the windows' probabilities; a window without a usable sound, which a build
would reject, is passed over where others have one. A model of both that takes halves answers of
one alone, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.evaluation_dir import THRESHOLD_NAME
from facevoice.evaluation.media_inputs import spectrograms, with_missing
from facevoice.evaluation.runs import Run
from facevoice.features import FeatureSettings, MediaError, probe_audio, read_face
from tfdata.schema import IMAGE, SPECTROGRAM
from tfdata.storage.addresses import check_address
from tfdata.storage.files import read_json

Bytes = NDArray[np.uint8]
MOST_WINDOWS = 20  # of one clip: a minute, at 3 s each


class UnusableError(EvaluationError):
    """A file that a model cannot be asked about: one sentence."""


@dataclass(frozen=True)
class Question:
    """Media of one person: the paths of those that the model reads, or of a half of them.

    `start_seconds` names a single window of the clip; without it, the whole clip is meant.
    """

    face: str | None = None
    audio: str | None = None
    start_seconds: float | None = None


@dataclass(frozen=True)
class Candidate:
    """Somebody whom the model knows, by identity."""

    name: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """What a model says of one question.

    Attributes:
      face, audio: paths, as they were given.
      answer: identity of the likeliest person; None where that is nobody whom the model knows.
      known: whether it is somebody whom the model knows; None where it could not be asked.
      people: the likeliest, in that order.
      error: why the model could not be asked: one sentence.
    """

    face: str | None
    audio: str | None
    answer: str | None = None
    known: bool | None = None
    people: tuple[Candidate, ...] = ()
    error: str | None = None


def predict(run: Run, question: Question, threshold: float | None, top: int) -> Prediction:
    """Asks a run's model about one person; the answer does not depend on other questions.

    Args:
      run: the model.
      question: has what the model's modality needs; one of the two, of a run that takes halves.
      threshold: of `read_threshold`; None takes everybody for somebody whom the model knows.
      top: how many people are wanted; more than the model knows gives all.

    Raises:
      EvaluationError: the model answers with what is no number.
    """
    try:
        inputs = inputs_of(run, question)
    except UnusableError as error:
        return Prediction(question.face, question.audio, error=str(error))
    # In float64 the mean of a single window is what the model said, to the bit.
    mean = run.answer(inputs)[0].mean(axis=0, dtype=np.float64)
    order = np.argsort(-mean, kind="stable")[:top]
    people = tuple(Candidate(run.people[i], float(mean[i])) for i in order)
    known = threshold is None or people[0].probability > threshold
    answer = people[0].name if known else None
    return Prediction(question.face, question.audio, answer, known, people)


def inputs_of(run: Run, question: Question) -> dict[str, Bytes]:
    """What the model is given: uint8 arrays [windows, ...] by name, made with the run's settings.

    A face beside several windows is repeated for each, and a medium that is missing is zeros.

    Raises:
      UnusableError: names the file that cannot be used, and why.
    """
    found: dict[str, Bytes] = {}
    if question.face is not None:
        with _naming(question.face):
            found[IMAGE] = read_face(question.face, run.features)[None]
    if question.audio is not None:
        with _naming(question.audio):
            found[SPECTROGRAM] = _windows(question.audio, question.start_seconds, run.features)
    most = max(map(len, found.values()))
    return with_missing(
        run, {name: np.broadcast_to(x, (most, *x.shape[1:])) for name, x in found.items()}
    )


def consecutive_starts(samples: int, settings: FeatureSettings) -> list[int]:
    """Where the windows of a clip begin, samples at `settings.sample_rate_hz`."""
    count = max(1, samples // settings.window_samples)
    chosen = np.linspace(0, count - 1, min(count, MOST_WINDOWS)).round().astype(int)
    return [int(place) * settings.window_samples for place in chosen]


def read_threshold(run: Run) -> float | None:
    """What the largest probability must be above, strictly, for somebody to be known.

    None where nothing has set it (`evaluate.py --unknown` does). It was set on single windows; of
    several, the largest mean is never above the mean of the largest, so a clip is held to more.
    For a model of both it was set on pairs, and promises nothing of a face or a voice alone.

    Raises:
      EvaluationError: the file is damaged.
    """
    path = run.folder / THRESHOLD_NAME
    try:
        threshold = read_json(path)["threshold"]
        if isinstance(threshold, bool) or not 0 <= threshold <= 1:
            raise ValueError(f"its threshold is {threshold}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluationError(
            f"{path} is damaged ({error}); delete it, or have it set again by 'python evaluate.py "
            f"--run {run.folder} --unknown DIR'."
        ) from None
    return float(threshold)


def _windows(path: str, start_seconds: float | None, settings: FeatureSettings) -> Bytes:
    """Spectrograms [windows, bands, frames, 1] of a clip, or of one window of it.

    Raises:
      MediaError: of the first window, where none can be used.
    """
    if start_seconds is None:
        starts = consecutive_starts(probe_audio(path).samples_at(settings.sample_rate_hz), settings)
    else:
        starts = [round(start_seconds * settings.sample_rate_hz)]
    found, errors = spectrograms(path, starts, settings)
    if not found:
        raise errors[0]
    return np.stack(found)


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Says what is wrong with a file in a sentence that names it."""
    try:
        check_address(path)
    except ValueError as error:
        raise UnusableError(f"A file {error}.") from None
    try:
        yield
    except MediaError as error:
        raise UnusableError(f"{path} cannot be used ({error}).") from None
