"""Predictions of a run for the examples of a dataset."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.runs import Run
from tfdata.examples import Example, read_examples
from tfdata.manifest import Manifest, Shard
from tfdata.schema import AUDIO_EMBEDDING, IMAGE, IMAGE_EMBEDDING, SPECTROGRAM, SPLITS

Array = NDArray[Any]
BATCH_SIZE = 32
UNKNOWN = -1  # the label of people who are not among the classes of the model
# From (key, name of the input, array) to an array of the same shape.
Transform = Callable[[str, str, Array], Array]


@dataclass(frozen=True)
class Predictions:
    """Predictions and metadata of examples, one row per example, in stored order.

    Attributes:
      labels: int64 [n], the true class; UNKNOWN if the model has no class for the person.
      probabilities: float32 [n, classes].
      embeddings: float32 [n, size].
      identities: str [n], the person.
      sessions: str [n], the video of the clip, and nearly always of the face image.
      clips: str [n], path of the audio file relative to the corpus' audio directory.
      window_starts: int64 [n], samples at the dataset's sample_rate_hz.
      keys: str [n], unique in the dataset.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    identities: NDArray[np.str_]
    sessions: NDArray[np.str_]
    clips: NDArray[np.str_]
    window_starts: NDArray[np.int64]
    keys: NDArray[np.str_]

    @property
    def known(self) -> Predictions:
        """Returns the rows of people who are among the classes of the model."""
        return self.where(self.labels != UNKNOWN)

    @property
    def unknown(self) -> Predictions:
        """Returns the rows of all other people."""
        return self.where(self.labels == UNKNOWN)

    def where(self, mask: NDArray[np.bool_]) -> Predictions:
        """Returns the rows at which `mask` is True."""
        return Predictions(**{f.name: getattr(self, f.name)[mask] for f in fields(self)})


def predict_splits(
    run: Run,
    data_dir: Path,
    manifest: Manifest,
    splits: Sequence[str],
    *,
    unknown_only: bool = False,
    transform: Transform | None = None,
    max_pairs: int | None = None,
) -> Predictions:
    """Runs the model of a run on the examples of some splits, in batches.

    People are matched to classes by identity, because labels differ between datasets. Records are
    read without tf.data, which returns only arrays, so that each array stays with its key.

    Args:
      run: the run.
      data_dir: a dataset that was built with the feature settings of the run.
      manifest: its manifest.
      splits: names of splits.
      unknown_only: whether to skip people who are among the classes of the model.
      transform: applied to each array before it is given to the model.
      max_pairs: read no further shard after this many pairs; shards hold whole videos at random.

    Raises:
      DatasetError: the dataset cannot be read.
      EvaluationError: the dataset is not compatible with the run, or has no such examples.
    """
    run.check_compatible(data_dir, manifest)
    classes = {identity: label for label, identity in enumerate(run.people)}
    people = manifest.people.keys() - (classes.keys() if unknown_only else ())
    pairs = sum(manifest.people[person].pairs[split] for person in people for split in splits)
    shards = first_shards(manifest, splits, max_pairs)
    examples = read_examples(data_dir, manifest, shards)
    selected = (example for example in examples if example.identity in people)
    progress = tqdm(selected, "Predicting", pairs, unit="pair", leave=False, disable=None)
    outputs: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    metadata: list[tuple[Any, ...]] = []
    for batch in batches(progress, BATCH_SIZE):
        inputs = {name: _arrays(batch, name, run, transform) for name in run.inputs}
        outputs.append(run.predict(inputs))
        metadata += [_metadata(example) for example in batch]
    if not metadata:
        raise EvaluationError(_no_examples(run, data_dir, splits, unknown_only))
    probabilities, embeddings = map(np.concatenate, zip(*outputs, strict=True))
    identities, sessions, clips, keys, starts = map(np.array, zip(*metadata, strict=True))
    labels = np.array([classes.get(person, UNKNOWN) for person in identities.tolist()], np.int64)
    return Predictions(labels, probabilities, embeddings, identities, sessions, clips, starts, keys)


def first_shards(
    manifest: Manifest, splits: Sequence[str], max_pairs: int | None = None
) -> Iterator[Shard]:
    """Yields the shards of some splits, in order, until they have `max_pairs` pairs.

    Shards hold whole videos that were chosen at random, and so do the first ones.
    """
    pairs = 0
    for shard in (shard for split in splits for shard in manifest.splits[split].shards):
        if max_pairs is not None and pairs >= max_pairs:
            return
        pairs += shard.records
        yield shard


def _no_examples(run: Run, data_dir: Path, splits: Sequence[str], unknown_only: bool) -> str:
    if unknown_only:
        return (
            f"{data_dir} has no unknown people, because {run.run_dir} was trained on all of them; "
            f"use a dataset of other people, such as those excluded with --exclude when building."
        )
    return (
        f"{data_dir} has no {' or '.join(splits)} pairs; choose another --split of "
        f"{', '.join(SPLITS)}, or build it with other --split_fractions."
    )


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yields lists of `size` items; the last may be shorter."""
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def _arrays(
    batch: Sequence[Example],
    name: str,
    run: Run,
    transform: Transform | None,
) -> Array:
    """Returns one input of a batch, [batch, ...]."""
    arrays = [_array(example, name).reshape(run.input_shapes[name]) for example in batch]
    if transform:
        arrays = [
            transform(example.key, name, array)
            for example, array in zip(batch, arrays, strict=True)
        ]
    return np.stack(arrays)


def _array(example: Example, name: str) -> Array:
    """Returns a feature of an example."""
    found: Mapping[str, Array | None] = {
        IMAGE: example.image,
        SPECTROGRAM: example.spectrogram,
        IMAGE_EMBEDDING: example.embeddings.image,
        AUDIO_EMBEDDING: example.embeddings.audio,
    }
    array = found[name]
    assert array is not None  # Run.check_compatible
    return array


def _metadata(example: Example) -> tuple[Any, ...]:
    """Returns (identity, session, clip, key, window start) of an example."""
    texts = (example.identity, example.session, example.audio_source, example.key)
    return (*texts, example.window_start_samples)
