"""Writes the sample corpus: VoxCeleb1's folders, made once and never half.

Everything is written into a hidden sibling folder, marked last, and renamed into place. So a
folder under the asked name is whole, and a making that was cut short leaves only the sibling,
which the next making clears away. One making at a time per folder.
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

{len(PEOPLE)} invented people, {VIDEOS_PER_PERSON} videos each, {ITEMS_PER_VIDEO} faces and \
{ITEMS_PER_VIDEO} clips a video.
Every face is drawn and every voice is synthesised by a program. No real person is shown or heard.
The folders are laid out as in VoxCeleb1; nothing in them comes from it.
Licence: Apache-2.0.
"""


@dataclass(frozen=True)
class SampleCorpus:
    """Where the three parts of the corpus lie."""

    faces: Path
    audio: Path
    meta: Path


def corpus_paths(root: Path) -> SampleCorpus:
    """The corpus's paths under `root`, whether or not it has been made."""
    return SampleCorpus(root / "unzippedFaces", root / "wav", root / "vox1_meta.csv")


def meta_text() -> str:
    """The meta file: tab separated, as VoxCeleb1's."""
    rows = [META_HEADER]
    for index, person in enumerate(PEOPLE):
        rows.append((speaker_id(index), person.name, person.gender, "Sampleland", "test"))
    return "".join("\t".join(row) + "\n" for row in rows)


def write_person(root: Path, index: int) -> None:
    """Write all faces and clips of one person under `root`."""
    person, corpus = PEOPLE[index], corpus_paths(root)
    for video in range(VIDEOS_PER_PERSON):
        name = video_id(index, video)
        faces = corpus.faces / person.name / "1.6" / name
        clips = corpus.audio / speaker_id(index) / name
        faces.mkdir(parents=True)
        clips.mkdir(parents=True)
        for item in range(ITEMS_PER_VIDEO):
            picture = face_jpeg(person.face, index, video, item)
            (faces / face_file(index, video, item)).write_bytes(picture)
            (clips / clip_file(item)).write_bytes(clip_wav(person.voice, index, video, item))


def _version(root: Path) -> str | None:
    """The version a sample corpus at `root` says it has, or None where there is none."""
    try:
        first, *_ = (root / MARKER).read_text(encoding="utf-8").split("\n")
    except (FileNotFoundError, NotADirectoryError):
        return None
    return first.removeprefix(_FIRST_LINE) if first.startswith(_FIRST_LINE) else None


def _is_complete(root: Path) -> bool:
    """Whether `root` holds this version with all its files."""
    corpus = corpus_paths(root)
    count = len(PEOPLE) * VIDEOS_PER_PERSON * ITEMS_PER_VIDEO
    return (
        _version(root) == str(CORPUS_VERSION)
        and corpus.meta.is_file()
        and sum(1 for _ in corpus.faces.glob("*/1.6/*/*.jpg")) == count
        and sum(1 for _ in corpus.audio.glob("*/*/*.wav")) == count
    )


def _check_replaceable(root: Path) -> None:
    """Stop before a folder that is somebody's, rather than replace it."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return
    if _version(root) is None:
        raise ValueError(
            f"{root} exists and is not a sample corpus (it has no {MARKER}): "
            "name another folder, or move this one away."
        )


def make_sample_corpus(
    root: Path, progress: Callable[[int, int], None] | None = None
) -> SampleCorpus:
    """Make the corpus at `root` unless it is there already, and say where its parts lie.

    `progress(done, total)` is called as people are finished.
    """
    root = Path(root)
    if _is_complete(root):
        return corpus_paths(root)
    _check_replaceable(root)
    making = root.with_name(f".{root.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    # Spawned workers import this package afresh, and inherit no threads of the caller's libraries.
    workers = min(os.cpu_count() or 1, len(PEOPLE))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(write_person, making, index) for index in range(len(PEOPLE))]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            if progress is not None:
                progress(done, len(PEOPLE))
    corpus_paths(making).meta.write_text(meta_text(), encoding="utf-8")
    (making / MARKER).write_text(_MARKER_TEXT, encoding="utf-8")
    if root.exists():  # empty, or a sample corpus that is damaged or of another version
        shutil.rmtree(root)
    making.rename(root)
    return corpus_paths(root)
