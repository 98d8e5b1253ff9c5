"""Reads the audio that belongs to a spectrogram from its corpus, and encodes it for pages."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from facevoice.features import FeatureSettings, read_video_window, read_window
from facevoice.features.native_output import without_native_stderr
from tfdata.examples import Example

PAGE_RATE_HZ = 16_000  # every rate of a dataset cannot be that of an MP3
MAX_PAGE_SECONDS = 10.0  # about 60 KB


def read_sound(
    source: str | os.PathLike[str] | BinaryIO, example: Example, settings: FeatureSettings
) -> NDArray[np.float32]:
    """Returns the samples of an example's window, read as a build reads them.

    Args:
      source: path or open file of the example's `audio_source`.
      example: the example.
      settings: of the dataset.

    Raises:
      MediaError: the file cannot be used.
      VideoSupportError: PyAV is missing.
    """
    read = read_window if example.face_time_seconds is None else read_video_window
    with without_native_stderr():  # of libmpg123
        return read(source, example.window_start_samples, settings)


def page_mp3(samples: NDArray[np.float32], sample_rate_hz: int) -> bytes:
    """Encodes the first MAX_PAGE_SECONDS of samples, [samples], as an MP3 that browsers play.

    Equal samples give equal bytes, which Ogg would not. 3 s of speech have about 18 KB.
    """
    samples = samples[: round(MAX_PAGE_SECONDS * sample_rate_hz)]
    mp3 = io.BytesIO()
    soundfile.write(
        mp3,
        soxr.resample(samples, sample_rate_hz, PAGE_RATE_HZ),
        PAGE_RATE_HZ,
        subtype="MPEG_LAYER_III",
        format="MP3",
    )
    return mp3.getvalue()
