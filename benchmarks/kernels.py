"""Kernels: one clip to a uint8 spectrogram, one JPEG to a uint8 face, in one thread each.

Times are of the processor, of all threads of a process: a library that starts several gains nothing
by it. Spectrograms are compared by size and type, as each is of a kind of its own; what decodes and
resizes with the same libraries as we do has to give our pixels, where we decode all of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from arena import Answer, Contestant, Result, Ring, Scale, refused_unequal, started, table
from environments import HOME
from media import ROOT
from PIL import Image

from facevoice.features import FeatureSettings, read_window
from facevoice.sample_corpus import make_sample_corpus
from tfdata.command_line import SAMPLE_CORPUS

OURS = Contestant("FaceVoice", "own", "kernels_facevoice.py")
SPECTROGRAMS = {
    OURS: "spectrogram",
    Contestant("librosa.cqt", "own", "kernels_librosa.py"): "cqt",
    Contestant("librosa.feature.melspectrogram", "own", "kernels_librosa.py"): "mel",
    Contestant("librosa.stft, mel filterbank kept", "own", "kernels_librosa.py"): "mel_kept",
    Contestant("tf.signal, mel, traced", "own", "kernels_tensorflow.py"): "mel",
    Contestant("tf.signal, mel, compiled by XLA", "own", "kernels_tensorflow.py"): "mel_compiled",
    Contestant("nnAudio, CQT2010v2", "torch", "kernels_nnaudio.py"): "cqt",
    Contestant("nnAudio, MelSpectrogram", "torch", "kernels_nnaudio.py"): "mel",
}
PILLOW = Contestant("Pillow: bare decoding and resizing", "own", "kernels_pillow.py")
SIMPLEJPEG = Contestant("simplejpeg, Pillow resizes", "peers", "kernels_simplejpeg.py")
FACES = {
    OURS: "face",
    PILLOW: "face",
    SIMPLEJPEG: "face",
    Contestant("tf.io and tf.image", "own", "kernels_tensorflow.py"): "face",
    Contestant("pyvips", "peers", "kernels_pyvips.py"): "face",
}
FASTER, AT_MOST = 2.0, 1.05
LARGE_PX = (1920, 1080)
LARGE_SHARE = 5  # of the media, one in so many is also made large
SLOW = "cqt"  # works that take so long that a tenth of the media will do
ROUNDS = 3  # for each of the other groups' rounds: these are short


def rows(scale: Scale) -> str:
    """The tables of this group."""
    sample = make_sample_corpus(ROOT / SAMPLE_CORPUS)
    clips = sorted(sample.audio.rglob("*.wav"))[: scale.media]
    settings = FeatureSettings()
    rounds = ROUNDS * scale.rounds
    with tempfile.TemporaryDirectory(prefix="kernels-", dir=HOME) as folder:
        windows = Path(folder) / "windows.npy"
        np.save(windows, np.stack([read_window(clip, 0, settings) for clip in clips]))
        about: Answer = {"windows": str(windows), "count": scale.media}
        with started(list(SPECTROGRAMS)) as ring:
            spectrograms = measured(ring, SPECTROGRAMS, about, rounds)
        few = scale.media // LARGE_SHARE
        enlarge(sorted(sample.faces.rglob("*.jpg"))[:few], Path(folder))
        with started(list(FACES)) as ring:
            about = {"folder": str(sample.faces), "count": scale.media}
            faces = measured(ring, FACES, about, rounds)
            large_faces = measured(ring, FACES, {"folder": folder, "count": few}, rounds)
    size = f"{settings.image_size} x {settings.image_size}"
    width, height = LARGE_PX
    return "\n".join(
        (
            kernel_table(
                f"Kernels: {settings.window_seconds:g} s in memory to a spectrogram of "
                f"{settings.bands} x {settings.frames}",
                spectrograms,
                {other.name: FASTER for other in SPECTROGRAMS if other != OURS},
            ),
            kernel_table(
                f"Kernels: a JPEG on disk to a face of {size}",
                faces_of_equal_pixels(faces),
                {PILLOW.name: 1 / AT_MOST},
            ),
            # Compared by size and type: we decode fewer pixels, which changes levels a little.
            kernel_table(
                f"Kernels: a JPEG of {width:,} x {height:,} to a face of {size}",
                large_faces,
                {PILLOW.name: 1 / AT_MOST},
            ),
        )
    )


def enlarge(pictures: Sequence[Path], folder: Path) -> None:
    """Writes pictures at LARGE_PX; they are smoother than photographs of that size."""
    for number, path in enumerate(pictures):
        with Image.open(path) as picture:
            picture.resize(LARGE_PX).save(folder / f"{number:05d}.jpg", quality=90)


def measured(
    ring: Ring, works: Mapping[Contestant, str], about: Answer, rounds: int
) -> list[Result]:
    """Asks each for its work in turns; who gives arrays of another size or type is refused."""

    def question(each: Contestant) -> Answer:
        count = about["count"] // (10 if works[each] == SLOW else 1)
        return {**about, "work": works[each], "count": count}

    return refused_unequal(ring.contest(question, rounds), OURS.name, key="output")


def faces_of_equal_pixels(results: list[Result]) -> list[Result]:
    """Refuses other pixels than ours of those who decode and resize as we do."""
    alike = (OURS.name, PILLOW.name, SIMPLEJPEG.name)
    judged = refused_unequal([r for r in results if r.name in alike], OURS.name)
    return [next((j for j in judged if j.name == result.name), result) for result in results]


def kernel_table(title: str, results: list[Result], targets: Mapping[str, float]) -> str:
    return table(
        title, results, OURS.name, "ms", lambda a: float(a["ms"]), targets, less_is_better=True
    )
