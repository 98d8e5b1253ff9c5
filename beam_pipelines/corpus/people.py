"""Finds the people of a corpus by the directories of both trees and a metadata file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from beam_pipelines.corpus.meta_file import MetaRow, read_meta
from beam_pipelines.corpus.swapped_trees import are_swapped
from beam_pipelines.corpus.trees import Tree, tree_at
from beam_pipelines.errors import BuildError
from tfdata.storage.base import Place
from tfdata.text import counted, nearest, nfc

MAX_COMPARED = 20  # names for which a similar one is searched; each takes milliseconds


@dataclass(frozen=True)
class Person:
    """A person and the directories of their media.

    Attributes:
      identity: name in the dataset.
      face_folder, audio_folder: directories, relative to the two roots.
      meta: other columns of the metadata file.
      utterances: split of each clip that a split file lists, by its path below `audio_folder`
        in NFC, without suffix; None without a split file.
    """

    identity: str
    face_folder: str
    audio_folder: str
    meta: Mapping[str, str] = field(default_factory=dict)
    utterances: Mapping[str, str] | None = None

    def split_of(self, clip_path: str) -> str | None:
        """Returns the split of a clip in the split file, by its path below the audio root."""
        path = PurePosixPath(clip_path).relative_to(self.audio_folder)
        return (self.utterances or {}).get(nfc(path.with_suffix("").as_posix()))


@dataclass(frozen=True)
class FoundPeople:
    """The people of a corpus, and how many are left out.

    Attributes:
      people: people with a directory in both trees, by identity.
      faces_without_audio, audio_without_faces: directories without a counterpart.
      not_in_split_file: number of people that a split file leaves out.
      linked: symbolic links to directories of other people, which are left out: "annie -> ann",
        after the flag of the tree if they are in one tree only.
      not_utf8: directories that are left out because their names are not UTF-8, each after the flag
        of its tree.
      identity_of: directory of audio to identity, by the metadata file; empty without one.
    """

    people: list[Person]
    faces_without_audio: tuple[str, ...]
    audio_without_faces: tuple[str, ...]
    not_in_split_file: int = 0
    linked: tuple[str, ...] = ()
    not_utf8: tuple[str, ...] = ()
    identity_of: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Folders:
    """The directories below a root.

    Attributes:
      by_name: name in NFC to name on disk.
      not_utf8: names that are not UTF-8, each after the flag of the root.
    """

    by_name: dict[str, str]
    not_utf8: tuple[str, ...]


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
        both trees, they are swapped, two directories of a tree have one name, or an excluded name
        is not in the corpus.
    """
    faces, audio = _list_folders(faces_root, "--faces"), _list_folders(audio_root, "--audio")
    face_tree, audio_tree = tree_at(faces_root), tree_at(audio_root)
    if are_swapped(face_tree, audio_tree):
        raise BuildError(
            f"--faces {faces_root} has clips and --audio {audio_root} has images; swap the two "
            f"flags."
        )
    face_folders, audio_folders = faces.by_name, audio.by_name
    rows = [MetaRow(n, n, {}) for n in audio_folders] if meta is None else read_meta(meta)
    people = []
    for row in rows:
        name = row.identity
        spellings = (name, name.rstrip("."), f"{name}.")
        face_folder = next((face_folders[n] for n in spellings if n in face_folders), None)
        if face_folder and row.audio_id in audio_folders:
            people.append(Person(name, face_folder, audio_folders[row.audio_id], row.facts))
    if not people:
        raise _no_common_person(faces_root, audio_root, meta, rows, face_folders, audio_folders)
    _check_excluded(people, exclude)
    groups = _group_by_real_folders(people, face_tree, audio_tree)
    kept = [group for group in groups if not any(_names(person) & set(exclude) for person in group)]
    if not kept:
        raise BuildError("--exclude leaves nobody; remove a name from it.")
    used = [group[0] if group in kept else person for group in groups for person in group]
    face_links, faces_only = _unused(face_folders, {p.face_folder for p in used}, face_tree)
    audio_links, audio_only = _unused(audio_folders, {p.audio_folder for p in used}, audio_tree)
    return FoundPeople(
        sorted((group[0] for group in kept), key=lambda person: person.identity),
        faces_without_audio=faces_only,
        audio_without_faces=audio_only,
        linked=_linked(face_links, audio_links),
        not_utf8=faces.not_utf8 + audio.not_utf8,
        identity_of={row.audio_id: row.identity for row in rows} if meta else {},
    )


def _no_common_person(
    faces_root: Place,
    audio_root: Place,
    meta: Path | None,
    rows: Sequence[MetaRow],
    face_folders: Mapping[str, str],
    audio_folders: Mapping[str, str],
) -> BuildError:
    """Returns the error of a corpus of which no person is in both trees."""
    linked = "by equal names" if meta is None else f"by {meta}"
    names = sorted(row.identity for row in rows if row.audio_id in audio_folders)
    similar = ((name, nearest(name, names)) for name in sorted(face_folders)[:MAX_COMPARED])
    table = "--audio" if meta is None else "--meta"
    hint = next(
        (
            f" (did you mean {near} of {table} for {face} of --faces?)"
            for face, near in similar
            if near
        ),
        "",
    )
    return BuildError(
        f"No person has both faces and audio: {faces_root} has {_count_folders(face_folders)}, "
        f"{audio_root} has {_count_folders(audio_folders)}, and {linked} they have no person "
        f"in common{hint}; check --faces, --audio and --meta."
    )


def _check_excluded(people: Sequence[Person], exclude: Iterable[str]) -> None:
    """Checks that the names to exclude are in the corpus."""
    known = {name for person in people for name in _names(person)}
    unknown = sorted(set(exclude) - known)
    if not unknown:
        return
    similar = [(name, nearest(name, sorted(known))) for name in unknown]
    hints = [f"{name} (did you mean {near}?)" if near else name for name, near in similar]
    example = (
        "" if any(near for _, near in similar) else f"; give a name such as {people[0].identity}"
    )
    raise BuildError(
        f"--exclude names {', '.join(hints)}, not found among the "
        f"{counted(len(people), 'person', 'people')} of this corpus{example}."
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
    return {person.identity, nfc(person.audio_folder)}


def _list_folders(root: Place, flag: str) -> _Folders:
    try:
        names = tree_at(root).folders()
    except OSError as error:
        raise BuildError(f"{flag} {root} cannot be listed: {error.strerror}.") from None
    if not names:
        raise BuildError(f"{flag} {root} has no subdirectories; it needs one per person.")
    by_name: dict[str, str] = {}
    for name in sorted(filter(_is_utf8, names)):
        if (other := by_name.setdefault(nfc(name), name)) != name:
            raise BuildError(
                f"{flag} {root} has two directories of one name in different Unicode forms, "
                f"{other!a} and {name!a}; move the content of one into the other."
            )
    not_utf8 = (f"{flag} {name}" for name in names if not _is_utf8(name))
    return _Folders(by_name, tuple(sorted(not_utf8)))


def _unused(
    folders: Mapping[str, str], used: set[str], tree: Tree
) -> tuple[set[str], tuple[str, ...]]:
    """Returns the directories that are not used: links to used ones, and names of others, sorted.

    Args:
      folders: name in NFC to name on disk.
      used: names on disk.
      tree: in which they are.
    """
    real = {tree.real_path(folder) for folder in used}
    unused = {name: folder for name, folder in folders.items() if folder not in used}
    linked = {name for name, folder in unused.items() if tree.real_path(folder) in real}
    links = tree.links(unused[name] for name in linked)
    return set(links), tuple(sorted(unused.keys() - linked))


def _linked(faces: set[str], audio: set[str]) -> tuple[str, ...]:
    """Returns the links of both trees, those of one tree after its flag."""
    one_tree = [f"--faces {link}" for link in faces - audio]
    one_tree += [f"--audio {link}" for link in audio - faces]
    return (*sorted(faces & audio), *sorted(one_tree))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _count_folders(folders: Mapping[str, str]) -> str:
    count = counted(len(folders), "directory", "directories")
    return f"{count} such as {min(folders, default='')!r}"
