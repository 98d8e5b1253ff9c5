"""Loads a split of a dataset as a `tf.data.Dataset` of `(features, label)`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfdata.augmentation import StatelessRandom, augment
from tfdata.augmentation.check import check_augmentation
from tfdata.data_service import distribute
from tfdata.errors import DatasetError
from tfdata.labels import label_lookup
from tfdata.manifest import Manifest
from tfdata.manifest_reader import check_embeddings, check_shard_sizes, load_manifest
from tfdata.options import IN_MEMORY, ReadOptions
from tfdata.recovery import recover_shards
from tfdata.schema import (
    AUDIO_EMBEDDING,
    IDENTITY,
    IMAGE,
    IMAGE_EMBEDDING,
    KEY,
    SPECTROGRAM,
    SPLITS,
)
from tfdata.shard_cache import ShardCache
from tfdata.shuffling import RecordSource, epoch_records
from tfdata.sources import fetch_ahead, fetch_all, file_source, memory_source
from tfdata.storage.base import is_address
from tfdata.storage.tensorflow_files import tensorflow_paths

# Size of the pieces of records that are parsed at once in stored order. Larger pieces exceed the
# memory that malloc keeps, and allocating it for each batch doubled the time.
PIECE_BYTES = 2_500_000

# The features of a record that each modality reads.
MODALITIES = {
    "image": (IMAGE,),
    "audio": (SPECTROGRAM,),
    "pair": (IMAGE, SPECTROGRAM),
    "image_embedding": (IMAGE_EMBEDDING,),
    "audio_embedding": (AUDIO_EMBEDDING,),
    "embeddings": (IMAGE_EMBEDDING, AUDIO_EMBEDDING),
}


def load(
    data_dir: str | Path,
    split: str,
    modality: str = "pair",
    options: ReadOptions | None = None,
    *,
    manifest: Manifest | None = None,
) -> tf.data.Dataset:
    """Reads one split of a dataset.

    Args:
      data_dir: directory of the dataset, or its URL, such as 's3://bucket/set'.
      split: 'train', 'validation' or 'test'.
      modality: 'image', 'audio' or 'pair'; of datasets with embeddings, also 'image_embedding',
        'audio_embedding' or 'embeddings'.
      options: batching, order and other options.
      manifest: the result of `load_manifest`; None reads it from the directory. A program that
        calls `load` several times passes the same manifest, so that labels and splits agree if
        the dataset is rebuilt in between.

    Returns:
      Batches of `(features, label)`. `image`: uint8 [batch, height, width, 3]; `audio`: uint8
      [batch, bands, frames, 1]; `pair`: both as {'image': ..., 'spectrogram': ...};
      `image_embedding`, `audio_embedding`: float32 [batch, dimension]; `embeddings`: both as
      {'image_embedding': ..., 'audio_embedding': ...}. `label`: int64 [batch], the labels of the
      manifest. A batch has examples of one epoch only.

    Raises:
      DatasetError: the dataset cannot be read, the split is empty, the dataset has no such
        embeddings, or it was rebuilt and a shard of `manifest` removed. A shard that cannot be
        downloaded while batches are read is a `tf.errors.OpError` with the same text.
      AugmentationError: the function `options.augment` fails, or returns other shapes or types.
      ValueError: the split or modality is unknown, embeddings are to be augmented, or a tf.data
        service is to skip damage at a URL without `cache`.
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
    check_embeddings(data_dir, manifest, MODALITIES[modality])
    if options.augment and modality.endswith(("_embedding", "embeddings")):
        raise ValueError("embeddings cannot be augmented; set augment to False.")
    if not manifest.splits[split].shards:
        raise DatasetError(
            f"The {split} split of {data_dir} is empty; build the dataset with --split_fractions "
            f"that give it a share, from people with enough videos."
        )
    source, counts, fetch_shards = _source(data_dir, manifest, split, options)
    features = _parsed_features(modality, options)
    if options.shuffle_buffer:
        # Parsed before shuffling, so that the buffer holds no features that are not read.
        source = _parsed(source, features)
        at_once = options.batch_size  # pieces were slower for parsed records
    else:
        at_once = _records_at_once(manifest, split, options.batch_size)
    decode = _decoder(manifest, modality, options)

    def to_arrays(piece: Any, epoch: tf.Tensor) -> tuple[Any, tf.Tensor]:
        parsed = piece if options.shuffle_buffer else tf.io.parse_example(piece, features)
        return decode(parsed, epoch)

    # All branches are on Python values, so AutoGraph has nothing to convert; its search takes time.
    @tf.autograph.experimental.do_not_convert
    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        records = epoch_records(source, counts, epoch, options, fetch_shards)
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

    if options.epochs == 1:  # not built again for each iteration, which takes 50 ms
        with tf.device("CPU:0"):
            batches = one_epoch(tf.constant(options.epoch, tf.int64))
    else:
        last = None if options.epochs is None else options.epoch + options.epochs
        batches = tf.data.Dataset.range(options.epoch, last or tf.int64.max).flat_map(one_epoch)
    if options.service:
        return distribute(batches, options.service)
    # From the manifest, so that progress bars know the number of steps from the start.
    batches = batches.apply(tf.data.experimental.assert_cardinality(_batches(counts, options)))
    return batches.prefetch(options.prefetch).with_options(_tf_options(options))


def _source(
    data_dir: str | Path, manifest: Manifest, split: str, options: ReadOptions
) -> tuple[RecordSource, list[int], Callable[[tf.data.Dataset], tf.data.Dataset] | None]:
    """Returns the source of records, their number in each shard, and `fetch_shards`."""
    shards = manifest.splits[split].shards
    counts = [shard.records for shard in shards]
    indices = range(len(shards))
    # Absolute, as workers of a service may have another working directory.
    folder = data_dir if is_address(data_dir) else Path(data_dir).absolute()
    copies = Path(options.cache) if options.cache and options.cache != IN_MEMORY else None
    # The workers of a service have no access to a temporary directory of this machine.
    is_direct = not copies and (options.service is not None or not is_address(data_dir))
    if is_direct and is_address(data_dir) and options.damage == "skip":
        raise ValueError(
            "damage is 'skip' for a dataset at a URL and a tf.data service; set cache to a "
            "directory that the workers of the service can read."
        )
    fetch: Callable[[int], str]
    request: Callable[[int], object]
    if is_direct:
        files = tensorflow_paths(folder, [shard.file for shard in shards])
        fetch = request = files.__getitem__
    else:
        cache = ShardCache(
            folder, manifest, shards, copies, options.max_cache_bytes, options.damage
        )
        files, fetch, request = cache.paths(), cache.fetch, cache.request
    if options.damage == "skip":
        originals = files
        found = fetch_all(indices, fetch, request)
        files, counts = recover_shards(found, data_dir, manifest, split)

        def unless_recovered(function: Callable[[int], Any]) -> Callable[[int], Any]:
            return lambda index: (
                function(index) if files[index] == originals[index] else files[index]
            )

        fetch, request = unless_recovered(fetch), unless_recovered(request)

    if options.cache == IN_MEMORY:
        return memory_source(fetch_all(indices, fetch, request)), counts, None
    if options.service:
        files = list(fetch_all(indices, fetch, request))
    is_complete = is_direct or options.service
    return file_source(files), counts, None if is_complete else fetch_ahead(fetch, request)


def _batches(counts: list[int], options: ReadOptions) -> int:
    """Returns the number of batches."""
    if options.epochs is None:
        return tf.data.INFINITE_CARDINALITY
    total = sum(counts)
    share = (
        total * (options.host_index + 1) // options.host_count
        - total * options.host_index // options.host_count
    )
    round_ = math.floor if options.drop_remainder else math.ceil

    def batches(examples: int) -> int:
        wanted = examples if options.take is None else min(options.take, examples)
        return round_(wanted / options.batch_size)

    return batches(max(share - options.skip, 0)) + (options.epochs - 1) * batches(share)


def _tf_options(options: ReadOptions) -> tf.data.Options:
    tf_options = tf.data.Options()
    tf_options.deterministic = options.deterministic
    # No value needs tuning, and the tuner can delay the end of an iteration by as long as it took:
    # 0.8 s after 1.7 s, in TensorFlow 2.16.
    tf_options.autotune.enabled = False
    # The records are divided among hosts already.
    tf_options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return tf_options


def _records_at_once(manifest: Manifest, split: str, batch_size: int) -> int:
    """Returns how many records are parsed and augmented at once: about PIECE_BYTES, or a batch.

    Batches consist of whole pieces. So a training that resumes behind any batch has the same pieces
    as one that was not interrupted; in others, sines of TensorFlow would differ in the last digit.
    """
    shards = manifest.splits[split].shards
    record_bytes = sum(shard.bytes for shard in shards) / sum(shard.records for shard in shards)
    most = max(1, min(batch_size, int(PIECE_BYTES / record_bytes)))
    number = max(n for n in range(1, most + 1) if batch_size % n == 0)
    return number if 4 * number > most else batch_size  # small pieces take more time


def _parsed_features(modality: str, options: ReadOptions) -> Mapping[str, tf.io.FixedLenFeature]:
    """Returns the features of a record to parse."""
    names = (*MODALITIES[modality], IDENTITY, *([KEY] if options.augment else []))
    return dict.fromkeys(names, tf.io.FixedLenFeature([], tf.string))


def _parsed(source: RecordSource, features: Mapping[str, tf.io.FixedLenFeature]) -> RecordSource:
    """Returns a source of parsed records: feature name to bytes."""

    def parsed(shard: tf.Tensor, first: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        records = source(shard, first, number)
        return records.map(lambda record: tf.io.parse_single_example(record, features))

    return parsed


def _decoder(manifest: Manifest, modality: str, options: ReadOptions) -> Any:
    """Returns a function from a batch of parsed records to arrays and labels."""
    names = MODALITIES[modality]
    formats: dict[str, tuple[tf.DType, tuple[int, ...]]] = {
        IMAGE: (tf.uint8, manifest.image_shape),
        SPECTROGRAM: (tf.uint8, (*manifest.spectrogram_shape, 1)),
        **{
            f"{modality}_embedding": (tf.float32, (dimension,))
            for modality, dimension in manifest.embedding_dimensions.items()
        },
    }
    label_of = label_lookup(manifest.people)
    floor_db: Any = manifest.features.get("floor_db")
    if options.augment and not isinstance(floor_db, int | float):
        raise DatasetError(f"The manifest's floor_db is {floor_db!r}; build the dataset again.")

    augmentation = options.augment if callable(options.augment) else augment
    if callable(options.augment):
        check_augmentation(options.augment, {name: formats[name][1] for name in names}, floor_db)

    def decode(parsed: Mapping[str, tf.Tensor], epoch: tf.Tensor) -> tuple[Any, tf.Tensor]:
        arrays = {
            name: tf.reshape(tf.io.decode_raw(parsed[name], dtype), (-1, *shape))
            for name, (dtype, shape) in formats.items()
            if name in names
        }
        if options.augment:
            rng = StatelessRandom(parsed[KEY], options.seed, epoch)
            arrays = augmentation(arrays, rng, floor_db)
        features = arrays if len(names) > 1 else arrays[names[0]]
        return features, label_of(parsed[IDENTITY])

    return decode
