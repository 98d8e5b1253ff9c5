"""Finds the people of a corpus by the directories of both trees and a metadata file."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from beam_pipelines.corpus.trees import Tree, tree_at
from beam_pipelines.errors import BuildError
from tfdata.storage.base import Place


@dataclass(frozen=True)
class Person:
    """A person and the directories of their media.

    Attributes:
      identity: name in the dataset.
      face_folder, audio_folder: directories, relative to the two roots.
      meta: other columns of the metadata file.
      utterances: split of each clip that a split file lists, by its path below `audio_folder`
        without suffix; None without a split file.
    """

    identity: str
    face_folder: str
    audio_folder: str
    meta: Mapping[str, str] = field(default_factory=dict)
    utterances: Mapping[str, str] | None = None

    def split_of(self, clip_path: str) -> str | None:
        """Returns the split of a clip in the split file, by its path below the audio root."""
        path = PurePosixPath(clip_path).relative_to(self.audio_folder)
        return (self.utterances or {}).get(path.with_suffix("").as_posix())


@dataclass(frozen=True)
class FoundPeople:
    """The people of a corpus, and how many are left out.

    Attributes:
      people: people with a directory in both trees, by identity.
      faces_without_audio, audio_without_faces: number of directories without a counterpart.
      not_in_split_file: number of people that a split file leaves out.
      linked: identities that are left out because their directories are those of another person,
        through symbolic links.
    """

    people: list[Person]
    faces_without_audio: int
    audio_without_faces: int
    not_in_split_file: int = 0
    linked: tuple[str, ...] = ()


def find_people(
    faces_root: Place, audio_root: Place, meta: Path | None, exclude: tuple[str, ...] = ()
) -> FoundPeople:
    """Finds the people who have a directory in both trees.

    Names are compared in Unicode's composed form (NFC), and a trailing dot may be missing on one
    side: some archive tools change the one and strip the other.

    Args:
      faces_root, audio_root: roots of the two trees.
      meta: metadata file that maps audio directories to face directories; None matches equal names.
      exclude: identities or names of audio directories to leave out.

    Raises:
      BuildError: a directory or the metadata file is missing or cannot be read, no person is in
        both trees, or an excluded name is not in the corpus.
    """
    face_folders = _list_folders(faces_root, "--faces")
    audio_folders = _list_folders(audio_root, "--audio")
    rows = [(name, name, {}) for name in audio_folders] if meta is None else read_meta(meta)
    people = []
    for audio_id, identity, facts in rows:
        spellings = (identity, identity.rstrip("."), f"{identity}.")
        face_folder = next((face_folders[n] for n in spellings if n in face_folders), None)
        if face_folder and audio_id in audio_folders:
            people.append(Person(identity, face_folder, audio_folders[audio_id], facts))
    if not people:
        linked = "by equal names" if meta is None else f"by {meta}"
        raise BuildError(
            f"No person has both faces and audio: {faces_root} has {_count_folders(face_folders)}, "
            f"{audio_root} has {_count_folders(audio_folders)}, and {linked} they have no person "
            f"in common; check --faces, --audio and --meta."
        )
    known = {name for person in people for name in _names(person)}
    if unknown := sorted(set(exclude) - known):
        raise BuildError(
            f"--exclude names {', '.join(unknown)}, not found among the {len(people)} people of "
            f"this corpus; give a name such as {people[0].identity}."
        )
    groups = _group_by_real_folders(people, tree_at(faces_root), tree_at(audio_root))
    kept = [group for group in groups if not any(_names(person) & set(exclude) for person in group)]
    if not kept:
        raise BuildError("--exclude leaves nobody; remove a name from it.")
    return FoundPeople(
        sorted((group[0] for group in kept), key=lambda person: person.identity),
        faces_without_audio=len(face_folders) - len({p.face_folder for p in people}),
        audio_without_faces=len(audio_folders) - len({p.audio_folder for p in people}),
        linked=tuple(sorted(person.identity for group in kept for person in group[1:])),
    )


def _group_by_real_folders(
    people: list[Person], face_tree: Tree, audio_tree: Tree
) -> list[list[Person]]:
    """Groups people who have the same directory of faces or audio, through symbolic links.

    A person whose directories are no links comes first, then those of lower identity.
    """

    def links(person: Person) -> int:
        face, audio = real[person.identity]
        return (PurePosixPath(face).name != person.face_folder) + (
            PurePosixPath(audio).name != person.audio_folder
        )

    real = {
        person.identity: (
            face_tree.real_path(person.face_folder),
            audio_tree.real_path(person.audio_folder),
        )
        for person in people
    }
    group_of: dict[tuple[str, str], list[Person]] = {}
    groups: list[list[Person]] = []
    for person in sorted(people, key=lambda person: (links(person), person.identity)):
        face, audio = ("face", real[person.identity][0]), ("audio", real[person.identity][1])
        group = group_of.get(face) or group_of.get(audio)
        if group is None:
            group = []
            groups.append(group)
        group.append(person)
        group_of[face] = group_of[audio] = group
    return groups


def _names(person: Person) -> set[str]:
    """Returns the names that --exclude accepts: identity and audio directory."""
    return {person.identity, unicodedata.normalize("NFC", person.audio_folder)}


def read_meta(path: Path) -> list[tuple[str, str, dict[str, str]]]:
    """Reads a VoxCeleb metadata file.

    Columns are separated by tabs or commas and named `VoxCeleb1 ID` or `VoxCeleb1_ID`; repeated
    lines count once.

    Returns:
      (name of the audio directory, identity, other columns) for each person.

    Raises:
      BuildError: the file cannot be read, lacks a column, or contradicts itself.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"The metadata file {path} cannot be read: {read_error(error)}.") from None
    lines = text.splitlines()
    table = csv.reader(lines, delimiter="\t" if lines and "\t" in lines[0] else ",")
    header = [name.strip().replace("_", " ") for name in next(table, [])]
    ids = [i for i, name in enumerate(header) if name.lower().startswith("voxceleb")]
    names = [i for i, name in enumerate(header) if name.lower().startswith("vggface")]
    if not ids or not names:
        raise BuildError(
            f"The metadata file {path} begins with {lines[0][:80] if lines else ''!r}; its first "
            f"line must name the columns, among them 'VoxCeleb1 ID' and 'VGGFace1 ID'."
        )
    rows: dict[str, tuple[str, str, dict[str, str]]] = {}
    ids_of: dict[str, str] = {}
    for row in table:
        if len(row) <= max(ids[0], names[0]):
            continue
        cells = [unicodedata.normalize("NFC", cell.strip()) for cell in row]
        code, name = cells[ids[0]], cells[names[0]]
        facts = {
            title.lower(): cell
            for i, (title, cell) in enumerate(zip(header, cells, strict=False))
            if i not in (ids[0], names[0])
        }
        if rows.setdefault(code, (code, name, {"id": code} | facts))[1] != name:
            raise BuildError(
                f"The metadata file {path} gives {code} two names; keep one of the lines."
            )
        if ids_of.setdefault(name, code) != code:
            raise BuildError(
                f"The metadata file {path} gives {name} two ids; keep one of the lines."
            )
    return list(rows.values())


def read_error(error: OSError | UnicodeDecodeError) -> str:
    """Returns why a text file cannot be read."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8 text"


def _list_folders(root: Place, flag: str) -> dict[str, str]:
    """Returns the directories below a root: NFC name to name on disk."""
    try:
        names = tree_at(root).folders()
    except OSError as error:
        raise BuildError(f"{flag} {root} cannot be listed: {error.strerror}.") from None
    if not names:
        raise BuildError(f"{flag} {root} has no subdirectories; it needs one per person.")
    return {unicodedata.normalize("NFC", name): name for name in names if _is_utf8(name)}


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _count_folders(folders: Mapping[str, str]) -> str:
    return f"{len(folders)} directories such as {min(folders, default='')!r}"
