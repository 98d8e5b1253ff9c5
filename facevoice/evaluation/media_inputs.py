"""Reads media files into the inputs of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.runs import Run
from facevoice.features import FeatureSettings, MediaError, read_window, spectrogram
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
