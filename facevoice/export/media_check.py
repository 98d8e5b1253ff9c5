"""Compares an exported graph with the build and the model of a run, on the same media."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.media_inputs import fill_missing
from facevoice.evaluation.runs import Run
from facevoice.export.runtimes import Runner
from facevoice.export.serving_graph import FACE, MODEL_INPUTS, PROBABILITIES, SAMPLES
from facevoice.features import (
    FeatureSettings,
    MediaError,
    consecutive_starts,
    probe_audio,
    read_face,
    read_window,
    spectrogram,
)
from facevoice.features.image_decoding import open_image
from facevoice.sample_corpus.channels import clip_wav
from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.people import PEOPLE
from tfdata.schema import IMAGE, SPECTROGRAM

Open = Callable[[], BinaryIO]
Arrays = Mapping[str, NDArray[Any]]
# Shares that must be within a limit. The part outside is rounded up, so one may always be outside.
LEVEL, LEVEL_SHARE = 1, 0.999  # of spectrogram cells, and of the values of faces
PROBABILITY, PROBABILITY_SHARE = 0.01, 0.99  # of people
TOP_1_SHARE = 0.995  # of queries
CHECKED_WINDOWS = 2  # of a clip


@dataclass
class MediaCheck:
    """Differences between an exported graph, and the build and the model that it stands for.

    Attributes:
      media: where the media are from.
      queries: number of them.
      unusable: number of media files that a build would reject.
      levels: IMAGE and SPECTROGRAM to the number of values by absolute difference, int64 [256].
      same_top_1: number of queries with the same most probable person.
      probabilities: absolute differences, one array of people for each query.
    """

    media: str
    queries: int = 0
    unusable: int = 0
    levels: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    same_top_1: int = 0
    probabilities: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, expected: Arrays, found: Arrays) -> None:
        """Adds the comparison of one query: what is expected, and the outputs of the graph."""
        self.queries += 1
        for name in (IMAGE, SPECTROGRAM):
            if name in expected:
                differences = np.abs(
                    expected[name].astype(int) - found[MODEL_INPUTS[name]].astype(int)
                )
                counts = np.bincount(differences.ravel(), minlength=256)
                self.levels[name] = self.levels.get(name, np.zeros(256, np.int64)) + counts
        right, other = expected[PROBABILITIES], found[PROBABILITIES].astype(np.float64)
        self.same_top_1 += int(right.argmax() == other.argmax())
        self.probabilities.append(np.abs(right - other))

    def faults(self) -> list[str]:
        """Returns a clause for each tolerance that is exceeded."""
        faults = []
        for name, counts in self.levels.items():
            total, outside = int(counts.sum()), int(counts[LEVEL + 1 :].sum())
            if _exceeds(outside, total, LEVEL_SHARE):
                faults.append(
                    f"{outside:,} of {total:,} values of {name} differ by more than {LEVEL} level"
                )
        if _exceeds(self.queries - self.same_top_1, self.queries, TOP_1_SHARE):
            faults.append(
                f"the most probable person differs in {self.queries - self.same_top_1} of "
                f"{self.queries} queries"
            )
        differences = np.concatenate(self.probabilities) if self.probabilities else np.zeros(0)
        outside = int((differences > PROBABILITY).sum())
        if _exceeds(outside, len(differences), PROBABILITY_SHARE):
            faults.append(
                f"{outside:,} of {len(differences):,} probabilities differ by more than "
                f"{PROBABILITY}"
            )
        return faults

    def to_json(self) -> dict[str, Any]:
        """Returns the distributions of differences."""
        differences = np.concatenate(self.probabilities)
        return {
            "media": self.media,
            "queries": self.queries,
            "unusable": self.unusable,
            "same_top_1": self.same_top_1,
            "probabilities": {
                "values": len(differences),
                f"within_{PROBABILITY}": float((differences <= PROBABILITY).mean()),
                "largest": float(differences.max()),
            },
            "levels": {name: _distribution(counts) for name, counts in self.levels.items()},
        }


def tolerances() -> dict[str, Any]:
    """Returns the limits of `MediaCheck.faults`, for the description of an export."""
    return {
        "levels": {"within": LEVEL, "share": LEVEL_SHARE},
        "probabilities": {"within": PROBABILITY, "share": PROBABILITY_SHARE},
        "same_top_1": {"share": TOP_1_SHARE},
    }


def _exceeds(outside: int, total: int, share: float) -> bool:
    return outside > math.ceil(round(total * (1 - share), 6))


def _distribution(counts: NDArray[np.int64]) -> dict[str, Any]:
    found = np.flatnonzero(counts)
    return {
        "values": int(counts.sum()),
        "by_difference": {str(level): int(counts[level]) for level in found[:10]},
        "largest": int(found.max()),
    }


def generated_media(count: int) -> tuple[list[Open], list[Open]]:
    """Returns some face images and clips of the sample corpus, each of another person."""
    people = [index % len(PEOPLE) for index in range(count)]
    faces = [face_jpeg(PEOPLE[index].face, index, 0, 0) for index in people]
    clips = [clip_wav(PEOPLE[index].voice, index, 0, 0) for index in people]
    return [partial(io.BytesIO, data) for data in faces], [
        partial(io.BytesIO, data) for data in clips
    ]


def check_graph(
    run: Run,
    graph: Runner,
    media: str,
    faces: Sequence[Open],
    clips: Sequence[Open],
    *,
    takes_faces: bool = False,
) -> MediaCheck:
    """Compares a graph with the build and the model on face images and clips.

    For a model of both, the first face belongs to the first clip, and so on; the shorter list is
    repeated.

    Args:
      run: the run that was exported.
      graph: the exported graph.
      media: where the media are from.
      faces, clips: functions that open a media file.
      takes_faces: whether the graph takes faces of the model's size in place of photographs.
    """
    face_query = _face_query if takes_faces else _image_query
    check = MediaCheck(media)
    images = (
        list(_usable(faces, run.features, face_query, check)) if run.modality != "audio" else []
    )
    sounds = (
        list(_usable(clips, run.features, _clip_query, check)) if run.modality != "image" else []
    )
    for image, sound in _paired(images, sounds):
        inputs = {**image[0], **sound[0]}
        expected = {**image[1], **sound[1]}
        count = len(expected.get(SPECTROGRAM, (0,)))
        batch = {
            name: np.broadcast_to(x, (count, *x.shape)) if name == IMAGE else x
            for name, x in expected.items()
        }
        probabilities = run.predict(fill_missing(run, batch))[0].mean(axis=0, dtype=np.float64)
        check.add({**expected, PROBABILITIES: probabilities}, graph(inputs))
    return check


Compared = tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]


def _paired(
    images: Sequence[Compared], sounds: Sequence[Compared]
) -> Iterator[tuple[Compared, Compared]]:
    """Yields (image, sound); of a model of one of them, the other is empty."""
    nothing: Sequence[Compared] = [({}, {})]
    count = max(len(images), len(sounds))
    both = (itertools.cycle(images or nothing), itertools.cycle(sounds or nothing))
    yield from itertools.islice(zip(*both, strict=False), count)


def _usable(
    files: Sequence[Open],
    settings: FeatureSettings,
    query: Callable[[Open, FeatureSettings], Compared],
    check: MediaCheck,
) -> Iterator[Compared]:
    """Yields the input of the graph and what the build makes of it; counts unusable files."""
    for file in files:
        try:
            yield query(file, settings)
        except MediaError:
            check.unusable += 1


def _face_query(file: Open, settings: FeatureSettings) -> Compared:
    """Returns an image of a face's size, for the graph and for the model.

    Without a search for the face: any image will do.
    """
    face = read_face(file(), replace(settings, face_detector="none"))
    return {FACE: face}, {IMAGE: face}


def _image_query(file: Open, settings: FeatureSettings) -> Compared:
    """Returns a photograph, and the face that the build cuts out of it."""
    return {IMAGE: np.asarray(open_image(file()))}, {IMAGE: read_face(file(), settings)}


def _clip_query(file: Open, settings: FeatureSettings) -> Compared:
    """Returns the first windows of a clip, one after the other, and their spectrograms."""
    samples = probe_audio(file()).samples_at(settings.sample_rate_hz)
    starts = consecutive_starts(samples, settings)[:CHECKED_WINDOWS]
    windows = [read_window(file(), start, settings) for start in starts]
    levels = np.stack([spectrogram(window, settings) for window in windows])[..., None]
    return {SAMPLES: np.concatenate(windows)}, {SPECTROGRAM: levels}
