"""Where media lie: the files of one person, their videos, and the lengths of the clips.

Two layouts are read, and both are one rule. VoxCeleb: `faces/<name>/1.6/<video>/<frame>.jpg` and
`wav/<id>/<video>/<number>.wav`, with the names and ids joined by `vox1_meta.csv`. Plain: any
`<identity>/**/<file>`, in both trees under the same identity. The sub-folders below an identity
name the video; a loose file is a video of its own, named after its stem.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from beam_pipelines.corpus.people import Person
from beam_pipelines.corpus.trees import Tree, UnlistedFile
from facevoice.features import AudioFacts, MediaError, Reason, probe_audio
from facevoice.features.file_types import AUDIO_SUFFIXES, IMAGE_SUFFIXES

# VoxCeleb's face tree has a level that says by how much the crops were widened.
_WIDENED_BY = re.compile(r"\d+\.\d+")


FACE, CLIP = "face", "clip"


@dataclass(frozen=True)
class Clip:
    """An audio file, and what its header says."""

    path: str
    session: str
    stamp: str
    facts: AudioFacts


@dataclass(frozen=True)
class Reject:
    """A media file that cannot be used, and why.

    `kind` is FACE or CLIP, `path` below that tree, `reason` a value of `features.Reason`.
    """

    kind: str
    path: str
    reason: str
    detail: str


@dataclass(frozen=True)
class MediaFile:
    """A file that is named like a medium; nothing of it has been read."""

    path: str
    session: str
    stamp: str


@dataclass(frozen=True)
class PersonFiles:
    """All files of one person, in no meaningful order; `unlisted` clips have no split."""

    person: Person
    faces: tuple[MediaFile, ...]
    clips: tuple[MediaFile, ...]
    rejects: tuple[Reject, ...]
    unlisted: int = 0

    def has(self, kind: str) -> bool:
        """Whether there is any such file, be it one that cannot be used."""
        found = self.faces if kind == FACE else self.clips
        return bool(found) or any(reject.kind == kind for reject in self.rejects)


@dataclass(frozen=True)
class PersonMedia:
    """The media of one person, in no meaningful order, with the clips' lengths."""

    person: Person
    faces: tuple[MediaFile, ...]
    clips: tuple[Clip, ...]
    rejects: tuple[Reject, ...]
    unlisted: int = 0


def list_files(person: Person, face_tree: Tree, audio_tree: Tree) -> PersonFiles:
    """Lists the files of one person, without opening any."""
    faces, bad_faces = _list(face_tree, person.face_folder, FACE)
    clips, bad_clips = _list(audio_tree, person.audio_folder, CLIP)
    listed = clips
    if person.utterances is not None:
        listed = tuple(clip for clip in clips if person.split_of(clip.path))
    return PersonFiles(person, faces, listed, bad_faces + bad_clips, len(clips) - len(listed))


def probe(files: PersonFiles, audio_tree: Tree) -> PersonMedia:
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
        files.person, files.faces, tuple(clips), (*files.rejects, *rejects), files.unlisted
    )


def session_of(path_below_identity: str, kind: str) -> str:
    """The video that a file belongs to; the tree of faces may begin with a level such as `1.6`."""
    *folders, name = (part for part in path_below_identity.split("/") if part not in ("", "."))
    if kind == FACE and len(folders) > 1 and _WIDENED_BY.fullmatch(folders[0]):
        folders = folders[1:]
    return "/".join(folders) or PurePosixPath(name).stem


def _list(tree: Tree, folder: str, kind: str) -> tuple[tuple[MediaFile, ...], tuple[Reject, ...]]:
    suffixes = IMAGE_SUFFIXES if kind == FACE else AUDIO_SUFFIXES
    files: list[MediaFile] = []
    rejects: list[Reject] = []
    for found in tree.files(folder, suffixes):
        if isinstance(found, UnlistedFile):
            rejects.append(Reject(kind, found.path, Reason.UNREADABLE.value, found.reason))
        else:
            session = session_of(found.path, kind)
            files.append(MediaFile(f"{folder}/{found.path}", session, found.stamp))
    return tuple(files), tuple(rejects)


def as_if_whole(media: PersonMedia, sample_rate_hz: int, clip_samples: int) -> PersonMedia:
    """The same media, as if none had been rejected: a clip is as long as the arguments say."""
    person, faces, clips = media.person, list(media.faces), list(media.clips)
    facts = AudioFacts(sample_rate_hz, clip_samples)
    for reject in media.rejects:
        folder = person.face_folder if reject.kind == FACE else person.audio_folder
        session = session_of(reject.path.removeprefix(f"{folder}/"), reject.kind)
        if reject.kind == FACE:
            faces.append(MediaFile(reject.path, session, ""))
        else:
            clips.append(Clip(reject.path, session, "", facts))
    return PersonMedia(person, tuple(faces), tuple(clips), (), media.unlisted)
