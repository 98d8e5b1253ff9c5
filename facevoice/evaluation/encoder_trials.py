"""Embeds the files of listed trials with the encoders of a dataset.

A clip's voice is embedded from its file, or taken from the dataset if it has the clip. Its face is
that of the same video, from the dataset: lists such as VoxCeleb's name clips only. An image has no
voice.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facevoice.encoders.media import embed_clip_file, embed_face_file
from facevoice.encoders.recorded import open_recorded, recorded_encoders
from facevoice.evaluation.encoded import (
    FACE,
    VOICE,
    Encoded,
    by_clip,
    faces_of_videos,
    stack,
    video_of,
)
from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.trials import MAX_UNREADABLE, locate
from facevoice.features import MediaError
from facevoice.features.file_types import IMAGE_SUFFIXES, has_suffix
from tfdata.manifest import Manifest
from tfdata.text import counted, nfc

Vector = NDArray[np.float32]
_MODALITY = {FACE: "image", VOICE: "audio"}


def embed_listed(
    files: Sequence[str],
    people: Sequence[str],
    encoded: Encoded,
    manifest: Manifest,
    media: Path | None,
    named_encoders: Mapping[str, str | None],
) -> tuple[Encoded, dict[str, str]]:
    """Returns the embeddings of listed files, one row each, and why files cannot be used.

    Args:
      files: paths of clips and images.
      people: the person of each file, '' if unknown.
      encoded: embeddings of the examples of all splits.
      manifest: of their dataset.
      media: directory that the paths are relative to; None to look the files up in the dataset.
      named_encoders: 'image' and 'audio' to names of encoders that the user gave; see
        `encoders.recorded`.

    Raises:
      EncoderError, WeightsError: an encoder or its weights are missing, or others than the
        dataset's, or an encoder has to be named.
      EvaluationError: too many files cannot be used.
    """
    if media:
        find = _media_files(media, encoded, manifest, named_encoders)
    else:
        find = _stored_files(encoded)
    faces = faces_of_videos(encoded) if FACE in encoded.embeddings else {}
    rows: dict[str, list[Vector | None]] = {each: [] for each in encoded.embeddings}
    reasons: dict[str, str] = {}
    for file, person in zip(
        tqdm(files, "Embedding", unit="file", leave=False, disable=None), people, strict=True
    ):
        kind = FACE if has_suffix(file, IMAGE_SUFFIXES) else VOICE
        found: dict[str, Vector | None] = {}
        if kind == VOICE:
            found[FACE] = faces.get((person, video_of(file)))
        try:
            found[kind] = find(kind, file) if kind in rows else None
        except MediaError as error:
            reasons[file] = str(error)
        except KeyError:
            reasons[file] = "it is not in the dataset"
        for each, vectors in rows.items():
            vectors.append(None if file in reasons else found.get(each))
    if len(reasons) > MAX_UNREADABLE * len(files):
        first, reason = next(iter(reasons.items()))
        advice = (
            "give the directory of the clips with --media"
            if media is None
            else "check that --media DIR is the directory that the paths are relative to"
        )
        raise EvaluationError(
            f"{len(reasons)} of {counted(len(files), 'file')} in the trials cannot be used, the "
            f"first is {first} ({reason}); {advice}."
        )
    videos = np.array([video_of(file) for file in files], np.str_)
    names = np.array(files, np.str_)
    embeddings = {each: stack(found, encoded.embeddings[each]) for each, found in rows.items()}
    both = {FACE: videos, VOICE: videos}
    return Encoded(embeddings, np.array(people, np.str_), both, names, names), reasons


def _stored_files(encoded: Encoded) -> Callable[[str, str], Vector]:
    """Returns a function from FACE or VOICE and a path to the embedding in a dataset.

    It raises KeyError for a file that the dataset does not have.
    """
    clips = by_clip(encoded)
    paths = {FACE: encoded.faces, VOICE: clips.clips}
    vectors = {FACE: encoded.embeddings.get(FACE), VOICE: clips.embeddings.get(VOICE)}
    rows = {
        kind: {_normal(path): row for row, path in enumerate(found.tolist())}
        for kind, found in paths.items()
    }

    def find(kind: str, file: str) -> Vector:
        stored = vectors[kind]
        assert stored is not None  # the caller asks for kinds that the dataset has
        return np.asarray(stored[rows[kind][_normal(file)]])

    return find


def _media_files(
    media: Path,
    encoded: Encoded,
    manifest: Manifest,
    named_encoders: Mapping[str, str | None],
) -> Callable[[str, str], Vector]:
    """Returns a function from FACE or VOICE and a path to the embedding of a media file."""
    recorded = recorded_encoders(manifest)
    names = {
        each: open_recorded(
            recorded[_MODALITY[each]], named_encoders.get(_MODALITY[each]), "The dataset"
        ).name
        for each in encoded.embeddings
    }
    seconds = _window_seconds(manifest)

    def find(kind: str, file: str) -> Vector:
        path = locate(media, file)
        if kind == FACE:
            return embed_face_file(path, names[FACE])
        return np.asarray(embed_clip_file(path, names[VOICE], seconds).mean(axis=0))

    return find


def _window_seconds(manifest: Manifest) -> float:
    seconds = manifest.features["window_seconds"]
    assert isinstance(seconds, (int, float))
    return float(seconds)


def _normal(path: str) -> str:
    return nfc(posixpath.normpath(path))
