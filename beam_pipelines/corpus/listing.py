"""Lists the media files of one person and reads the headers of the clips.

Two layouts are supported. VoxCeleb: `faces/<name>/1.6/<video>/<frame>.jpg` and
`wav/<id>/<video>/<number>.wav`, where `vox1_meta.csv` maps ids to names. Plain:
`<identity>/**/<file>`, with the same identity in both trees. The subdirectories below an identity
name the video. A file without a subdirectory is a separate video, named after its stem.

A directory such as VoxCeleb's `1.6` is no part of the video's name if it is the only such one below
an identity and the identity's audio has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from beam_pipelines.corpus.ignored import Ignored
from beam_pipelines.corpus.people import Person
from beam_pipelines.corpus.trees import FileEntry, IgnoredEntries, Tree, UnlistedFile
from beam_pipelines.corpus.walk import RepeatedLink
from facevoice.features import AudioFacts, MediaError, Reason, probe_audio
from facevoice.features.file_types import AUDIO_SUFFIXES, IMAGE_SUFFIXES
from tfdata.text import nfc

# A directory of VoxCeleb's face tree, such as `1.6`: the factor by which the crops were enlarged.
_CROP_FACTOR = re.compile(r"[1-9]\.\d{1,2}")

FACE, CLIP = "face", "clip"


@dataclass(frozen=True)
class Clip:
    """An audio file and the facts of its header; `stamp` as in MediaFile."""

    path: str
    session: str
    stamp: str
    facts: AudioFacts


@dataclass(frozen=True)
class Reject:
    """A media file that cannot be used.

    Attributes:
      kind: FACE or CLIP.
      path: path below the root of that tree.
      reason: a value of `features.Reason`.
      detail: one clause for users.
    """

    kind: str
    path: str
    reason: str
    detail: str


@dataclass(frozen=True)
class MediaFile:
    """A file with the suffix of an image or a clip, which has not been opened.

    Attributes:
      path: path below the root of its tree.
      session: the video.
      stamp: text that changes when the file changes, such as size and modification time.
    """

    path: str
    session: str
    stamp: str


@dataclass(frozen=True)
class PersonFiles:
    """The files of one person, in any order.

    Attributes:
      person: the person.
      faces, clips: files that can be used, as far as their names tell.
      rejects: files that cannot be used.
      unlisted: number of clips that the split file does not list.
      repeated_links: links to media that are listed already, which are ignored, each after the flag
        of its tree.
      ignored: files that are no media by their names.
      crop_folder: the directory of faces that is no part of a video's name, or "".
    """

    person: Person
    faces: tuple[MediaFile, ...]
    clips: tuple[MediaFile, ...]
    rejects: tuple[Reject, ...]
    unlisted: int = 0
    repeated_links: tuple[str, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    crop_folder: str = ""

    def has(self, kind: str) -> bool:
        """Returns whether there is a file of this kind, including rejected ones."""
        found = self.faces if kind == FACE else self.clips
        return bool(found) or any(reject.kind == kind for reject in self.rejects)


@dataclass(frozen=True)
class PersonMedia:
    """The media of one person, in any order, with the lengths of the clips."""

    person: Person
    faces: tuple[MediaFile, ...]
    clips: tuple[Clip, ...]
    rejects: tuple[Reject, ...]
    unlisted: int = 0
    crop_folder: str = ""


def list_files(person: Person, face_tree: Tree, audio_tree: Tree) -> PersonFiles:
    """Lists the files of one person without opening them."""
    faces, clips = (
        _list(tree, folder, kind)
        for tree, folder, kind in (
            (face_tree, person.face_folder, FACE),
            (audio_tree, person.audio_folder, CLIP),
        )
    )
    crop_folder = find_crop_folder(
        [entry.path for entry in faces.entries], [entry.path for entry in clips.entries]
    )
    all_clips = clips.media_files(person.audio_folder)
    listed = all_clips
    if person.utterances is not None:
        listed = tuple(clip for clip in all_clips if person.split_of(clip.path))
    return PersonFiles(
        person,
        faces.media_files(person.face_folder, crop_folder),
        listed,
        (*faces.rejects, *clips.rejects),
        unlisted=len(all_clips) - len(listed),
        repeated_links=(
            *(f"--faces {link}" for link in faces.links),
            *(f"--audio {link}" for link in clips.links),
        ),
        ignored=(*faces.ignored, *clips.ignored),
        crop_folder=crop_folder,
    )


def ignored_at_roots(face_tree: Tree, audio_tree: Tree) -> tuple[Ignored, ...]:
    """Returns the files of both trees that are in no person's directory."""
    return tuple(
        Ignored(kind, reason, files)
        for kind, tree in ((FACE, face_tree), (CLIP, audio_tree))
        for reason, files in sorted(tree.ignored().items())
        if files
    )


def probe_clips(files: PersonFiles, audio_tree: Tree) -> PersonMedia:
    """Reads the headers of one person's clips."""
    clips, rejects = [], []
    for file in files.clips:
        try:
            facts = probe_audio(audio_tree.source(file.path))
        except MediaError as error:
            rejects.append(Reject(CLIP, file.path, error.reason.value, error.detail))
        else:
            clips.append(Clip(file.path, file.session, file.stamp, facts))
    return PersonMedia(
        files.person,
        files.faces,
        tuple(clips),
        (*files.rejects, *rejects),
        files.unlisted,
        files.crop_folder,
    )


def find_crop_folder(faces: list[str], clips: list[str]) -> str:
    """Returns the directory of faces that is VoxCeleb's crop factor, such as "1.6", or "".

    Args:
      faces, clips: paths of one person's files, below the person's directories.
    """
    levels = _crop_levels(faces)
    return levels.pop() if len(levels) == 1 and not _crop_levels(clips) else ""


def _crop_levels(paths: list[str]) -> set[str]:
    first = {path.partition("/")[0] for path in paths if "/" in path}
    return set(filter(is_crop_level, first))


def session_of(path_below_identity: str, crop_folder: str = "") -> str:
    """Returns the video of a file in NFC; `crop_folder` is skipped if another directory follows."""
    *folders, name = (part for part in path_below_identity.split("/") if part not in ("", "."))
    if len(folders) > 1 and folders[0] == crop_folder:
        folders = folders[1:]
    return nfc("/".join(folders) or PurePosixPath(name).stem)


def is_crop_level(folder: str) -> bool:
    """Returns whether a folder may be a level of VoxCeleb's crops, such as `1.6`."""
    return _CROP_FACTOR.fullmatch(folder) is not None


@dataclass
class _Listing:
    """The files of one person in one tree."""

    entries: list[FileEntry]
    rejects: list[Reject]
    links: list[str]
    ignored: list[Ignored]

    def media_files(self, folder: str, crop_folder: str = "") -> tuple[MediaFile, ...]:
        return tuple(
            MediaFile(f"{folder}/{entry.path}", session_of(entry.path, crop_folder), entry.stamp)
            for entry in self.entries
        )


def _list(tree: Tree, folder: str, kind: str) -> _Listing:
    listing = _Listing([], [], [], [])
    for found in tree.files(folder, IMAGE_SUFFIXES if kind == FACE else AUDIO_SUFFIXES):
        if isinstance(found, FileEntry):
            listing.entries.append(found)
        elif isinstance(found, RepeatedLink):
            listing.links.append(found.path)
        elif isinstance(found, IgnoredEntries):
            listing.ignored += [Ignored(kind, *count) for count in sorted(found.counts.items())]
        elif isinstance(found, UnlistedFile):
            reason = Reason.UNREADABLE.value
            listing.rejects.append(Reject(kind, found.path, reason, found.reason))
    return listing


def assume_all_valid(media: PersonMedia, sample_rate_hz: int, clip_samples: int) -> PersonMedia:
    """Returns the media without rejects, as if all files were valid.

    Args:
      media: the media of one person.
      sample_rate_hz, clip_samples: assumed sample rate and length of rejected clips.
    """
    person, faces, clips = media.person, list(media.faces), list(media.clips)
    facts = AudioFacts(sample_rate_hz, clip_samples)
    for reject in media.rejects:
        folder = person.face_folder if reject.kind == FACE else person.audio_folder
        crop_folder = media.crop_folder if reject.kind == FACE else ""
        session = session_of(reject.path.removeprefix(f"{folder}/"), crop_folder)
        if reject.kind == FACE:
            faces.append(MediaFile(reject.path, session, ""))
        else:
            clips.append(Clip(reject.path, session, "", facts))
    return replace(media, faces=tuple(faces), clips=tuple(clips), rejects=())
