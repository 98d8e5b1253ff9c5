"""Draws docs/images/speech.png: a clip, its speech, and its windows before and after detection.

    python benchmarks/speech_picture.py docs/images/speech.png

The clip is of the sample corpus's first two voices, with noise before, between and after them.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
import soundfile
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facevoice.features import FeatureSettings
from facevoice.features.voice_activity import (
    DETECTOR_RATE_HZ,
    FRAME_SAMPLES,
    MIN_PROBABILITY,
    check_detector,
    find_windows,
    speech_probabilities,
)
from facevoice.reports.chart_style import BLUE, INK, ORANGE, STYLE, WIDTH, encode_png
from facevoice.sample_corpus.channels import clip_wav
from facevoice.sample_corpus.people import PEOPLE

SETTINGS = FeatureSettings(voice_activity="silero")
PAUSES_SECONDS = (2.0, 2.5, 2.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, help="PNG to write")
    args = parser.parse_args()
    samples = clip()
    check_detector()
    frames = speech_probabilities(samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES])
    wav = io.BytesIO()
    soundfile.write(wav, samples, DETECTOR_RATE_HZ, format="WAV", subtype="PCM_16")
    wav.seek(0)
    window = SETTINGS.window_samples
    planned = list(range(0, len(samples) - window + 1, window))
    found = find_windows(wav, SETTINGS, window, len(planned))
    starts = [each.start_samples for each in found]
    is_speech = frames >= MIN_PROBABILITY
    rows = {
        "planned": [(start, share(is_speech, start)) for start in planned],
        "used": list(zip(starts, [each.speech_share for each in found], strict=True)),
    }
    args.picture.write_bytes(draw(samples, is_speech, rows))


def clip() -> NDArray[np.float32]:
    """Returns two voices with noise before, between and after them."""
    noise = np.random.default_rng(0)
    parts = []
    for number, seconds in enumerate(PAUSES_SECONDS):
        parts.append(noise.normal(0, 0.01, round(seconds * DETECTOR_RATE_HZ)))
        if number < len(PAUSES_SECONDS) - 1:
            wav = io.BytesIO(clip_wav(PEOPLE[number].voice, number, 0, 0))
            parts.append(soundfile.read(wav, dtype="float32")[0])
    return np.concatenate(parts).astype(np.float32)


def share(is_speech: NDArray[np.bool_], start: int) -> float:
    """Returns the share of a planned window that is speech, by whole frames."""
    first = start // FRAME_SAMPLES
    return float(is_speech[first : first + SETTINGS.window_samples // FRAME_SAMPLES].mean())


def draw(
    samples: NDArray[np.float32],
    is_speech: NDArray[np.bool_],
    rows: dict[str, list[tuple[int, float]]],
) -> bytes:
    """Draws the waveform with its speech, and below it the windows with their shares of speech."""
    seconds = np.arange(len(samples)) / DETECTOR_RATE_HZ
    edges = np.arange(len(is_speech) + 1) * FRAME_SAMPLES / DETECTOR_RATE_HZ
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
        wave, windows = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        wave.plot(seconds, samples, color=INK, lw=0.3)
        steps = np.append(is_speech, False)
        height = 1.05 * np.abs(samples).max()
        wave.fill_between(
            edges, -height, height, where=steps, step="post", color=BLUE, alpha=0.25, lw=0
        )
        wave.set(ylim=(-height, height), yticks=[], title="clip, speech shaded")
        for place, found in enumerate(rows.values()):
            for start, speech in found:
                is_used = speech >= SETTINGS.min_speech
                left, length = start / DETECTOR_RATE_HZ, SETTINGS.window_seconds
                windows.barh(
                    -place,
                    length,
                    left=left,
                    height=0.7,
                    color=BLUE if is_used else ORANGE,
                    edgecolor="white",
                )
                windows.text(
                    left + length / 2,
                    -place,
                    f"{speech:.0%}",
                    color="white",
                    ha="center",
                    va="center",
                    fontsize=8,
                )
        windows.set(
            xlim=(0, len(samples) / DETECTOR_RATE_HZ),
            xlabel="s",
            yticks=[-place for place in range(len(rows))],
            yticklabels=list(rows),
        )
        return encode_png(figure)


if __name__ == "__main__":
    main()
