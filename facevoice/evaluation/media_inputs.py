"""Reads media files into the inputs of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.runs import Run
from facevoice.features import FeatureSettings, MediaError, Reason, read_window, spectrogram
from facevoice.features.audio import spread_indices
from facevoice.features.voice_activity import find_windows
from tfdata.loader import MODALITIES
from tfdata.schema import IMAGE, SPECTROGRAM

Bytes = NDArray[np.uint8]


def read_spectrograms(
    path: Path | str, starts: Sequence[int], settings: FeatureSettings
) -> tuple[list[Bytes], list[MediaError]]:
    """Reads windows of a clip as spectrograms [bands, frames, 1].

    Args:
      path: path of the clip.
      starts: first sample of each window, at `settings.sample_rate_hz`.
      settings: feature settings of the run.

    Returns:
      The spectrograms of usable windows, and the errors of the others.
    """
    found, errors = [], []
    for start in starts:
        try:
            found.append(spectrogram(read_window(path, start, settings), settings)[..., None])
        except MediaError as error:
            errors.append(error)
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


def fill_missing(run: Run, found: Mapping[str, Bytes]) -> dict[str, Bytes]:
    """Returns all inputs of a model, with zeros for missing ones.

    Only models with `accepts_missing` treat zeros as missing.
    """
    shapes = {IMAGE: run.image_shape, SPECTROGRAM: run.spectrogram_shape}
    (length,) = {len(array) for array in found.values()}
    return {
        name: found[name] if name in found else np.zeros((length, *shapes[name]), np.uint8)
        for name in MODALITIES[run.modality]
    }
