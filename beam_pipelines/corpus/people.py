"""Finds the people of a corpus by the directories of its trees and a metadata file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

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
      face_folder, audio_folder: directories, relative to the two roots; "" for a person who has
        videos only.
      meta: other columns of the metadata file.
      utterances: split of each clip and video that a split file lists, by its path below the
        directory in NFC, without suffix; None without a split file.
      video_folder: directory below the root of the videos, or "".
    """

    identity: str
    face_folder: str
    audio_folder: str
    meta: Mapping[str, str] = field(default_factory=dict)
    utterances: Mapping[str, str] | None = None
    video_folder: str = ""

    @property
    def sound_folders(self) -> set[str]:
        """The names of the directories of clips and videos, in NFC."""
        return {nfc(folder) for folder in (self.audio_folder, self.video_folder) if folder}

    def split_of(self, path: str) -> str | None:
        """Returns the split of a clip or video in the split file, by its path below the root."""
        below = PurePosixPath(*PurePosixPath(path).parts[1:])
        return (self.utterances or {}).get(nfc(below.with_suffix("").as_posix()))


@dataclass(frozen=True)
class FoundPeople:
    """The people of a corpus, and how many are left out.

    Attributes:
      people: people with a directory in both trees, or one of videos, by identity.
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

    by_name: dict[str, str] = field(default_factory=dict)
    not_utf8: tuple[str, ...] = ()

    def find(self, name: str) -> str:
        """Returns the name on disk, where a trailing dot may be missing on one side, or ""."""
        spellings = (name, name.rstrip("."), f"{name}.")
        return next((self.by_name[n] for n in spellings if n in self.by_name), "")


def find_people(
    faces_root: Place | None,
    audio_root: Place | None,
    meta: Place | None,
    exclude: tuple[str, ...] = (),
    videos_root: Place | None = None,
) -> FoundPeople:
    """Finds the people who have a directory of faces and one of audio, or one of videos.

    Names are compared in Unicode's composed form (NFC), and a trailing dot may be missing on one
    side: some archive tools change the one and strip the other.

    Args:
      faces_root, audio_root: roots of the two trees; both None with videos only.
      meta: metadata file that maps audio directories to face directories; None matches equal names.
        A directory of videos may have either name.
      exclude: identities or names of audio directories to leave out.
      videos_root: root of the videos; None without videos.

    Raises:
      BuildError: a directory or the metadata file is missing or cannot be read, no person is in
        both trees, they are swapped, two directories of a tree have one name, or an excluded name
        is not in the corpus.
    """
    roots = {"--faces": faces_root, "--audio": audio_root, "--videos": videos_root}
    given = {flag: root for flag, root in roots.items() if root is not None}
    found = {flag: _list_folders(root, flag) for flag, root in given.items()}
    faces, audio, videos = (found.get(flag, _Folders()) for flag in roots)
    trees = {flag: tree_at(root) for flag, root in given.items()}
    if faces_root is not None and are_swapped(
        trees["--faces"], faces.by_name.values(), trees["--audio"], audio.by_name.values()
    ):
        raise BuildError(
            f"--faces {faces_root} has clips and --audio {audio_root} has images; swap the two "
            f"flags."
        )
    rows = [MetaRow(n, n, {}) for n in audio.by_name] if meta is None else read_meta(meta)
    people = []
    for row in rows:
        face_folder = faces.find(row.identity)
        if face_folder and row.audio_id in audio.by_name:
            people.append(Person(row.identity, face_folder, audio.by_name[row.audio_id], row.facts))
    if not people and faces_root is not None and audio_root is not None:
        raise _no_common_person(faces_root, audio_root, meta, rows, faces.by_name, audio.by_name)
    people = _with_videos(people, rows, videos)
    _check_excluded(people, exclude)
    groups = _group_by_real_folders(people, trees)
    kept = [group for group in groups if not any(_names(person) & set(exclude) for person in group)]
    if not kept:
        raise BuildError("--exclude leaves nobody; remove a name from it.")
    used = [group[0] if group in kept else person for group in groups for person in group]
    links: dict[str, set[str]] = {}
    unused: dict[str, tuple[str, ...]] = {}
    for flag, tree in trees.items():
        in_use = {_folders_of(person)[flag] for person in used if flag in _folders_of(person)}
        links[flag], unused[flag] = _unused(found[flag].by_name, in_use, tree)
    return FoundPeople(
        sorted((group[0] for group in kept), key=lambda person: person.identity),
        faces_without_audio=unused.get("--faces", ()),
        audio_without_faces=unused.get("--audio", ()),
        linked=_linked(links),
        not_utf8=tuple(name for folders in found.values() for name in folders.not_utf8),
        identity_of={row.audio_id: row.identity for row in rows} if meta else {},
    )


def _with_videos(
    people: Sequence[Person], rows: Iterable[MetaRow], videos: _Folders
) -> list[Person]:
    """Adds the directories of videos to people of equal names, and people who have videos only."""
    left = dict(videos.by_name)
    merged = []
    for person in people:
        folder = videos.find(person.identity) or videos.find(nfc(person.audio_folder))
        left.pop(nfc(folder), None)
        merged.append(replace(person, video_folder=folder))
    row_of = {name: row for row in rows for name in (row.audio_id, row.identity)}
    for name, folder in left.items():
        row = row_of.get(name, MetaRow(name, name, {}))
        merged.append(Person(row.identity, "", "", row.facts, video_folder=folder))
    return merged


def _folders_of(person: Person) -> dict[str, str]:
    """Returns flag to directory of a person."""
    folders = zip(
        ("--faces", "--audio", "--videos"),
        (person.face_folder, person.audio_folder, person.video_folder),
        strict=True,
    )
    return {flag: folder for flag, folder in folders if folder}


def _no_common_person(
    faces_root: Place,
    audio_root: Place,
    meta: Place | None,
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


def _group_by_real_folders(people: list[Person], trees: Mapping[str, Tree]) -> list[list[Person]]:
    """Groups people who have the same directory in one of the trees, through symbolic links.

    A person whose directories are no links comes first, then those of lower identity.
    """

    def links(person: Person) -> int:
        folders = _folders_of(person)
        return sum(PurePosixPath(path).name != folders[flag] for flag, path in real_of(person))

    def real_of(person: Person) -> list[tuple[str, str]]:
        return real[person.identity]

    real = {
        person.identity: [
            (flag, trees[flag].real_path(folder)) for flag, folder in _folders_of(person).items()
        ]
        for person in people
    }
    group_of: dict[tuple[str, str], list[Person]] = {}
    groups: list[list[Person]] = []
    for person in sorted(people, key=lambda person: (links(person), person.identity)):
        group = next((group_of[path] for path in real_of(person) if path in group_of), None)
        if group is None:
            group = []
            groups.append(group)
        group.append(person)
        group_of |= dict.fromkeys(real_of(person), group)
    return groups


def _names(person: Person) -> set[str]:
    """Returns the names that --exclude accepts: identity, directories of audio and videos."""
    return {person.identity} | person.sound_folders


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
    unused = {name: folder for name, folder in folders.items() if folder not in used}
    if not unused:
        return set(), ()
    real = {tree.real_path(folder) for folder in used}
    linked = {name for name, folder in unused.items() if tree.real_path(folder) in real}
    links = tree.links(unused[name] for name in linked)
    return set(links), tuple(sorted(unused.keys() - linked))


def _linked(links: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Returns the links of the trees; those that are not in all trees after the tree's flag."""
    everywhere = set.intersection(*links.values()) if len(links) > 1 else set()
    others = (f"{flag} {link}" for flag, found in links.items() for link in found - everywhere)
    return (*sorted(everywhere), *sorted(others))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _count_folders(folders: Mapping[str, str]) -> str:
    count = counted(len(folders), "directory", "directories")
    return f"{count} such as {min(folders, default='')!r}"
