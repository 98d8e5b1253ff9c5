"""What a run's model says of every example of a split, with what is known of the example."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.runs import Run
from tfdata.examples import Example, read_examples
from tfdata.loader import MODALITIES
from tfdata.manifest import Manifest
from tfdata.schema import IMAGE, SPECTROGRAM, SPLITS

Bytes = NDArray[np.uint8]
BATCH_SIZE = 32
NOBODY = -1  # the label of people whom the model does not know


@dataclass(frozen=True)
class Answers:
    """One row an example, in stored order.

    Attributes:
      labels: int64 [n], the model's class of the person; NOBODY where it has none.
      probabilities: float32 [n, classes].
      embeddings: float32 [n, size].
      identities: str [n], the person.
      sessions: str [n], the voice's video, and nearly always the face's.
      clips: str [n], path of the audio file below the corpus' audio folder.
      window_starts: int64 [n], samples at the data set's sample_rate_hz.
      keys: str [n], unique in the data set.
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
    def known(self) -> Answers:
        """Those of people whom the model knows."""
        return self.where(self.labels != NOBODY)

    @property
    def strangers(self) -> Answers:
        """Those of people whom it does not."""
        return self.where(self.labels == NOBODY)

    def where(self, wanted: NDArray[np.bool_]) -> Answers:
        return Answers(**{f.name: getattr(self, f.name)[wanted] for f in fields(self)})


def read_answers(
    run: Run,
    data_dir: Path,
    manifest: Manifest,
    splits: Sequence[str],
    *,
    strangers_only: bool = False,
    change: Callable[[str, str, Bytes], Bytes] | None = None,
) -> Answers:
    """Asks a run's model about the examples of some splits, a batch at a time.

    People are matched to the model's classes by identity: the numbers of two data sets differ.
    Only what is returned grows with the number of examples. The records are read without tf.data,
    which would hand out arrays alone: so an array and its key cannot come apart.

    Args:
      run: the model.
      data_dir: a data set that was built with the run's preprocessing.
      manifest: of the data set.
      splits: some of SPLITS.
      strangers_only: leaves out the people whom the model knows.
      change: what becomes of an example's arrays before the model is given them: from (key, name
        of the input, array) to an array of its shape.

    Raises:
      DatasetError: the data set cannot be read.
      EvaluationError: it does not fit the run, or has nothing to ask.
    """
    wanted = MODALITIES[run.modality]
    run.check_fits(data_dir, manifest)
    classes = {who: label for label, who in enumerate(run.people)}
    asked = manifest.people.keys() - (classes.keys() if strangers_only else ())
    pairs = sum(manifest.people[who].pairs[split] for who in asked for split in splits)
    shards = (shard for split in splits for shard in manifest.splits[split].shards)
    examples = read_examples(data_dir, manifest, shards)
    found = (example for example in examples if example.identity in asked)
    shown = tqdm(found, "Answering", pairs, unit="pair", leave=False, disable=None)
    answers: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    facts: list[tuple[Any, ...]] = []
    for batch in batches(shown, BATCH_SIZE):
        answers.append(run.answer({name: _arrays(batch, name, run, change) for name in wanted}))
        facts += [_facts(example) for example in batch]
    if not facts:
        raise EvaluationError(_nothing(run, data_dir, splits, strangers_only))
    probabilities, embeddings = map(np.concatenate, zip(*answers, strict=True))
    identities, sessions, clips, keys, starts = map(np.array, zip(*facts, strict=True))
    labels = np.array([classes.get(who, NOBODY) for who in identities.tolist()], np.int64)
    return Answers(labels, probabilities, embeddings, identities, sessions, clips, starts, keys)


def _nothing(run: Run, data_dir: Path, splits: Sequence[str], strangers_only: bool) -> str:
    if strangers_only:
        return (
            f"{run.folder} knows everybody of {data_dir}; name a data set with people whom it was "
            f"not trained on, such as those whom the build of its own was told to --exclude."
        )
    return (
        f"{data_dir} has no {' or '.join(splits)} pairs; name another --split of "
        f"{', '.join(SPLITS)}, or build it with --split_fractions that leave something for it."
    )


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of `size` items; the last may be shorter."""
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def _arrays(
    batch: Sequence[Example],
    name: str,
    run: Run,
    change: Callable[[str, str, Bytes], Bytes] | None,
) -> Bytes:
    shape = {IMAGE: run.image_shape, SPECTROGRAM: run.spectrogram_shape}[name]
    arrays = [
        (example.image if name == IMAGE else example.spectrogram).reshape(shape)
        for example in batch
    ]
    if change:
        arrays = [
            change(example.key, name, array) for example, array in zip(batch, arrays, strict=True)
        ]
    return np.stack(arrays)


def _facts(example: Example) -> tuple[Any, ...]:
    texts = (example.identity, example.session, example.audio_source, example.key)
    return (*texts, example.window_start_samples)
