"""Who is in a corpus: those who have a folder in both trees, joined by a meta file or by name."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from beam_pipelines.corpus.trees import tree_at
from beam_pipelines.errors import BuildError
from tfdata.storage.base import Place


@dataclass(frozen=True)
class Person:
    """One identity and its two folders, relative to the two roots.

    `utterances` is None, or the split of each clip that a split file lists, by its path below the
    audio folder, without suffix.
    """

    identity: str
    face_folder: str
    audio_folder: str
    meta: Mapping[str, str] = field(default_factory=dict)
    utterances: Mapping[str, str] | None = None

    def split_of(self, clip_path: str) -> str | None:
        """The split that the split file names for a clip, by its path below the audio root."""
        below = PurePosixPath(clip_path).relative_to(self.audio_folder)
        return (self.utterances or {}).get(below.with_suffix("").as_posix())


@dataclass(frozen=True)
class People:
    """Who is in both trees, and how many are left out.

    `faces_alone` and `audio_alone` folders have no counterpart; `unnamed` people the split file
    does not know.
    """

    people: list[Person]
    faces_alone: int
    audio_alone: int
    unnamed: int = 0


def find_people(
    faces_root: Place, audio_root: Place, meta: Path | None, exclude: tuple[str, ...] = ()
) -> People:
    """The people who have a folder in both trees, by identity, without those to exclude.

    Names are compared in Unicode's composed form, and without a trailing dot that one folder
    lacks: some unpackers change the one and strip the other.

    Raises:
      BuildError: a folder or meta file that is not there or cannot be read, nobody in common, or
        an excluded name that is not in the corpus.
    """
    face_folders = _folders(faces_root, "--faces")
    audio_folders = _folders(audio_root, "--audio")
    rows = [(name, name, {}) for name in audio_folders] if meta is None else read_meta(meta)
    people = []
    for audio_id, identity, facts in rows:
        spellings = (identity, identity.rstrip("."), f"{identity}.")
        face_folder = next((face_folders[n] for n in spellings if n in face_folders), None)
        if face_folder and audio_id in audio_folders:
            people.append(Person(identity, face_folder, audio_folders[audio_id], facts))
    if not people:
        linked = "by equal folder names" if meta is None else f"through {meta}"
        raise BuildError(
            f"No person has both faces and audio: {faces_root} holds {_example(face_folders)}, "
            f"{audio_root} holds {_example(audio_folders)}, and {linked} they have nobody in "
            f"common; check --faces, --audio and --meta."
        )
    known = {name for person in people for name in _names(person)}
    if strangers := sorted(set(exclude) - known):
        raise BuildError(
            f"--exclude names {', '.join(strangers)}, who is not among the {len(people)} people "
            f"of this corpus; give a name such as {people[0].identity}."
        )
    kept = [person for person in people if not _names(person) & set(exclude)]
    if not kept:
        raise BuildError("--exclude leaves nobody; take a name out of it.")
    return People(
        sorted(kept, key=lambda person: person.identity),
        faces_alone=len(face_folders) - len({p.face_folder for p in people}),
        audio_alone=len(audio_folders) - len({p.audio_folder for p in people}),
    )


def _names(person: Person) -> set[str]:
    """What a person can be called by: name, and id of the audio folder."""
    return {person.identity, unicodedata.normalize("NFC", person.audio_folder)}


def read_meta(path: Path) -> list[tuple[str, str, dict[str, str]]]:
    """Reads a VoxCeleb meta file: (id of the audio folder, name of the face folder, other facts).

    Tabs or commas, any line ends, `VoxCeleb1 ID` or `VoxCeleb1_ID`; equal lines count once.

    Raises:
      BuildError: it cannot be read, lacks the two columns, or contradicts itself.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"The meta file {path} cannot be read: {reason(error)}.") from None
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
            raise BuildError(f"The meta file {path} gives {code} two names; keep one line of it.")
        if ids_of.setdefault(name, code) != code:
            raise BuildError(f"The meta file {path} gives {name} two ids; keep one line of it.")
    return list(rows.values())


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a text file cannot be read, in words."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8 text"


def _folders(root: Place, flag: str) -> dict[str, str]:
    """Names of the folders below a root: in composed form, to as they are on the disk."""
    try:
        names = tree_at(root).folders()
    except OSError as error:
        raise BuildError(f"{flag} {root} cannot be listed: {error.strerror}.") from None
    if not names:
        raise BuildError(f"{flag} {root} holds no folders; it needs one folder a person.")
    return {unicodedata.normalize("NFC", name): name for name in names if _is_utf8(name)}


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _example(folders: Mapping[str, str]) -> str:
    return f"{len(folders)} such as {min(folders, default='')!r}"
