"""From a data set's folder to a `tf.data.Dataset` of `(features, label)`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfdata.augmentation import Draws, augment
from tfdata.data_service import through_service
from tfdata.errors import DatasetError
from tfdata.labels import labeller
from tfdata.local_copy import copy_shards
from tfdata.options import IN_MEMORY, ReadOptions
from tfdata.recovery import without_damage
from tfdata.schema import (
    IDENTITY,
    IMAGE,
    KEY,
    SPECTROGRAM,
    SPLITS,
    Manifest,
    check_shard_sizes,
    load_manifest,
)
from tfdata.shuffling import Source, epoch_of_records
from tfdata.sources import from_files, from_memory
from tfdata.storage.base import is_address
from tfdata.storage.tensorflow_files import tensorflow_paths

# In stored order, so many bytes of records are parsed at once: more is more memory than malloc
# keeps, and to hand it back after each batch and get it anew took as long as all else.
PIECE_BYTES = 2_500_000

# What each modality reads of a record.
MODALITIES = {
    "image": (IMAGE,),
    "audio": (SPECTROGRAM,),
    "pair": (IMAGE, SPECTROGRAM),
}


def load(
    data_dir: str | Path,
    split: str,
    modality: str = "pair",
    options: ReadOptions | None = None,
    *,
    manifest: Manifest | None = None,
) -> tf.data.Dataset:
    """Reads one split of a data set.

    Args:
      data_dir: folder with a manifest, or its address, such as 's3://bucket/set'.
      split: 'train', 'validation' or 'test'.
      modality: 'image', 'audio' or 'pair'.
      options: batching, order, and more.
      manifest: the manifest to read by, as `load_manifest` returned it; None reads it from the
        folder. A program that loads more than once passes one to all calls, so that they agree
        on labels and splits when the dataset is rebuilt meanwhile.

    Returns:
      Batches of `(features, label)`. `image`: uint8 [batch, height, width, 3]; `audio`: uint8
      [batch, bands, frames, 1]; `pair`: both as {'image': ..., 'spectrogram': ...}. `label`:
      int64 [batch], by the manifest's numbers. No batch holds examples of two epochs.

    Raises:
      DatasetError: the data set cannot be read, the split is empty, or the data set was rebuilt
        and a shard of `manifest` removed.
      ValueError: an unknown split or modality.
    """
    options = options or ReadOptions()
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; use one of {', '.join(SPLITS)}.")
    if modality not in MODALITIES:
        raise ValueError(f"modality is {modality!r}; use one of {', '.join(MODALITIES)}.")
    if manifest is None:
        manifest = load_manifest(data_dir, check_shards=options.damage == "fail")
    elif options.damage == "fail":
        check_shard_sizes(data_dir, manifest)
    if not manifest.splits[split].shards:
        raise DatasetError(
            f"The {split} split of {data_dir} is empty; build it with --split_fractions that "
            f"leave something for it, from people with enough videos."
        )
    source, counts = _source(data_dir, manifest, split, options)
    layout = _layout(modality, options)
    if options.shuffle_buffer:  # what waits in it is what is asked for, and no more
        source = _parsed(source, layout)
        at_once = options.batch_size  # parsed already: pieces were slower
    else:
        at_once = _records_at_once(manifest, split, options.batch_size)
    decode = _decoder(manifest, modality, options)

    def to_arrays(piece: Any, epoch: tf.Tensor) -> tuple[Any, tf.Tensor]:
        parsed = piece if options.shuffle_buffer else tf.io.parse_example(piece, layout)
        return decode(parsed, epoch)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        records = epoch_of_records(source, counts, epoch, options)
        records = records.skip(
            tf.where(epoch == options.epoch, tf.constant(options.skip, tf.int64), 0)
        )
        if options.take is not None:
            records = records.take(options.take)
        pieces = records.batch(at_once).map(
            lambda piece: to_arrays(piece, epoch),
            num_parallel_calls=options.parallel_calls or tf.data.AUTOTUNE,
        )
        return pieces.rebatch(options.batch_size, options.drop_remainder)

    if options.epochs == 1:  # made here and now, and not anew in each pass, which takes 50 ms
        with tf.device("CPU:0"):
            batches = one_epoch(tf.constant(options.epoch, tf.int64))
    else:
        last = None if options.epochs is None else options.epoch + options.epochs
        batches = tf.data.Dataset.range(options.epoch, last or tf.int64.max).flat_map(one_epoch)
    if options.service:
        return through_service(batches, options.service)
    # The count comes from the manifest, so that progress bars know the end from the first step.
    batches = batches.apply(tf.data.experimental.assert_cardinality(_batches(counts, options)))
    return batches.prefetch(options.prefetch).with_options(_behaviour(options))


def _source(
    data_dir: str | Path, manifest: Manifest, split: str, options: ReadOptions
) -> tuple[Source, list[int]]:
    """Where the records come from, and how many there are in each shard."""
    shards = manifest.splits[split].shards
    # Absolute, since workers of a service may run elsewhere on this machine.
    folder = data_dir if is_address(data_dir) else Path(data_dir).absolute()
    files = tensorflow_paths(folder, [shard.file for shard in shards])
    counts = [shard.records for shard in shards]
    if options.cache and options.cache != IN_MEMORY:
        files = copy_shards(folder, manifest, shards, Path(options.cache), damage=options.damage)
    elif options.damage == "skip" and is_address(data_dir):
        raise ValueError("damage is 'skip', which reads shards on a disk; give cache a folder.")
    if options.damage == "skip":
        files, counts = without_damage(files, data_dir, manifest, split)
    if options.cache == IN_MEMORY:
        return from_memory(files), counts
    return from_files(files), counts


def _batches(counts: list[int], options: ReadOptions) -> int:
    """How many batches there will be."""
    if options.epochs is None:
        return tf.data.INFINITE_CARDINALITY
    total = sum(counts)
    share = (
        total * (options.host_index + 1) // options.host_count
        - total * options.host_index // options.host_count
    )
    rounded = math.floor if options.drop_remainder else math.ceil

    def batches(examples: int) -> int:
        wanted = examples if options.take is None else min(options.take, examples)
        return rounded(wanted / options.batch_size)

    return batches(max(share - options.skip, 0)) + (options.epochs - 1) * batches(share)


def _behaviour(options: ReadOptions) -> tf.data.Options:
    behaviour = tf.data.Options()
    behaviour.deterministic = options.deterministic
    # Nothing here needs tuning, and whoever tunes may hold the end of a pass up for as long as it
    # has lasted: 0.8 s more of 1.7 s, in TensorFlow 2.16.
    behaviour.autotune.enabled = False
    # Readers have their shares already.
    behaviour.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return behaviour


def _records_at_once(manifest: Manifest, split: str, batch_size: int) -> int:
    """How many records PIECE_BYTES are, on average: one at least, and a batch at most."""
    shards = manifest.splits[split].shards
    record_bytes = sum(shard.bytes for shard in shards) / sum(shard.records for shard in shards)
    return max(1, min(batch_size, int(PIECE_BYTES / record_bytes)))


def _layout(modality: str, options: ReadOptions) -> Mapping[str, tf.io.FixedLenFeature]:
    """What is needed of a record."""
    fields = (*MODALITIES[modality], IDENTITY, *([KEY] if options.augment else []))
    return dict.fromkeys(fields, tf.io.FixedLenFeature([], tf.string))


def _parsed(source: Source, layout: Mapping[str, tf.io.FixedLenFeature]) -> Source:
    """The same records, each parsed for itself: name to bytes."""

    def parsed(shard: tf.Tensor, first: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        records = source(shard, first, number)
        return records.map(lambda record: tf.io.parse_single_example(record, layout))

    return parsed


def _decoder(manifest: Manifest, modality: str, options: ReadOptions) -> Any:
    """One vectorised step from parsed examples to arrays and labels."""
    wanted = MODALITIES[modality]
    shapes = {IMAGE: manifest.image_shape, SPECTROGRAM: (*manifest.spectrogram_shape, 1)}
    label_of = labeller(manifest.people)
    floor_db: Any = manifest.features.get("floor_db")
    if options.augment and not isinstance(floor_db, int | float):
        raise DatasetError(f"The manifest's floor_db is {floor_db!r}; build the data set again.")

    def decode(parsed: Mapping[str, tf.Tensor], epoch: tf.Tensor) -> tuple[Any, tf.Tensor]:
        arrays = {
            name: tf.reshape(tf.io.decode_raw(parsed[name], tf.uint8), (-1, *shapes[name]))
            for name in wanted
        }
        if options.augment:
            draws = Draws(parsed[KEY], options.seed, epoch)
            arrays = augment(arrays, draws, floor_db)
        features = arrays if len(wanted) > 1 else arrays[wanted[0]]
        return features, label_of(parsed[IDENTITY])

    return decode
