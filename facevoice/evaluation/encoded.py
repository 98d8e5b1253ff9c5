"""Reads the stored embeddings of a dataset, of examples or of clips."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.predictions import first_shards
from facevoice.evaluation.score_normalization import PersonEmbeddings
from facevoice.evaluation.scoring import Examples, average_by
from tfdata.examples import read_examples
from tfdata.manifest import Manifest
from tfdata.manifest_reader import check_any_embeddings
from tfdata.text import nfc

FACE, VOICE, FUSION = "face", "voice", "fusion"
_MODALITIES = {"image": FACE, "audio": VOICE}  # of the manifest's encoders

Texts = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Encoded:
    """Embeddings of examples, or of clips with the faces of their videos.

    Attributes:
      embeddings: FACE and VOICE, as far as the dataset has them, to float32 [n, size]. Rows of NaN
        are missing.
      people: str [n].
      videos: FACE and VOICE to the video, str [n].
      clips: str [n], path of the clip below the directory of clips.
      faces: str [n], path of the face image below the directory of face images.
    """

    embeddings: dict[str, NDArray[np.float32]]
    people: Texts
    videos: dict[str, Texts]
    clips: Texts
    faces: Texts

    def __len__(self) -> int:
        return len(self.people)

    @property
    def systems(self) -> tuple[str, ...]:
        """Returns what can be verified: FACE, VOICE, and FUSION if there are both."""
        found = tuple(self.embeddings)
        return (*found, FUSION) if len(found) > 1 else found

    def examples(self, system: str) -> Examples:
        """Returns the embeddings of a system, of all rows."""
        return {
            each: PersonEmbeddings(self.embeddings[each], self.people)
            for each in self._modalities(system)
        }

    def videos_of(self, system: str) -> list[Texts]:
        """Returns the videos of the examples of a system."""
        return [self.videos[each] for each in self._modalities(system)]

    def complete(self, system: str) -> Encoded:
        """Returns the rows that have all embeddings of a system."""
        kept = self.has(system)
        return Encoded(
            {each: rows[kept] for each, rows in self.embeddings.items()},
            self.people[kept],
            {each: videos[kept] for each, videos in self.videos.items()},
            self.clips[kept],
            self.faces[kept],
        )

    def has(self, system: str) -> NDArray[np.bool_]:
        """Returns which rows have all embeddings of a system, bool [n]."""
        found = [
            np.isfinite(self.embeddings[each]).all(axis=1) for each in self._modalities(system)
        ]
        return np.asarray(np.all(found, axis=0))

    def _modalities(self, system: str) -> tuple[str, ...]:
        return tuple(self.embeddings) if system == FUSION else (system,)


def read_encoded(
    data_dir: Path, manifest: Manifest, splits: Sequence[str], max_pairs: int | None = None
) -> Encoded:
    """Reads the embeddings of some splits.

    Args:
      data_dir: the dataset.
      manifest: its manifest.
      splits: names of splits.
      max_pairs: read no further shard after this many pairs.

    Raises:
      DatasetError: the dataset cannot be read, or has no embeddings.
    """
    check_any_embeddings(data_dir, manifest)
    modalities = [each for each in _MODALITIES if each in manifest.encoders]
    rows: list[tuple[str, ...]] = []
    vectors: dict[str, list[Any]] = {_MODALITIES[each]: [] for each in modalities}
    for example in read_examples(data_dir, manifest, first_shards(manifest, splits, max_pairs)):
        rows.append((example.identity, example.session, example.audio_source, example.face_source))
        for each in modalities:
            vectors[_MODALITIES[each]].append(getattr(example.embeddings, each))
    people, sessions, clips, faces = np.array(rows, np.str_).reshape(-1, 4).T
    embeddings = {
        _MODALITIES[each]: np.array(vectors[_MODALITIES[each]], np.float32).reshape(
            -1, manifest.encoders[each].dimension
        )
        for each in modalities
    }
    own = np.array([PurePosixPath(session).name for session in sessions.tolist()], np.str_)
    face_videos = np.array([video_of(face) for face in faces.tolist()], np.str_)
    face_videos = np.where(faces == clips, own, face_videos)  # a video file is the source of both
    return Encoded(embeddings, people, {FACE: face_videos, VOICE: own}, clips, faces)


def by_clip(encoded: Encoded) -> Encoded:
    """Averages the windows of each clip; its face is the mean of the faces of its video.

    A clip without a face of its video, because the corpus has none, has no face embedding.
    """
    people = encoded.people
    _, first, _ = average_by(np.zeros((len(encoded), 1)), (people, encoded.clips))
    embeddings = {}
    if VOICE in encoded.embeddings:
        embeddings[VOICE] = average_by(encoded.embeddings[VOICE], (people, encoded.clips))[0]
    if FACE in encoded.embeddings:
        faces = faces_of_videos(encoded)
        keys = zip(people[first].tolist(), encoded.videos[VOICE][first].tolist(), strict=True)
        embeddings[FACE] = stack([faces.get(key) for key in keys], encoded.embeddings[FACE])
    ordered = {each: embeddings[each] for each in encoded.embeddings}
    videos = dict.fromkeys((FACE, VOICE), encoded.videos[VOICE][first])
    return Encoded(ordered, people[first], videos, encoded.clips[first], encoded.faces[first])


def faces_of_videos(encoded: Encoded) -> dict[tuple[str, str], NDArray[np.float32]]:
    """Returns (person, video) to the mean of the embeddings of its distinct face images.

    An image file may be in several records, but each record of a video file has another moment.
    """
    is_moment = encoded.faces == encoded.clips  # a video file is the source of both
    pictures = np.where(is_moment, np.arange(len(encoded)).astype(np.str_), encoded.faces)
    _, distinct, _ = average_by(np.zeros((len(encoded), 1)), (encoded.people, pictures))
    people, videos = encoded.people[distinct], encoded.videos[FACE][distinct]
    means, first, _ = average_by(encoded.embeddings[FACE][distinct], (people, videos))
    keys = zip(people[first].tolist(), videos[first].tolist(), strict=True)
    return dict(zip(keys, means, strict=True))


def stack(
    rows: Sequence[NDArray[np.float32] | None], like: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Returns rows as an array [rows, size], NaN for None; `like` has the size."""
    missing = np.full(like.shape[1], np.nan, np.float32)
    found = [missing if row is None else row for row in rows]
    return np.array(found, np.float32).reshape(-1, like.shape[1])


def video_of(path: str) -> str:
    """Returns the last part of the name of a file's video, as of a record's `session`.

    That is the directory of the file, or the file itself if its directory is the person's.
    """
    parts = PurePosixPath(posixpath.normpath(nfc(path))).parts
    return parts[-2] if len(parts) > 2 else PurePosixPath(path).stem
