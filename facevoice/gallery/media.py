"""Embeds media files and the records of datasets as samples of a gallery.

A media file is one sample. That of a clip is the normalised mean of the embeddings of its windows.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevoice.encoders.base import EncoderInfo
from facevoice.encoders.media import embed_clip_file, embed_face_file
from facevoice.encoders.recorded import check_equal, open_recorded, recorded_encoders
from facevoice.encoders.registry import encoder_info
from facevoice.evaluation.errors import UnusableError
from facevoice.evaluation.query_files import files_below
from facevoice.features import MediaError
from facevoice.features.file_types import AUDIO_SUFFIXES, IMAGE_SUFFIXES, has_suffix
from facevoice.gallery.gallery import (
    AUDIO,
    FLAGS,
    GALLERY,
    IMAGE,
    MODALITIES,
    Gallery,
    GalleryError,
    Sample,
    Samples,
)
from tfdata.examples import Example, read_examples
from tfdata.manifest import Manifest
from tfdata.manifest_reader import check_any_embeddings
from tfdata.schema import DEFAULT_ENCODERS
from tfdata.storage.files import open_regular
from tfdata.text import counted, listed

Floats = NDArray[np.float32]
SUFFIXES = {IMAGE: IMAGE_SUFFIXES, AUDIO: AUDIO_SUFFIXES}


def choose_encoder(gallery: Gallery, modality: str, named: str | None) -> EncoderInfo:
    """Returns the encoder for new samples or queries: the named one, or that of the gallery.

    A gallery may come from someone else, so that an encoder of the user's own, which is code, is
    not imported because a gallery names it.

    Args:
      gallery: the gallery, which may be empty.
      modality: one of MODALITIES.
      named: name of an encoder; None for that of the gallery, or the default one.

    Raises:
      EncoderError: there is no such encoder, it is not that of the gallery, or has to be named.
    """
    if modality in gallery.samples:
        return open_recorded(gallery.samples[modality].encoder, named, GALLERY)
    return encoder_info(named or DEFAULT_ENCODERS[modality])


def embed_file(path: str, encoder: EncoderInfo) -> Floats:
    """Returns the embedding, float32 [dimension], of an image file or a clip.

    Raises:
      UnusableError: the file cannot be used.
      EncoderError, WeightsError: the encoder or its weights are missing.
    """
    try:
        if encoder.modality == IMAGE:
            return embed_face_file(path, encoder.name)
        mean = embed_clip_file(path, encoder.name).mean(axis=0)
    except MediaError as error:
        raise UnusableError(f"{path} cannot be used ({error}).") from None
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def embed_samples(
    name: str, paths: Iterable[str], encoder: EncoderInfo
) -> tuple[Samples, list[UnusableError]]:
    """Returns samples of a person, one for each usable file, and the errors of the others.

    Raises:
      EncoderError, WeightsError: the encoder or its weights are missing.
    """
    rows, sources, errors = [], [], []
    for path in paths:
        try:
            rows.append(embed_file(path, encoder))
        except UnusableError as error:
            errors.append(error)
            continue
        with open_regular(path) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        sources.append(Sample(_text(Path(path).absolute()), sha256, now()))
    return _samples(encoder, [name] * len(rows), sources, rows), errors


def dataset_samples(
    data_dir: Path, manifest: Manifest, splits: Sequence[str], known: Gallery
) -> dict[str, Samples]:
    """Returns samples of all people of a dataset that has embeddings, by modality.

    A face image of several records is one sample, and so are all windows of a clip, and all moments
    of a video.

    Args:
      data_dir: of the dataset.
      manifest: its manifest.
      splits: names of splits.
      known: the gallery to add to.

    Raises:
      DatasetError: the dataset cannot be read, or has no embeddings.
      EncoderError: they are of another encoder than the gallery.
    """
    check_any_embeddings(data_dir, manifest)
    encoders = recorded_encoders(manifest)
    for modality, encoder in encoders.items():
        if modality in known.samples:
            check_equal(known.samples[modality].encoder, encoder, GALLERY)
    sums: dict[str, dict[tuple[str, str], Floats]] = {modality: {} for modality in encoders}
    shards = (shard for split in splits for shard in manifest.splits[split].shards)
    for example in read_examples(data_dir, manifest, shards):
        for modality in encoders:
            source, embedding = _of_example(example, modality)
            key = (example.identity, source)
            if key not in sums[modality]:
                sums[modality][key] = np.array(embedding)
            elif modality == AUDIO or example.face_time_seconds is not None:
                sums[modality][key] += embedding
    time = now()
    found = {}
    for modality, by_source in sums.items():
        ordered = sorted(by_source)
        rows = [by_source[key] / np.linalg.norm(by_source[key]) for key in ordered]
        sources = [Sample(_text(source), None, time) for _, source in ordered]
        names = [name for name, _ in ordered]
        found[modality] = _samples(encoders[modality], names, sources, rows)
    return found


def expand(modality: str, paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns media files, those of a folder in its place, and notes about its other files.

    Raises:
      EvaluationError: a folder has no media of this modality.
    """
    files, notes = [], []
    for path in paths:
        if Path(path).is_dir():
            found, note = files_below(FLAGS[modality], path, SUFFIXES[modality])
            files += found
            notes += [note] if note else []
        else:
            files.append(path)
    return list(dict.fromkeys(files)), notes


def media_files(argument: str, path: str) -> tuple[dict[str, list[str]], list[str]]:
    """Returns the media files of a file or a folder by modality, and notes about other files.

    Args:
      argument: that names the path, for messages.
      path: of a face image, a clip or a folder.

    Raises:
      EvaluationError: a folder has no media.
      GalleryError: the file name has no extension of an image or a clip.
    """
    files, notes = [path], []
    if Path(path).is_dir():
        files, note = files_below(argument, path, IMAGE_SUFFIXES + AUDIO_SUFFIXES)
        notes = [note] if note else []
    found: dict[str, list[str]] = {}
    for file in files:
        fitting = [each for each in MODALITIES if has_suffix(file, SUFFIXES[each])]
        if not fitting:
            raise GalleryError(
                f"{argument} {file} has no extension of an image or a clip, such as .jpg or .wav."
            )
        found.setdefault(fitting[0], []).append(file)
    return found, notes


def now() -> str:
    """Returns the date and the time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sample_counts(counts: Mapping[str, int]) -> str:
    """Returns numbers of samples by modality as text: "3 faces and 1 clip"."""
    nouns = {IMAGE: "face", AUDIO: "clip"}
    parts = [counted(counts[each], nouns[each]) for each in MODALITIES if counts.get(each)]
    return listed(parts) if parts else "no samples"


def _of_example(example: Example, modality: str) -> tuple[str, Floats]:
    embeddings = example.embeddings
    if modality == IMAGE:
        assert embeddings.image is not None
        return example.face_source, embeddings.image
    assert embeddings.audio is not None
    return example.audio_source, embeddings.audio


def _samples(
    encoder: EncoderInfo, names: list[str], sources: list[Sample], rows: list[Floats]
) -> Samples:
    embeddings = np.array(rows, np.float32).reshape(-1, encoder.dimension)
    return Samples(encoder, tuple(names), tuple(sources), embeddings)


def _text(path: str | Path) -> str:
    """Returns a path that can be written as UTF-8; bytes that are not UTF-8 are escaped."""
    return os.fsencode(path).decode(errors="backslashreplace")
