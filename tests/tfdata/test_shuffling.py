"""The order of examples: repeatable, resumable, divided among hosts, and well shuffled."""

from __future__ import annotations

import itertools
import random
import shutil
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config

from tests.tools import read_records
from tfdata import ReadOptions, load
from tfdata.shuffling import epoch_records, host_slices


@pytest.fixture(scope="module")
def stored(data_set):
    """The images of the train split, all different, as they are stored."""
    found = [record["image"] for record in read_records(data_set, "train")]
    assert len(set(found)) == len(found) == 18
    return found


@pytest.fixture(scope="module")
def images(data_set):
    """The images that are read with some options, in order."""

    def read(**options):
        batches = load(data_set, "train", "image", ReadOptions(**{"batch_size": 4} | options))
        return [image.tobytes() for batch, _ in batches for image in batch.numpy()]

    return read


MIXED = {"shuffle_buffer": 5, "seed": 1}


def test_an_epoch_is_all_examples_in_an_order_of_seed_and_epoch(images, stored):
    first = images(**MIXED)
    assert sorted(first) == sorted(stored)
    assert images(**MIXED) == first
    orders = [stored, first, images(**MIXED, epoch=1), images(**MIXED | {"seed": 2})]
    assert all(one != other for one, other in itertools.combinations(orders, 2))
    assert images() == stored
    assert images(epoch=7) == stored


@pytest.mark.parametrize(
    "options",
    [
        {"parallel_calls": 1},
        {"parallel_calls": 7, "prefetch": 3},
        {"batch_size": 7},
        {"cache": "memory"},
    ],
)
def test_the_order_depends_on_nothing_else(images, options):
    tf.random.set_seed(99)  # the program's own, which is none of ours
    try:
        assert images(**MIXED, **options) == images(**MIXED)
    finally:
        tf.random.set_seed(0)


@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly")
def test_the_order_does_not_depend_on_the_global_seed(images):
    expected = images(**MIXED)
    tf.config.run_functions_eagerly(True)
    tf.random.set_seed(77)
    try:
        assert images(**MIXED) == expected
    finally:
        tf.config.run_functions_eagerly(False)


def test_several_epochs_are_one_after_the_other_and_share_no_batch(images, data_set):
    one_by_one = [images(**MIXED, epoch=epoch) for epoch in (3, 4, 5)]
    assert images(**MIXED, epoch=3, epochs=3) == list(itertools.chain(*one_by_one))
    endless = load(data_set, "train", "image", ReadOptions(4, epochs=None, **MIXED, epoch=3))
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY
    sizes = [len(batch) for batch, _ in endless.take(12)]
    assert sizes == [4, 4, 4, 4, 2] * 2 + [4, 4]


@pytest.fixture
def deterministic_operations():
    """As in training; no public function undoes that."""
    before = config.is_op_determinism_enabled()
    tf.config.experimental.enable_op_determinism()
    yield
    if not before:
        config.disable_op_determinism()


@pytest.mark.parametrize("cache", [None, "copies"])
def test_the_next_epoch_is_prefetched(data_set, deterministic_operations, tmp_path, cache):
    copy = shutil.copytree(data_set, tmp_path / "copy")
    cache = cache and str(copy / cache)
    options = ReadOptions(batch_size=18, shuffle_buffer=5, epochs=2, cache=cache)
    epochs = iter(load(copy, "train", "image", options))
    next(epochs)
    time.sleep(3)  # for the two batches to be made ready behind that one
    shutil.rmtree(copy)
    assert len(next(epochs)[0]) == 18


@pytest.mark.parametrize("epochs", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_reading_continues_after_any_step(images, epochs):
    """From each step, the rest is what an uninterrupted reader would have read."""
    whole = images(**MIXED, epochs=epochs)
    for epoch, step in itertools.product(range(epochs), range(5)):  # of 18 examples
        rest = images(**MIXED, epoch=epoch, skip=step * 4, epochs=epochs - epoch)
        assert rest == whole[epoch * 18 + step * 4 :]


@pytest.mark.parametrize(
    "host_count",
    [1, 2, 3, 5, 8, *(pytest.param(count, marks=pytest.mark.slow) for count in (4, 6, 7))],
)
def test_every_example_is_read_by_exactly_one_host(images, stored, host_count, tmp_path):
    """With other options for each number of hosts."""
    draw = random.Random(host_count)
    options = {
        "batch_size": draw.randint(1, 20),
        "shuffle_buffer": draw.choice([0, 3, 100]),
        "seed": draw.randrange(9),
        "epoch": draw.randrange(9),
        "cache": draw.choice([None, "memory", tmp_path]),
        "deterministic": draw.random() < 0.7,
        "parallel_calls": draw.choice([None, 1, 3]),
        "prefetch": draw.randint(1, 4),
        "damage": draw.choice(["fail", "skip"]),
    }
    shares = [
        images(**options, host_index=host, host_count=host_count) for host in range(host_count)
    ]
    assert sorted(itertools.chain(*shares)) == sorted(stored)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_hosts_get_whole_shards_if_these_divide_evenly():
    counts = tf.constant([10, 10, 10, 10], tf.int64)
    first, number = host_slices(counts, 1, 2)
    assert (first.numpy().tolist(), number.numpy().tolist()) == ([10, 10, 0, 0], [0, 0, 10, 10])
    first, number = host_slices(counts, 1, 3)
    assert (first.numpy().tolist(), number.numpy().tolist()) == ([10, 3, 0, 0], [0, 7, 6, 0])


@pytest.mark.parametrize("cases", [8, pytest.param(40, marks=pytest.mark.slow)])
def test_the_number_of_batches_is_right_whatever_the_options(data_set, cases):
    draw = random.Random(1)
    for _ in range(cases):
        hosts = draw.randint(1, 8)
        options = ReadOptions(
            batch_size=draw.randint(1, 20),
            drop_remainder=draw.random() < 0.5,
            shuffle_buffer=draw.choice([0, 3, 100]),
            seed=draw.randrange(9),
            epoch=draw.randrange(9),
            epochs=draw.randint(1, 3),
            skip=draw.choice([0, 0, 1, 5, 30]),
            take=draw.choice([None, None, 1, 4, 99]),
            host_index=draw.randrange(hosts),
            host_count=hosts,
            deterministic=draw.random() < 0.8,
        )
        dataset = load(data_set, "train", "audio", options)
        # Iterating would fail, too, were the count wrong.
        assert dataset.cardinality() == sum(1 for _ in dataset), options


def test_a_small_buffer_mixes_well_since_shards_are_interleaved():
    """Compares distances from stored positions with those of a perfect permutation."""
    counts = [125] * 8
    begins = tf.constant(np.cumsum([0, *counts[:-1]]))

    def source(shard, first, number):
        start = begins[shard] + first
        return tf.data.Dataset.range(start, start + number)

    def mean_distance(buffer):
        options = ReadOptions(shuffle_buffer=buffer, seed=4)
        epoch = tf.data.Dataset.range(1).flat_map(
            lambda epoch: epoch_records(source, counts, epoch, options)
        )
        places = np.array(list(epoch.as_numpy_iterator()))
        assert sorted(places) == list(range(1000))
        return np.abs(places - np.arange(1000)).mean()

    perfect = 1000 / 3  # of two places drawn at random
    assert mean_distance(100) > 0.9 * perfect
    assert 0.9 * perfect < mean_distance(1000) < 1.1 * perfect


def test_a_cache_folder_holds_whole_shards_alone_and_survives_an_interrupted_epoch(
    images, data_set, tmp_path
):
    batches = load(data_set, "train", "image", ReadOptions(4, cache=tmp_path, **MIXED))
    next(iter(batches))  # and no more of it
    assert images(cache=tmp_path, **MIXED) == images(**MIXED)
    copies = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert copies == {path.name: path.read_bytes() for path in data_set.glob("train-*")}
    for path in tmp_path.iterdir():
        path.write_bytes(b"cut")  # as a full disk may leave it
    assert images(cache=tmp_path) == images()


def test_an_unordered_reader_reads_the_same_examples(images, stored):
    assert sorted(images(**MIXED, deterministic=False)) == sorted(stored)


def test_a_strategy_does_not_shard_the_examples_again(data_set, images):
    options = ReadOptions(4, **MIXED)
    dataset = load(data_set, "train", "image", options)
    policy = dataset.options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.OFF
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    found = [
        image.tobytes()
        for batch, _ in strategy.experimental_distribute_dataset(dataset)
        for image in strategy.experimental_local_results(batch)[0].numpy()
    ]
    assert found == images(**MIXED)


def test_invalid_options_are_refused():
    for options, words in [
        ({"batch_size": 0}, "batch_size is 0; use 1"),
        ({"shuffle_buffer": -1}, "shuffle_buffer is -1; use 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"take": 0}, "take is 0"),
        ({"host_index": 2, "host_count": 2}, "host_index is 2 of host_count 2"),
        ({"damage": "ignore"}, "damage is 'ignore'; use one of fail, skip"),
        ({"service": "grpc://x:1", "skip": 3}, "no order"),
        ({"service": "host"}, "service is 'host'; use an address"),
    ]:
        with pytest.raises(ValueError, match=words):
            ReadOptions(**options)


def test_an_augmented_epoch_repeats_and_the_next_one_differs(data_set):
    def read(**options):
        options = ReadOptions(4, augment=True, **options)
        return [x.numpy() for x, _ in load(data_set, "train", "audio", options)]

    first, second = read(epoch=0), read(epoch=1)
    for one, other in zip(second, read(epochs=2)[5:], strict=True):
        np.testing.assert_array_equal(one, other)
    assert all((a != b).any() for a, b in zip(first, second, strict=True))
