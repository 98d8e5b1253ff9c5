"""Benchmark of the kernels: one clip to a uint8 spectrogram, one JPEG to a uint8 face.

Times are CPU times of all threads of a process, so multi-threaded libraries have no advantage.
Spectrograms are compared by shape and type only, because the transforms differ. Competitors that
decode and resize with FaceVoice's libraries must produce equal pixels for JPEGs that FaceVoice
decodes in full.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from corpora import ROOT
from environments import HOME
from harness import (
    Competitor,
    Config,
    Message,
    Result,
    RunningCompetitors,
    reject_mismatches,
    started,
    table,
)
from PIL import Image

from facevoice.features import FeatureSettings, read_window
from facevoice.sample_corpus import make_sample_corpus
from tfdata.command_line import SAMPLE_CORPUS

OURS = Competitor("FaceVoice", "own", "kernels_facevoice.py")
SPECTROGRAMS = {
    OURS: "spectrogram",
    Competitor("librosa.cqt", "own", "kernels_librosa.py"): "cqt",
    Competitor("librosa.feature.melspectrogram", "own", "kernels_librosa.py"): "mel",
    Competitor("librosa.stft, mel filterbank kept", "own", "kernels_librosa.py"): "mel_kept",
    Competitor("tf.signal, mel, traced", "own", "kernels_tensorflow.py"): "mel",
    Competitor("tf.signal, mel, compiled by XLA", "own", "kernels_tensorflow.py"): "mel_compiled",
    Competitor("nnAudio, CQT2010v2", "torch", "kernels_nnaudio.py"): "cqt",
    Competitor("nnAudio, MelSpectrogram", "torch", "kernels_nnaudio.py"): "mel",
}
PILLOW = Competitor("Pillow: bare decoding and resizing", "own", "kernels_pillow.py")
SIMPLEJPEG = Competitor("simplejpeg, Pillow resizes", "peers", "kernels_simplejpeg.py")
DETECTED = Competitor("FaceVoice, face detector", "own", "kernels_facevoice.py")
FACES = {
    OURS: "face",
    PILLOW: "face",
    SIMPLEJPEG: "face",
    Competitor("tf.io and tf.image", "own", "kernels_tensorflow.py"): "face",
    Competitor("pyvips", "peers", "kernels_pyvips.py"): "face",
}
SPECTROGRAM_SPEEDUP, MAX_TIME_OF_PILLOW = 2.0, 1.05  # targets
LARGE_PX = (1920, 1080)
LARGE_EVERY = 5  # one of so many images is also measured at LARGE_PX
SLOW = "cqt"  # a slow task, which gets a tenth of the media
ROUNDS = 3  # per round of the other groups, because these rounds are short


def run(config: Config) -> str:
    """Returns the tables of this group."""
    sample = make_sample_corpus(ROOT / SAMPLE_CORPUS)
    clips = sorted(sample.audio.rglob("*.wav"))[: config.media]
    settings = FeatureSettings()
    rounds = ROUNDS * config.rounds
    with tempfile.TemporaryDirectory(prefix="kernels-", dir=HOME) as folder:
        windows = Path(folder) / "windows.npy"
        np.save(windows, np.stack([read_window(clip, 0, settings) for clip in clips]))
        media: Message = {"windows": str(windows), "count": config.media}
        with started(list(SPECTROGRAMS)) as running:
            spectrograms = measure(running, SPECTROGRAMS, media, rounds)
        few = config.media // LARGE_EVERY
        enlarge(sorted(sample.faces.rglob("*.jpg"))[:few], Path(folder))
        with started([*FACES, DETECTED]) as running:
            media = {"folder": str(sample.faces), "count": config.media}
            faces = measure(running, {**FACES, DETECTED: "detected_face"}, media, rounds)
            # These are stretched, which no detector is for.
            large: Message = {"folder": folder, "count": few}
            large_faces = measure(running.subset(list(FACES)), FACES, large, rounds)
    size = f"{settings.image_size} x {settings.image_size}"
    width, height = LARGE_PX
    return "\n".join(
        (
            kernel_table(
                f"Kernels: {settings.window_seconds:g} s in memory to a spectrogram of "
                f"{settings.bands} x {settings.frames}",
                spectrograms,
                {other.name: SPECTROGRAM_SPEEDUP for other in SPECTROGRAMS if other != OURS},
            ),
            kernel_table(
                f"Kernels: a JPEG on disk to a face of {size}",
                check_pixels(faces),
                {PILLOW.name: 1 / MAX_TIME_OF_PILLOW},
            ),
            # Pixels are not compared: FaceVoice decodes large JPEGs at a reduced size.
            kernel_table(
                f"Kernels: a JPEG of {width:,} x {height:,} to a face of {size}",
                large_faces,
                {PILLOW.name: 1 / MAX_TIME_OF_PILLOW},
            ),
        )
    )


def enlarge(images: Sequence[Path], folder: Path) -> None:
    """Writes images at LARGE_PX; they are smoother than photographs of that size."""
    for number, path in enumerate(images):
        with Image.open(path) as image:
            image.resize(LARGE_PX).save(folder / f"{number:05d}.jpg", quality=90)


def measure(
    running: RunningCompetitors, tasks: Mapping[Competitor, str], media: Message, rounds: int
) -> list[Result]:
    """Measures competitors in turns; rejects results whose arrays differ in shape or type."""

    def request(each: Competitor) -> Message:
        count = media["count"] // (10 if tasks[each] == SLOW else 1)
        return {**media, "task": tasks[each], "count": count}

    return reject_mismatches(running.run_rounds(request, rounds), OURS.name, key="output")


def check_pixels(results: list[Result]) -> list[Result]:
    """Rejects results of competitors that use FaceVoice's libraries but give other pixels."""
    names = (OURS.name, PILLOW.name, SIMPLEJPEG.name)
    compared = [result for result in results if result.name in names]
    checked = {result.name: result for result in reject_mismatches(compared, OURS.name)}
    return [checked.get(result.name, result) for result in results]


def kernel_table(title: str, results: list[Result], targets: Mapping[str, float]) -> str:
    return table(
        title, results, OURS.name, "ms", lambda a: float(a["ms"]), targets, less_is_better=True
    )
