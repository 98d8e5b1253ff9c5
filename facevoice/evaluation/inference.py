"""Predicts the person of face images and clips with the model of a run.

Media are read by the same functions as in the build. A face image is one example. A clip is cut
into consecutive windows from its start, as by a build without overlap; of a clip with more than
MOST_WINDOWS windows, that many are used, spread evenly. A clip shorter than a window is repeated
until the window is full. The prediction is the mean of the probabilities of the windows. Windows
without usable sound are skipped if other windows of the clip are usable. If the dataset was built
with voice activity detection, only windows with speech are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.errors import EvaluationError, UnusableError
from facevoice.evaluation.evaluation_dir import THRESHOLD_NAME
from facevoice.evaluation.media_inputs import (
    fill_missing,
    read_face_input,
    read_window_inputs,
    speech_starts,
)
from facevoice.evaluation.runs import Run
from facevoice.features import (
    MOST_WINDOWS,
    MediaError,
    consecutive_starts,
    probe_audio,
)
from facevoice.reports.rendering import render
from tfdata.fields import Range, check_types
from tfdata.storage.addresses import check_address
from tfdata.storage.files import read_json

Array = NDArray[Any]


@dataclass(frozen=True)
class Query:
    """Media of one person to identify.

    Attributes:
      face: path of a face image.
      audio: path of a clip.
      start_seconds: start of the only window of the clip to use; None uses the whole clip.
    """

    face: str | None = None
    audio: str | None = None
    start_seconds: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A known person and the predicted probability."""

    name: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """Prediction for one query.

    Attributes:
      face, audio: paths as given.
      answer: identity of the most probable person; None for an unknown person or after an error.
      known: whether the person is accepted as known; None after an error.
      people: the most probable people, most probable first.
      error: why a file cannot be used; None without an error.
    """

    face: str | None
    audio: str | None
    answer: str | None = None
    known: bool | None = None
    people: tuple[Candidate, ...] = ()
    error: str | None = None

    def _repr_html_(self) -> str:
        """Returns the most probable people as a table."""
        return render("prediction.html", prediction=self)


def predict(run: Run, query: Query, threshold: float | None, top: int) -> Prediction:
    """Predicts the person of one query, independently of other queries.

    Args:
      run: the run.
      query: media for all inputs of the model, or for one of them if the run accepts missing ones.
      threshold: from `read_threshold`; None accepts everyone as known.
      top: maximum number of people to return.

    Raises:
      EvaluationError: the model returns values that are not finite.
      EncoderError, WeightsError: an encoder of the run cannot be used.
    """
    try:
        inputs = model_inputs(run, query)
    except UnusableError as error:
        return Prediction(query.face, query.audio, error=str(error))
    return prediction_of(run, query, run.predict(inputs)[0], threshold, top)


def prediction_of(
    run: Run, query: Query, probabilities: Array, threshold: float | None, top: int
) -> Prediction:
    """Returns the prediction that follows from the probabilities [windows, classes] of a query."""
    # In float64 the mean of a single window is exactly the output of the model.
    mean = probabilities.mean(axis=0, dtype=np.float64)
    order = np.argsort(-mean, kind="stable")[:top]
    people = tuple(Candidate(run.people[i], float(mean[i])) for i in order)
    known = threshold is None or people[0].probability > threshold
    answer = people[0].name if known else None
    return Prediction(query.face, query.audio, answer, known, people)


def check_media(run: Run, query: Query) -> None:
    """Checks that a query has the media that the model needs.

    Raises:
      EvaluationError: it has not.
    """
    needed = {"image": ("face",), "audio": ("audio",), "pair": ("face", "audio")}[run.modality]
    given = tuple(name for name in ("face", "audio") if getattr(query, name) is not None)
    if not given or (given != needed and not run.accepts_missing):
        raise EvaluationError(
            f"The model {run.model} needs {' and '.join(needed)}, but "
            f"{' and '.join(given) or 'nothing'} was given."
        )


def model_inputs(run: Run, query: Query) -> dict[str, Array]:
    """Returns the inputs of the model, arrays [windows, ...] by name.

    A face image is repeated for each window, and a missing medium becomes zeros.

    Raises:
      UnusableError: a file cannot be used.
      EncoderError, WeightsError: an encoder of the run cannot be used.
    """
    found: dict[str, Array] = {}
    if query.face is not None:
        with _named_errors(query.face):
            found[run.inputs[0]] = read_face_input(run, query.face)[None]
    if query.audio is not None:
        with _named_errors(query.audio):
            found[run.inputs[-1]] = _windows(run, query.audio, query.start_seconds)
    count = max(map(len, found.values()))
    return fill_missing(
        run, {name: np.broadcast_to(x, (count, *x.shape[1:])) for name, x in found.items()}
    )


def read_threshold(run: Run) -> float | None:
    """Returns the threshold that the largest probability of a known person must exceed.

    None if 'evaluate.py --unknown' has not set it. The threshold is set on single windows, so it is
    stricter for the mean over several windows. For a model of both media it is set on pairs, and
    its false acceptance rate does not hold for a face or a voice alone.

    Raises:
      EvaluationError: the file is damaged.
    """
    path = run.run_dir / THRESHOLD_NAME
    try:
        content = read_json(path)
        check_types(content, {"threshold": Annotated[float, Range(0, 1)]}, are_required=True)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EvaluationError(
            f"{path} is damaged ({reason}); delete it, or set the threshold again with 'python "
            f"evaluate.py --run {run.run_dir} --unknown DIR'."
        ) from None
    return float(content["threshold"])


def _windows(run: Run, path: str, start_seconds: float | None) -> Array:
    """Returns the windows of a clip, or one window of it, as an input [windows, ...] of the model.

    Raises:
      MediaError: no window can be used; the error is that of the first.
    """
    settings = run.features
    if start_seconds is None and settings.voice_activity != "none":
        starts = speech_starts(path, MOST_WINDOWS, settings)
    elif start_seconds is None:
        starts = consecutive_starts(probe_audio(path).samples_at(settings.sample_rate_hz), settings)
    else:
        starts = [round(start_seconds * settings.sample_rate_hz)]
    found, errors = read_window_inputs(run, path, starts)
    if not found:
        raise errors[0]
    return np.stack(found)


@contextmanager
def _named_errors(path: str) -> Iterator[None]:
    """Turns errors of a file into UnusableErrors that name the file."""
    try:
        check_address(path)
    except ValueError as error:
        raise UnusableError(f"A file {error}.") from None
    try:
        yield
    except MediaError as error:
        raise UnusableError(f"{path} cannot be used ({error}).") from None
