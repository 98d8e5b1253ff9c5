"""Benchmark of builds with encoders: pairs/s, memory of a worker, and where the time goes.

Rates are slopes between a small and a large build with two workers, as in the group `build`. The
faces and voices of the sample corpus are drawn, which does not change the cost of an embedding.

    python benchmarks/encoder_builds.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from build import build_once
from corpora import PEOPLE, Corpus, make_corpus
from harness import FULL, Config

from facevoice.encoders import ge2e
from facevoice.encoders.registry import audio_encoder, image_encoder
from facevoice.features import (
    FeatureSettings,
    extract_face,
    read_face,
    read_window,
    spectrogram,
)

FACE, VOICE = "--face_encoder=dlib_resnet", "--voice_encoder=ge2e"
BUILDS = {"none": [], "face": [FACE], "voice": [VOICE], "both": [FACE, VOICE]}
WORKER_MB = 700.0  # target
SMALL_SHARE = 4  # the large build has about this many times as many pairs
MEDIA = 20  # files of which steps are timed


def run(config: Config) -> str:
    """Returns the tables of this group."""
    large = make_corpus(config.encoded)
    small = make_corpus(PEOPLE * max(1, config.encoded // SMALL_SHARE // PEOPLE))
    lines = [
        f"### Builds with encoders: slope from {small.pairs:,} to {large.pairs:,} pairs, two "
        f"workers\n",
        "| encoders | pairs/s | largest worker, MB | target |",
        "|---|---|---|---|",
    ]
    for name, flags in BUILDS.items():
        rates, peaks = [], []
        for _ in range(config.rounds):
            (few_seconds, _), (many_seconds, peak) = (
                build_once(corpus, [*flags, "--face_detector=none"]) for corpus in (small, large)
            )
            rates.append((large.pairs - small.pairs) / (many_seconds - few_seconds))
            peaks.append(peak.child_mb)
        verdict = "met" if max(peaks) < WORKER_MB else "missed"
        lines.append(
            f"| {name} | {median(rates):.1f} | {max(peaks):.0f} | below {WORKER_MB:g}: {verdict} |"
        )
    return "\n".join([*lines, "", step_table(large), ""])


def step_table(corpus: Corpus) -> str:
    """Returns a table of the CPU time of each step of a pair, in one thread."""
    settings = FeatureSettings()
    face, voice = image_encoder("dlib_resnet"), audio_encoder("ge2e")
    images = sorted(Path(corpus.faces).rglob("*.jpg"))[:MEDIA]
    clips = sorted(Path(corpus.audio).rglob("*.wav"))[:MEDIA]
    aligned = [read_face(path, face.features) for path in images]
    windows = [read_window(path, 0, settings) for path in clips]
    steps: dict[str, float] = {
        "image file to stored image": milliseconds(
            lambda i: extract_face(images[i], settings), len(images)
        ),
        "image file to aligned face (decoding, detection, alignment)": milliseconds(
            lambda i: read_face(images[i], face.features), len(images)
        ),
        "aligned face to embedding": milliseconds(lambda i: face(aligned[i]), len(images)),
        "clip to window": milliseconds(lambda i: read_window(clips[i], 0, settings), len(clips)),
        "window to spectrogram": milliseconds(
            lambda i: spectrogram(windows[i], settings), len(clips)
        ),
        "window to mel spectra of the encoder": milliseconds(
            lambda i: ge2e.mel_parts(windows[i]), len(clips)
        ),
        "window to embedding, with these": milliseconds(lambda i: voice(windows[i]), len(clips)),
    }
    rows = [f"| {name} | {value:.1f} |" for name, value in steps.items()]
    return "\n".join(["| CPU time of a step, in one thread | ms |", "|---|---|", *rows])


def milliseconds(step: Callable[[int], object], count: int) -> float:
    """Returns the median CPU time of a step over the indices below `count`."""
    times = []
    step(0)
    for index in range(count):
        started = time.process_time()
        step(index)
        times.append(time.process_time() - started)
    return 1e3 * median(times)


if __name__ == "__main__":
    print(run(FULL))
