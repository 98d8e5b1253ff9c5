"""Lists the media files of one person and reads the headers of the clips.

Two layouts are supported. VoxCeleb: `faces/<name>/1.6/<video>/<frame>.jpg` and
`wav/<id>/<video>/<number>.wav`, where `vox1_meta.csv` maps ids to names. Plain:
`<identity>/**/<file>`, with the same identity in both trees. The subdirectories below an identity
name the video. A file without a subdirectory is a separate video, named after its stem. Files of
`--videos` are listed in the same way.

A directory such as VoxCeleb's `1.6` is no part of the video's name if it is the only such one below
an identity and the identity's audio has none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, TypeVar

from beam_pipelines.corpus.ignored import Ignored
from beam_pipelines.corpus.people import Person
from beam_pipelines.corpus.trees import FileEntry, IgnoredEntries, Tree, UnlistedFile
from beam_pipelines.corpus.unsettled import NONE_UNSETTLED, Unsettled, unsettled_files
from beam_pipelines.corpus.walk import RepeatedLink
from facevoice.features import (
    AudioFacts,
    MediaError,
    Reason,
    VideoFacts,
    probe_audio,
    probe_video,
)
from facevoice.features.file_types import AUDIO_SUFFIXES, IMAGE_SUFFIXES, READ_VIDEO_SUFFIXES
from tfdata.rejects import Reject
from tfdata.text import nfc

# A directory of VoxCeleb's face tree, such as `1.6`: the factor by which the crops were enlarged.
_CROP_FACTOR = re.compile(r"[1-9]\.\d{1,2}")

FACE, CLIP, VIDEO = "face", "clip", "video"
MOMENT = "moment"  # a window of a video, and the frames within it
# Kind of media to the flag of their tree.
FLAGS = {FACE: "--faces", CLIP: "--audio", VIDEO: "--videos"}
SUFFIXES = {FACE: IMAGE_SUFFIXES, CLIP: AUDIO_SUFFIXES, VIDEO: READ_VIDEO_SUFFIXES}


F = TypeVar("F")


@dataclass(frozen=True)
class Clip:
    """An audio file and the facts of its header; `stamp` as in MediaFile."""

    path: str
    session: str
    stamp: str
    facts: AudioFacts


@dataclass(frozen=True)
class Video:
    """A video file and the facts of its header; `stamp` as in MediaFile."""

    path: str
    session: str
    stamp: str
    facts: VideoFacts


@dataclass(frozen=True)
class MediaFile:
    """A file with the suffix of an image, a clip or a video, which has not been opened.

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
      faces, clips, videos: files that can be used, as far as their names tell.
      rejects: files that cannot be used.
      unlisted: number of clips and videos that the split file does not list.
      repeated_links: links to media that are listed already, which are ignored, each after the flag
        of its tree.
      ignored: files that are no media by their names.
      crop_folder: the directory of faces that is no part of a video's name, or "".
      unsettled: files that changed a short time ago and are left for the next build.
    """

    person: Person
    faces: tuple[MediaFile, ...]
    clips: tuple[MediaFile, ...]
    rejects: tuple[Reject, ...]
    unlisted: int = 0
    repeated_links: tuple[str, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    crop_folder: str = ""
    videos: tuple[MediaFile, ...] = ()
    unsettled: Unsettled = NONE_UNSETTLED

    def has(self, kind: str) -> bool:
        """Returns whether there is a file of this kind, including rejected ones."""
        found = {FACE: self.faces, CLIP: self.clips, VIDEO: self.videos}[kind]
        return bool(found) or any(reject.kind == kind for reject in self.rejects)


@dataclass(frozen=True)
class PersonMedia:
    """The media of one person, in any order, with the lengths of clips and videos."""

    person: Person
    faces: tuple[MediaFile, ...]
    clips: tuple[Clip, ...]
    rejects: tuple[Reject, ...]
    unlisted: int = 0
    crop_folder: str = ""
    videos: tuple[Video, ...] = ()


def list_files(
    person: Person, trees: Mapping[str, Tree], settled_before: float = math.inf
) -> PersonFiles:
    """Lists the files of one person without opening them.

    Args:
      person: the person.
      trees: FACE, CLIP and VIDEO to their trees; some may be missing.
      settled_before: Unix time; files that changed later are left out.
    """
    folders = {FACE: person.face_folder, CLIP: person.audio_folder, VIDEO: person.video_folder}
    listings = {
        kind: _list(trees[kind], folder, kind, settled_before) if folder else _Listing()
        for kind, folder in folders.items()
    }
    crop_folder = find_crop_folder(
        *([entry.path for entry in listings[kind].entries] for kind in (FACE, CLIP))
    )
    clips, videos = (listings[kind].media_files(folders[kind]) for kind in (CLIP, VIDEO))
    listed_clips, listed_videos = (_listed(files, person) for files in (clips, videos))
    return PersonFiles(
        person,
        listings[FACE].media_files(person.face_folder, crop_folder),
        listed_clips,
        tuple(reject for listing in listings.values() for reject in listing.rejects),
        unlisted=len(clips) - len(listed_clips) + len(videos) - len(listed_videos),
        repeated_links=tuple(
            f"{FLAGS[kind]} {link}" for kind, listing in listings.items() for link in listing.links
        ),
        ignored=tuple(each for listing in listings.values() for each in listing.ignored),
        crop_folder=crop_folder,
        videos=listed_videos,
        unsettled=unsettled_files(
            f"{FLAGS[kind]} {folders[kind]}/{path}"
            for kind, listing in listings.items()
            for path in listing.unsettled
        ),
    )


def _listed(files: tuple[MediaFile, ...], person: Person) -> tuple[MediaFile, ...]:
    """Returns the files that the split file lists, or all without one."""
    if person.utterances is None:
        return files
    return tuple(file for file in files if person.split_of(file.path))


def ignored_at_roots(trees: Mapping[str, Tree]) -> tuple[Ignored, ...]:
    """Returns the files of all trees that are in no person's directory."""
    return tuple(
        Ignored(kind, reason, files)
        for kind, tree in trees.items()
        for reason, files in sorted(tree.ignored().items())
        if files
    )


def probe_media(files: PersonFiles, trees: Mapping[str, Tree]) -> PersonMedia:
    """Reads the headers of one person's clips and videos."""
    rejects: list[Reject] = []

    def probed(
        found: Iterable[MediaFile], kind: str, probe: Callable[[Any], F]
    ) -> Iterator[tuple[str, str, str, F]]:
        for file in found:
            try:
                facts = probe(trees[kind].source(file.path))
            except MediaError as error:
                rejects.append(Reject(kind, file.path, error.reason.value, error.detail))
            else:
                yield file.path, file.session, file.stamp, facts

    clips = [Clip(*facts) for facts in probed(files.clips, CLIP, probe_audio)]
    videos = [Video(*facts) for facts in probed(files.videos, VIDEO, probe_video)]
    return PersonMedia(
        files.person,
        files.faces,
        tuple(clips),
        (*files.rejects, *rejects),
        files.unlisted,
        files.crop_folder,
        tuple(videos),
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

    entries: list[FileEntry] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)

    def media_files(self, folder: str, crop_folder: str = "") -> tuple[MediaFile, ...]:
        return tuple(
            MediaFile(f"{folder}/{entry.path}", session_of(entry.path, crop_folder), entry.stamp)
            for entry in self.entries
        )


def _list(tree: Tree, folder: str, kind: str, settled_before: float) -> _Listing:
    listing = _Listing()
    for found in tree.files(folder, SUFFIXES[kind]):
        if isinstance(found, FileEntry):
            if found.modified > settled_before:
                listing.unsettled.append(found.path)
            else:
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
      sample_rate_hz, clip_samples: assumed sample rate and length of rejected clips and videos.
    """
    faces, clips, videos = list(media.faces), list(media.clips), list(media.videos)
    facts = AudioFacts(sample_rate_hz, clip_samples)
    seconds = clip_samples / sample_rate_hz
    for reject in media.rejects:
        path, crop_folder = reject.path, media.crop_folder if reject.kind == FACE else ""
        session = session_of(path.partition("/")[2] or path, crop_folder)
        if reject.kind == FACE:
            faces.append(MediaFile(path, session, ""))
        elif reject.kind == CLIP:
            clips.append(Clip(path, session, "", facts))
        else:
            times = VideoFacts(sample_rate_hz, 0.0, seconds, 0.0, seconds)
            videos.append(Video(path, session, "", times))
    return replace(media, faces=tuple(faces), clips=tuple(clips), videos=tuple(videos), rejects=())
