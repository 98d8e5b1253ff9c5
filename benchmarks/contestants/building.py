"""What all contestants of the build share: the pairs, the questions, and how output is compared."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from contest import Work, unordered_digest

ROOT = Path(__file__).parents[2]

# Each process works on one core: several threads of a small matrix product would only compete.
os.environ["OMP_NUM_THREADS"] = "1"

Pair = tuple[str, str, str]
Build = Callable[[Path, Path, int, Path], dict[str, Any]]


def pairs_of(faces: Path, audio: Path) -> list[Pair]:
    """Identity, image and clip of each pair: those of one video, in the order of their names."""
    images, clips = sorted(faces.rglob("*.jpg")), sorted(audio.rglob("*.wav"))
    return [
        (image.relative_to(faces).parts[0], str(image), str(clip))
        for image, clip in zip(images, clips, strict=True)
    ]


def works(build: Build, arrays: Callable[[Path], Iterable[bytes]] | None) -> dict[str, Work]:
    """The questions that a way to build answers.

    Args:
      build: makes a data set: (faces, audio, pairs, output) to whatever else it has to tell.
      arrays: reads back all images and spectrograms; None: it makes others than ours.
    """

    def check(corpus: dict[str, Any], output: str) -> dict[str, Any]:
        answer = timed_build(build, corpus, output)
        if arrays is None:
            return answer
        return answer | {"digest": unordered_digest(arrays(Path(output)))}

    def slope(small: dict[str, Any], large: dict[str, Any], output: str) -> dict[str, Any]:
        first, second = (timed_build(build, corpus, output) for corpus in (small, large))
        seconds = second["seconds"] - first["seconds"]
        if seconds <= 0:
            raise ValueError("the large build took no longer than the small one; make it larger")
        return first | {"pairs_per_second": (large["pairs"] - small["pairs"]) / seconds}

    return {"check": check, "slope": slope}


def timed_build(build: Build, corpus: dict[str, Any], output: str) -> dict[str, Any]:
    """Builds into an empty folder; what the build tells, and its seconds."""
    shutil.rmtree(output, ignore_errors=True)
    Path(output).mkdir(parents=True)
    faces, audio = Path(corpus["faces"]), Path(corpus["audio"])
    started = time.perf_counter()
    told = build(faces, audio, corpus["pairs"], Path(output))
    return told | {"seconds": time.perf_counter() - started}
