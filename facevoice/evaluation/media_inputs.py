"""What a model is given of media files, for whoever asks it about some."""

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


def spectrograms(
    path: Path | str, starts: Sequence[int], settings: FeatureSettings
) -> tuple[list[Bytes], list[MediaError]]:
    """A clip's windows [bands, frames, 1] that begin there, and what is wrong with the others.

    Args:
      path: of the clip.
      starts: samples at `settings.sample_rate_hz`.
      settings: of the run.
    """
    found, errors = [], []
    for start in starts:
        try:
            found.append(spectrogram(read_window(path, start, settings), settings)[..., None])
        except MediaError as error:
            errors.append(error)
    return found, errors


def with_missing(run: Run, found: Mapping[str, Bytes]) -> dict[str, Bytes]:
    """All inputs of a model: those that were found, and zeros for the others.

    Only a run that takes halves understands them (`models.product_of_experts.Evidence`).
    """
    shapes = {IMAGE: run.image_shape, SPECTROGRAM: run.spectrogram_shape}
    (length,) = {len(array) for array in found.values()}
    return {
        name: found[name] if name in found else np.zeros((length, *shapes[name]), np.uint8)
        for name in MODALITIES[run.modality]
    }
