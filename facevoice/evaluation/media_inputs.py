"""Reads media files into the inputs of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from facevoice.encoders.media import embed_face, embed_window
from facevoice.evaluation.runs import Run
from facevoice.features import (
    FeatureSettings,
    MediaError,
    Reason,
    read_face,
    read_window,
    spectrogram,
)
from facevoice.features.audio import spread_indices
from facevoice.features.voice_activity import find_windows

Array = NDArray[Any]


def read_face_input(run: Run, path: Path | str) -> Array:
    """Reads a face image as an input of a run's model: an image, or the embedding of its face.

    Raises:
      MediaError: the file cannot be used.
      DetectorError, EncoderError, WeightsError: the detector or the encoder cannot run.
    """
    encoder = run.media_encoders().get("image")
    if encoder is None:
        return read_face(path, run.features)
    # As in the build: without a face detector, images are crops of faces.
    or_centre = run.features.face_detector == "none"
    return embed_face(path, encoder.name, or_centre).embedding


def read_window_inputs(
    run: Run, path: Path | str, starts: Sequence[int]
) -> tuple[list[Array], list[MediaError]]:
    """Reads windows of a clip as inputs of a run's model.

    Args:
      run: the run.
      path: path of the clip.
      starts: first sample of each window, at the run's sample_rate_hz.

    Returns:
      The spectrograms [bands, frames, 1], or the embeddings [dimension], of usable windows, and the
      errors of the others.

    Raises:
      EncoderError, WeightsError: the encoder cannot run.
    """
    settings, encoder = run.features, run.media_encoders().get("audio")
    found: list[Array] = []
    errors = []
    for start in starts:
        try:
            samples = read_window(path, start, settings)
        except MediaError as error:
            errors.append(error)
            continue
        if encoder is None:
            found.append(spectrogram(samples, settings)[..., None])
        else:
            found.append(embed_window(samples, settings.sample_rate_hz, encoder.name))
    return found, errors


def speech_starts(path: Path | str, most: int, settings: FeatureSettings) -> list[int]:
    """Returns the first samples of a clip's windows with speech, spread evenly if there are many.

    Args:
      path: path of the clip.
      most: maximum number of windows.
      settings: feature settings of the run, with voice activity detection.

    Raises:
      MediaError: no_speech, or the clip cannot be read.
      VoiceActivityError: the detector is missing.
    """
    found = find_windows(path, settings, settings.window_samples)
    if not found:
        raise MediaError(
            Reason.NO_SPEECH, f"no window with {settings.min_speech:.0%} of speech or more"
        )
    return [found[index].start_samples for index in spread_indices(len(found), most)]


def fill_missing(run: Run, found: Mapping[str, Array]) -> dict[str, Array]:
    """Returns all inputs of a model, with zeros for missing ones.

    Only models with `accepts_missing` treat zeros as missing.
    """
    (length,) = {len(array) for array in found.values()}
    return {name: found[name] if name in found else run.zeros(name, length) for name in run.inputs}
