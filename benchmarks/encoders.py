"""Measures how well the embeddings of a dataset tell its people apart, and what they cost.

    python benchmarks/encoders.py DATASET

DATASET was built with --face_encoder and --voice_encoder. The pairs of all its splits are used: an
encoder has not seen any of them. Printed are

- nearest centroid, leave one video out: each pair is identified by its cosine with the mean
  embedding of each person, computed without the pair's video; of the sum of both cosines, too;
- which of the people the encoders may have seen in their training;
- cosines of one person and of two people, between different videos, and the equal error rate;
- CPU time of an embedding, in one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from embedded_dataset import main
from numpy.typing import NDArray

from facevoice.encoders.exposure import exposures
from facevoice.encoders.registry import audio_encoder, image_encoder
from facevoice.evaluation.metrics import wilson_interval
from facevoice.evaluation.verification import det_curve, equal_error_rate
from facevoice.reports.leakage import exposure_sentence
from tfdata.examples import Example, read_examples
from tfdata.manifest import Manifest

Floats = NDArray[np.float32]
Texts = NDArray[np.str_]
REPEATS = 20


def measure(dataset: Path, manifest: Manifest) -> None:
    """Prints the measurements of a dataset."""
    examples = list(read_examples(dataset, manifest, manifest.shards))
    people = np.array([example.identity for example in examples])
    faces = _stack(examples, lambda example: example.embeddings.image)
    voices = _stack(examples, lambda example: example.embeddings.audio)
    # A face may be of another video than its window.
    face_videos = np.array([_video(example) for example in examples])
    videos = np.array([example.session for example in examples])
    scores = {
        "face": centroid_scores(faces, people, face_videos),
        "voice": centroid_scores(voices, people, videos),
    }
    scores["sum of both"] = scores["face"] + scores["voice"]
    labels = np.unique(people, return_inverse=True)[1]
    print(f"{len(examples)} pairs of {len(set(people))} people in {len(set(videos))} videos")
    for name, values in scores.items():
        correct = int((values.argmax(axis=1) == labels).sum())
        low, high = wilson_interval(correct, len(labels))
        print(
            f"{name}: {correct} of {len(labels)} ({correct / len(labels):.1%}, 95 % interval "
            f"{low:.1%} to {high:.1%})"
        )
    for each in exposures(manifest):
        print(exposure_sentence(each))
    for name, embeddings, sessions in (("face", faces, face_videos), ("voice", voices, videos)):
        print(f"{name}: {_verification(embeddings, people, sessions)}")
    _print_times(manifest.encoders["image"].name, manifest.encoders["audio"].name)


def centroid_scores(embeddings: Floats, people: Texts, videos: Texts) -> NDArray[np.float64]:
    """Returns the cosines [examples, people] with the centroids of the other videos.

    Examples of one face or window in several pairs are of one video, so they are left out together.
    """
    names = np.unique(people)
    scores = np.zeros((len(people), len(names)))
    for person, video in sorted(set(zip(people.tolist(), videos.tolist(), strict=True))):
        tested = (people == person) & (videos == video)
        centroids = np.stack(
            [embeddings[~tested & (people == name)].mean(axis=0) for name in names]
        )
        centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
        scores[tested] = embeddings[tested] @ centroids.T
    return scores


def _verification(embeddings: Floats, people: Texts, videos: Texts) -> str:
    first, second = np.triu_indices(len(people), 1)
    same = people[first] == people[second]
    others = ~same | (videos[first] != videos[second])
    cosines = (embeddings @ embeddings.T)[first, second][others]
    same = same[others]
    rate, threshold = equal_error_rate(det_curve(same, cosines))
    return (
        f"cosine of one person {cosines[same].mean():.3f} +- {cosines[same].std():.3f} "
        f"({same.sum():,} pairs of examples), of two people {cosines[~same].mean():.3f} +- "
        f"{cosines[~same].std():.3f} ({(~same).sum():,}), equal error rate {rate:.2%} at "
        f"{threshold:.3f}"
    )


def _print_times(face_encoder: str, voice_encoder: str) -> None:
    drawn = np.random.default_rng(0)
    encode_face, encode_voice = image_encoder(face_encoder), audio_encoder(voice_encoder)
    face = drawn.integers(0, 256, encode_face.features.image_shape, np.uint8)
    window = drawn.normal(0, 0.1, 3 * encode_voice.sample_rate_hz).astype(np.float32)
    print(
        f"CPU time of an aligned face: {_milliseconds(encode_face, face):.1f} ms, of a window of "
        f"3 s: {_milliseconds(encode_voice, window):.1f} ms"
    )


def _milliseconds(encode: Callable[[Any], Any], medium: Any) -> float:
    encode(medium)
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        encode(medium)
        times.append(time.process_time() - started)
    return 1e3 * float(np.median(times))


def _stack(examples: list[Example], embedding: Callable[[Example], Floats | None]) -> Floats:
    return np.stack([found for found in map(embedding, examples) if found is not None])


def _video(example: Example) -> str:
    """Returns the directory of the face image, which is that of its video."""
    return str(Path(example.face_source).parent)


if __name__ == "__main__":
    raise SystemExit(main(__doc__, measure))
