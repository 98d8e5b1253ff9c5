"""Small real media and small real builds for the tests."""

from __future__ import annotations

import gc
import io
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

# TensorFlow and Beam make many objects that stay: collecting seldom saves a tenth of the CPU time.
gc.set_threshold(50_000, 20, 20)

RATE_HZ = 16000
# Small shapes, so that a build takes a second.
SMALL = [
    "--image_size=16",
    "--window_seconds=0.5",
    "--bands=16",
    "--frames=8",
    "--fft_size=256",
    "--num_shards=2",
    "--face_detector=none",
    "--no_card_audio",  # encoding takes time
]
ONE_PROCESS = ["--direct_running_mode=in_memory", "--direct_num_workers=1"]


def pytest_configure() -> None:
    # A shell starts background jobs with SIGINT ignored, which commands of the tests would inherit.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    gc.freeze()  # the imported modules


@dataclass(frozen=True)
class Corpus:
    """Folders in VoxCeleb1's layout."""

    faces: Path
    audio: Path
    meta: Path

    @property
    def flags(self) -> list[str]:
        return [f"--faces={self.faces}", f"--audio={self.audio}", f"--meta={self.meta}"]


def write_face(path: Path, seed: int, size: tuple[int, int] = (40, 48)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_face(seed, size, path.suffix))


def write_clip(path: Path, seed: int, seconds: float = 0.6, rate_hz: int = RATE_HZ) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_clip(seed, seconds, rate_hz, path.suffix))


@cache  # many corpora have the same files
def _face(seed: int, size: tuple[int, int], suffix: str) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (size[1] // 4, size[0] // 4, 3))
    file = io.BytesIO()
    image = Image.fromarray(noise.astype(np.uint8)).resize(size)
    image.save(file, Image.registered_extensions()[suffix], quality=90)
    return file.getvalue()


@cache
def _clip(seed: int, seconds: float, rate_hz: int, suffix: str) -> bytes:
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate_hz))
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, subtype="PCM_16", format=suffix[1:])
    return file.getvalue()


def write_corpus(
    root: Path, people: int = 3, videos: int = 5, per_video: int = 2, seconds: float = 0.6
) -> Corpus:
    """`per_video` faces and clips in each of `videos` videos of each of `people` people."""
    lines = ["VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"]
    seed = 0
    for person in range(people):
        name, code = f"Person_{person}", f"id{10000 + person}"
        lines.append(f"{code}\t{name}\tf\tNowhere\ttest")
        for video in range(videos):
            for item in range(per_video):
                seed += 1
                session = f"-video{person}{video}"
                write_face(root / "faces" / name / "1.6" / session / f"{item * 25:07d}.jpg", seed)
                write_clip(root / "wav" / code / session / f"{item:05d}.wav", seed, seconds)
    meta = root / "vox1_meta.csv"
    meta.write_text("\n".join(lines) + "\n")
    return Corpus(root / "faces", root / "wav", meta)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Three people with five videos of two faces and two clips; not to be changed by a test."""
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory that a link could lead to, where nothing may change."""
    path = tmp_path / "outside"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def no_figures() -> Iterator[None]:
    """For the tests of a module that do not look at figures."""
    from tests import tools

    with tools.no_figures():
        yield


@pytest.fixture(scope="session")
def build() -> Iterator[Callable[..., int]]:
    """Runs the build command in this process and returns its exit code."""
    from beam_pipelines.build import main
    from tests import beam_caches

    def run(*flags: str) -> int:
        return main([*SMALL, *ONE_PROCESS, *flags])

    with pytest.MonkeyPatch.context() as patch:
        beam_caches.install(patch)
        yield run


@pytest.fixture(scope="session")
def data_set(
    corpus: Corpus, build: Callable[..., int], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The dataset of `corpus`; not to be changed by a test."""
    output = tmp_path_factory.mktemp("data") / "set"
    assert build(*corpus.flags, f"--output={output}") == 0
    return output
