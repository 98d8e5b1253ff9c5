"""From a data set's folder to a `tf.data.Dataset` of `(features, label)`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfdata.augmentation import Draws, augment
from tfdata.schema import (
    IDENTITY,
    IMAGE,
    KEY,
    SPECTROGRAM,
    SPLITS,
    DatasetError,
    Manifest,
    load_manifest,
)

# What each modality reads of a record.
MODALITIES = {
    "image": (IMAGE,),
    "audio": (SPECTROGRAM,),
    "pair": (IMAGE, SPECTROGRAM),
}
MAX_OPEN_SHARDS = 16


@dataclass(frozen=True)
class ReadOptions:
    """How a split is read.

    Attributes:
      batch_size: examples a batch; the last one may be smaller.
      shuffle_buffer: examples held for shuffling; 0 reads in stored order.
      seed: of the shuffle; equal seeds give equal orders, and each epoch its own.
      augment: change each example as `tfdata.augmentation` does, by draws from the seed, `epoch`
        and its key; for training alone.
      epoch: counted from 0.
    """

    batch_size: int = 32
    shuffle_buffer: int = 0
    seed: int = 0
    augment: bool = False
    epoch: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; use 1 or more.")
        if self.shuffle_buffer < 0:
            raise ValueError(f"shuffle_buffer is {self.shuffle_buffer}; use 0 or more.")


def load(
    data_dir: str | Path,
    split: str,
    modality: str = "pair",
    options: ReadOptions | None = None,
) -> tf.data.Dataset:
    """Reads one split of a data set.

    Args:
      data_dir: folder with a manifest.
      split: 'train', 'validation' or 'test'.
      modality: 'image', 'audio' or 'pair'.
      options: batching and shuffling.

    Returns:
      Batches of `(features, label)`. `image`: uint8 [batch, height, width, 3]; `audio`: uint8
      [batch, bands, frames, 1]; `pair`: both as {'image': ..., 'spectrogram': ...}. `label`:
      int64 [batch], by the manifest's numbers.

    Raises:
      DatasetError: the data set cannot be read, or the split is empty.
      ValueError: an unknown split or modality.
    """
    options = options or ReadOptions()
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; use one of {', '.join(SPLITS)}.")
    if modality not in MODALITIES:
        raise ValueError(f"modality is {modality!r}; use one of {', '.join(MODALITIES)}.")
    manifest = load_manifest(data_dir)
    files = [str(Path(data_dir) / shard.file) for shard in manifest.splits[split].shards]
    if not files:
        raise DatasetError(
            f"The {split} split of {data_dir} is empty; build it with --split_fractions that "
            f"leave something for it, from people with enough videos."
        )
    # The count comes from the manifest, so that progress bars know the end from the first step.
    count = tf.data.experimental.assert_cardinality(manifest.splits[split].pairs)
    batches = _records(files, options).apply(count).batch(options.batch_size)
    parse = _parser(manifest, modality, options)
    return batches.map(parse, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _records(files: list[str], options: ReadOptions) -> tf.data.Dataset:
    """Serialized examples: as stored, or shards in a drawn order, interleaved and shuffled."""
    if not options.shuffle_buffer:
        return tf.data.TFRecordDataset(files)
    shards = tf.data.Dataset.from_tensor_slices(files).shuffle(len(files), seed=options.seed)
    records = shards.interleave(
        tf.data.TFRecordDataset,
        cycle_length=min(len(files), MAX_OPEN_SHARDS),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return records.shuffle(options.shuffle_buffer, seed=options.seed)


def _parser(manifest: Manifest, modality: str, options: ReadOptions) -> Any:
    """One vectorised step from a batch of serialized examples; it touches what it returns."""
    wanted = MODALITIES[modality]
    shapes = {IMAGE: manifest.image_shape, SPECTROGRAM: (*manifest.spectrogram_shape, 1)}
    layout = {name: tf.io.FixedLenFeature([], tf.string) for name in (*wanted, IDENTITY, KEY)}
    labels = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(list(manifest.people)),
            tf.constant([person.label for person in manifest.people.values()], tf.int64),
        ),
        default_value=-1,
    )

    def parse(batch: tf.Tensor) -> tuple[Any, tf.Tensor]:
        parsed = tf.io.parse_example(batch, layout)
        arrays = {
            name: tf.reshape(tf.io.decode_raw(parsed[name], tf.uint8), (-1, *shapes[name]))
            for name in wanted
        }
        if options.augment:
            draws = Draws(parsed[KEY], options.seed, options.epoch)
            arrays = augment(arrays, draws, manifest.features["floor_db"])
        features = arrays if len(wanted) > 1 else arrays[wanted[0]]
        return features, labels.lookup(parsed[IDENTITY])

    return parse
