"""Writes the sample corpus atomically, in VoxCeleb1's layout.

Files are written to a hidden staging directory beside the output, which is renamed at the end.
After an interruption only the staging directory remains; the next run removes it. Only one process
may write a corpus at a time.
"""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from facevoice.sample_corpus.channels import clip_wav
from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.naming import (
    CORPUS_VERSION,
    ITEMS_PER_VIDEO,
    VIDEOS_PER_PERSON,
    clip_file,
    face_file,
    video_id,
)
from facevoice.sample_corpus.people import PEOPLE, speaker_id

MARKER: Final = "SAMPLE_CORPUS.txt"
META_HEADER: Final = ("VoxCeleb1 ID", "VGGFace1 ID", "Gender", "Nationality", "Set")

_FIRST_LINE: Final = "FaceVoice sample corpus, version "
_MARKER_TEXT: Final = f"""{_FIRST_LINE}{CORPUS_VERSION}

{len(PEOPLE)} invented people, {VIDEOS_PER_PERSON} videos each, {{items}} faces and \
{{items}} clips a video.
Every face is drawn and every voice is synthesised by a program. No real person is shown or heard.
The folders are laid out as in VoxCeleb1; nothing in them comes from it.
Licence: Apache-2.0.
"""


@dataclass(frozen=True)
class SampleCorpus:
    """Paths of a sample corpus: face images, clips and the meta file."""

    faces: Path
    audio: Path
    meta: Path


def corpus_paths(root: Path) -> SampleCorpus:
    """Returns the paths of a corpus at `root`, which need not exist."""
    return SampleCorpus(root / "unzippedFaces", root / "wav", root / "vox1_meta.csv")


def meta_text() -> str:
    """Returns the content of the meta file, tab-separated like VoxCeleb1's."""
    rows = [META_HEADER]
    for index, person in enumerate(PEOPLE):
        rows.append((speaker_id(index), person.name, person.gender, "Sampleland", "test"))
    return "".join("\t".join(row) + "\n" for row in rows)


def write_person(root: Path, index: int, items_per_video: int = ITEMS_PER_VIDEO) -> None:
    """Writes all images and clips of a person below `root`."""
    person, corpus = PEOPLE[index], corpus_paths(root)
    for video in range(VIDEOS_PER_PERSON):
        name = video_id(index, video)
        faces = corpus.faces / person.name / "1.6" / name
        clips = corpus.audio / speaker_id(index) / name
        faces.mkdir(parents=True)
        clips.mkdir(parents=True)
        for item in range(items_per_video):
            image = face_jpeg(person.face, index, video, item)
            (faces / face_file(index, video, item)).write_bytes(image)
            (clips / clip_file(item)).write_bytes(clip_wav(person.voice, index, video, item))


def _version(root: Path) -> str | None:
    """Returns the version of the sample corpus at `root`, or None if there is none."""
    try:
        first, *_ = (root / MARKER).read_text(encoding="utf-8").split("\n")
    except (FileNotFoundError, NotADirectoryError):
        return None
    return first.removeprefix(_FIRST_LINE) if first.startswith(_FIRST_LINE) else None


def _is_complete(root: Path, items_per_video: int) -> bool:
    """Returns whether `root` has a corpus of this version and size with all files."""
    corpus = corpus_paths(root)
    count = len(PEOPLE) * VIDEOS_PER_PERSON * items_per_video
    return (
        _version(root) == str(CORPUS_VERSION)
        and corpus.meta.is_file()
        and sum(1 for _ in corpus.faces.glob("*/1.6/*/*.jpg")) == count
        and sum(1 for _ in corpus.audio.glob("*/*/*.wav")) == count
    )


def _check_replaceable(root: Path) -> None:
    """Raises ValueError if `root` has content other than a sample corpus."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return
    if _version(root) is None:
        raise ValueError(
            f"{root} exists and is not a sample corpus (it has no {MARKER}); choose another "
            "directory, or move this one."
        )


def make_sample_corpus(
    root: Path,
    progress: Callable[[int, int], None] | None = None,
    items_per_video: int = ITEMS_PER_VIDEO,
) -> SampleCorpus:
    """Writes the sample corpus, unless a complete one exists.

    A sample corpus of another size is replaced.

    Args:
      root: directory of the corpus.
      progress: called with (people written, all people) after each person.
      items_per_video: images per video, and clips per video.

    Returns:
      The paths of the corpus.

    Raises:
      ValueError: `root` has content other than a sample corpus.
    """
    root = Path(root)
    if _is_complete(root, items_per_video):
        return corpus_paths(root)
    _check_replaceable(root)
    staging = root.with_name(f".{root.name}.making")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    # Forked workers could deadlock on locks of the caller's threads.
    workers = min(os.cpu_count() or 1, len(PEOPLE))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [
            pool.submit(write_person, staging, index, items_per_video)
            for index in range(len(PEOPLE))
        ]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            if progress is not None:
                progress(done, len(PEOPLE))
    corpus_paths(staging).meta.write_text(meta_text(), encoding="utf-8")
    (staging / MARKER).write_text(_MARKER_TEXT.format(items=items_per_video), encoding="utf-8")
    if root.exists():  # empty, or a sample corpus that is incomplete or of another version or size
        shutil.rmtree(root)
    staging.rename(root)
    return corpus_paths(root)
