"""Where media lie: people in two folder trees, and the files of one person.

Two layouts are read, and both are one rule. VoxCeleb: `faces/<name>/1.6/<video>/<frame>.jpg` and
`wav/<id>/<video>/<number>.wav`, with the names and ids joined by `vox1_meta.csv`. Plain: any
`<identity>/**/<file>`, in both trees under the same identity. The sub-folders below an identity
name the video; a loose file is a video of its own, named after its stem.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from beam_pipelines.errors import BuildError
from features import AudioFacts, MediaError, probe_audio

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".mpo")
)
AUDIO_SUFFIXES = frozenset(
    (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64", ".rf64")
)
# VoxCeleb's face tree has a level that says by how much the crops were widened.
_WIDENED_BY = re.compile(r"\d+\.\d+")


@dataclass(frozen=True)
class Face:
    """An image file. `path` is relative to the faces' folder; `stamp` changes with the file."""

    path: str
    session: str
    stamp: str


@dataclass(frozen=True)
class Clip:
    """An audio file, and what its header says."""

    path: str
    session: str
    stamp: str
    facts: AudioFacts


@dataclass(frozen=True)
class Reject:
    """A media file that cannot be used, and why (a value of `features.Reason`)."""

    path: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Person:
    """One identity and its two folders, relative to the two roots."""

    identity: str
    face_folder: str
    audio_folder: str
    meta: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PersonMedia:
    """All media of one person, in no meaningful order."""

    person: Person
    faces: tuple[Face, ...]
    clips: tuple[Clip, ...]
    rejects: tuple[Reject, ...]


def find_people(
    faces_root: Path, audio_root: Path, meta: Path | None, exclude: tuple[str, ...] = ()
) -> list[Person]:
    """The people who have a folder in both trees, by identity, without those to exclude.

    Raises:
      BuildError: a folder or meta file that is not there or cannot be read, nobody in common, or
        an excluded name that is not in the corpus.
    """
    face_folders = _folders(faces_root, "--faces")
    audio_folders = _folders(audio_root, "--audio")
    rows = _same_names(audio_folders) if meta is None else read_meta(meta)
    people = []
    for audio_id, identity, facts in rows:
        # Some unpackers strip the dot that a few names end in.
        face_folder = identity if identity in face_folders else identity.rstrip(".")
        if face_folder in face_folders and audio_id in audio_folders:
            people.append(Person(identity, face_folder, audio_id, facts))
    if not people:
        linked = "by equal folder names" if meta is None else f"through {meta}"
        raise BuildError(
            f"No person has both faces and audio: {faces_root} holds {_example(face_folders)}, "
            f"{audio_root} holds {_example(audio_folders)}, and {linked} they have nobody in "
            f"common; check --faces, --audio and --meta."
        )
    known = {name for person in people for name in (person.identity, person.audio_folder)}
    if strangers := sorted(set(exclude) - known):
        raise BuildError(
            f"--exclude names {', '.join(strangers)}, who is not among the {len(people)} people "
            f"of this corpus; give a name such as {people[0].identity}."
        )
    kept = [p for p in people if not {p.identity, p.audio_folder} & set(exclude)]
    if not kept:
        raise BuildError("--exclude leaves nobody; take a name out of it.")
    return sorted(kept, key=lambda person: person.identity)


def read_meta(path: Path) -> list[tuple[str, str, dict[str, str]]]:
    """Reads a VoxCeleb meta file: (id of the audio folder, name of the face folder, other facts).

    Tabs or commas, any line ends, `VoxCeleb1 ID` or `VoxCeleb1_ID`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"The meta file {path} cannot be read: {error}.") from None
    lines = text.splitlines()
    table = csv.reader(lines, delimiter="\t" if lines and "\t" in lines[0] else ",")
    header = [name.strip().replace("_", " ") for name in next(table, [])]
    ids = [i for i, name in enumerate(header) if name.lower().startswith("voxceleb")]
    names = [i for i, name in enumerate(header) if name.lower().startswith("vggface")]
    if not ids or not names:
        raise BuildError(
            f"The meta file {path} begins with {lines[0][:80] if lines else ''!r}; its first line "
            f"must name the columns, among them 'VoxCeleb1 ID' and 'VGGFace1 ID'."
        )
    rows = []
    for row in table:
        if len(row) > max(ids[0], names[0]):
            cells = [cell.strip() for cell in row]
            facts = {
                name.lower(): cell
                for i, (name, cell) in enumerate(zip(header, cells, strict=False))
                if i not in (ids[0], names[0])
            }
            rows.append((cells[ids[0]], cells[names[0]], {"id": cells[ids[0]]} | facts))
    return rows


def list_media(person: Person, faces_root: Path, audio_root: Path) -> PersonMedia:
    """Lists the files of one person and reads the headers of the clips."""
    faces = [
        Face(path, session, _stamp(status))
        for path, session, status in _walk(faces_root, person.face_folder, IMAGE_SUFFIXES)
    ]
    clips, rejects = [], []
    for path, session, status in _walk(audio_root, person.audio_folder, AUDIO_SUFFIXES):
        try:
            facts = probe_audio(audio_root / path)
        except MediaError as error:
            rejects.append(Reject(path, error.reason.value, error.detail))
        else:
            clips.append(Clip(path, session, _stamp(status), facts))
    return PersonMedia(person, tuple(faces), tuple(clips), tuple(rejects))


def session_of(path_below_identity: PurePosixPath) -> str:
    """The video that a file belongs to."""
    folders = path_below_identity.parent.parts
    if folders and _WIDENED_BY.fullmatch(folders[0]):
        folders = folders[1:]
    return "/".join(folders) or path_below_identity.stem


def _walk(
    root: Path, folder: str, suffixes: frozenset[str]
) -> Iterator[tuple[str, str, os.stat_result]]:
    for parent, _, names in os.walk(root / folder):
        for name in names:
            path = Path(parent, name)
            if path.suffix.lower() in suffixes and not name.startswith("."):
                below = PurePosixPath(path.relative_to(root / folder).as_posix())
                yield f"{folder}/{below}", session_of(below), path.stat()


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size}:{status.st_mtime_ns}"


def _folders(root: Path, flag: str) -> set[str]:
    try:
        with os.scandir(root) as entries:
            folders = {e.name for e in entries if e.is_dir() and not e.name.startswith(".")}
    except OSError as error:
        raise BuildError(f"{flag} {root} cannot be listed: {error.strerror}.") from None
    if not folders:
        raise BuildError(f"{flag} {root} holds no folders; it needs one folder a person.")
    return folders


def _same_names(folders: set[str]) -> list[tuple[str, str, dict[str, str]]]:
    return [(name, name, {}) for name in folders]


def _example(folders: set[str]) -> str:
    return f"{len(folders)} such as {min(folders)!r}"
