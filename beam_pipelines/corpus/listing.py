"""Lists the media files of one person and reads the headers of the clips.

Two layouts are supported. VoxCeleb: `faces/<name>/1.6/<video>/<frame>.jpg` and
`wav/<id>/<video>/<number>.wav`, where `vox1_meta.csv` maps ids to names. Plain:
`<identity>/**/<file>`, with the same identity in both trees. The subdirectories below an identity
name the video. A file without a subdirectory is a separate video, named after its stem.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from beam_pipelines.corpus.people import Person
from beam_pipelines.corpus.trees import Tree, UnlistedFile
from facevoice.features import AudioFacts, MediaError, Reason, probe_audio
from facevoice.features.file_types import AUDIO_SUFFIXES, IMAGE_SUFFIXES

# A directory of VoxCeleb's face tree, such as `1.6`: the factor by which the crops were enlarged.
_CROP_FACTOR = re.compile(r"\d+\.\d+")

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
    """

    person: Person
    faces: tuple[MediaFile, ...]
    clips: tuple[MediaFile, ...]
    rejects: tuple[Reject, ...]
    unlisted: int = 0

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


def list_files(person: Person, face_tree: Tree, audio_tree: Tree) -> PersonFiles:
    """Lists the files of one person without opening them."""
    faces, bad_faces = _list(face_tree, person.face_folder, FACE)
    clips, bad_clips = _list(audio_tree, person.audio_folder, CLIP)
    listed = clips
    if person.utterances is not None:
        listed = tuple(clip for clip in clips if person.split_of(clip.path))
    return PersonFiles(person, faces, listed, bad_faces + bad_clips, len(clips) - len(listed))


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
        files.person, files.faces, tuple(clips), (*files.rejects, *rejects), files.unlisted
    )


def session_of(path_below_identity: str, kind: str) -> str:
    """Returns the video of a file; a first directory such as `1.6` of a face is skipped."""
    *folders, name = (part for part in path_below_identity.split("/") if part not in ("", "."))
    if kind == FACE and len(folders) > 1 and is_crop_level(folders[0]):
        folders = folders[1:]
    return "/".join(folders) or PurePosixPath(name).stem


def is_crop_level(folder: str) -> bool:
    """Returns whether a folder is a level of VoxCeleb's crops, such as `1.6`."""
    return _CROP_FACTOR.fullmatch(folder) is not None


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
        session = session_of(reject.path.removeprefix(f"{folder}/"), reject.kind)
        if reject.kind == FACE:
            faces.append(MediaFile(reject.path, session, ""))
        else:
            clips.append(Clip(reject.path, session, "", facts))
    return PersonMedia(person, tuple(faces), tuple(clips), (), media.unlisted)
