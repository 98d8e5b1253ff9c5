"""Augmentation of batches, and reading with it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.tfdata.augmentation.inputs import (
    FLOOR_DB,
    KEYS,
    draws_of,
    equalize,
    noise,
    some_faces,
    some_voices,
)
from tests.tools import read_records
from tfdata import ReadOptions, load
from tfdata.augmentation import (
    StatelessRandom,
    augment,
    color_jitter,
    random_affine,
    random_downscale,
    random_erasing,
    spec_augment,
    time_shift,
)

CHANGES = [
    *(
        (change, some_faces)
        for change in (random_affine, color_jitter, random_downscale, random_erasing)
    ),
    *((change, some_voices) for change in (time_shift, equalize, noise, spec_augment)),
]


@pytest.mark.parametrize(("change", "some"), CHANGES)
@pytest.mark.parametrize("shape", [(32, 32), (33, 57), (57, 35)])
def test_an_augmentation_keeps_the_shape_and_differs_between_examples(change, some, shape):
    before = some(32, *shape)
    after = change(tf.constant(before), draws_of(32)).numpy()
    assert after.shape == before.shape
    assert np.isfinite(after).all()
    assert (after != before).any()
    other = change(tf.constant(before), draws_of(32, epoch=1)).numpy()
    assert (after != other).any()
    same = change(tf.constant(before[4:7]), StatelessRandom(tf.constant(KEYS[4:7]), 0, 0)).numpy()
    np.testing.assert_allclose(same, after[4:7], atol=0.01)  # of 255: sums in another order


def test_a_batch_stays_uint8_and_each_modality_is_augmented_alone():
    image, levels = (tf.cast(some(16), tf.uint8) for some in (some_faces, some_voices))
    both = augment({"image": image, "spectrogram": levels}, draws_of(16), FLOOR_DB)
    assert {name: array.dtype for name, array in both.items()} == {
        "image": tf.uint8,
        "spectrogram": tf.uint8,
    }
    for name, array in (("image", image), ("spectrogram", levels)):
        alone = augment({name: array}, draws_of(16), FLOOR_DB)
        assert list(alone) == [name]
        np.testing.assert_array_equal(alone[name], both[name])
        assert both[name].shape == array.shape
        assert (both[name].numpy() != array.numpy()).any(axis=(1, 2, 3)).all()


def read(data_set, **options):
    """Every example of the training split as bytes, in the order in which it is read."""
    return [
        image.tobytes() + spectrogram.tobytes()
        for features, _ in load(data_set, "train", "pair", ReadOptions(**options))
        for image, spectrogram in zip(
            features["image"].numpy(), features["spectrogram"].numpy(), strict=True
        )
    ]


@pytest.mark.slow
def test_augmentation_does_not_depend_on_the_position_in_the_batch(data_set):
    stored = read(data_set, augment=True, seed=3)
    assert stored == read(data_set, augment=True, seed=3, batch_size=7)
    shuffled = read(data_set, augment=True, seed=3, batch_size=5, shuffle_buffer=100)
    assert shuffled != stored
    assert sorted(shuffled) == sorted(stored)


def test_augmentation_depends_on_seed_and_epoch(data_set):
    plain = read(data_set)
    ways = [
        read(data_set, augment=True, seed=seed, epoch=epoch)
        for seed, epoch in [(0, 0), (0, 1), (1, 0)]
    ]
    for examples in zip(plain, *ways, strict=True):
        assert len(set(examples)) == 4


def test_without_augmentation_an_example_is_as_stored(data_set):
    written = [
        record["image"] + record["spectrogram"] for record in read_records(data_set, "train")
    ]
    assert read(data_set, seed=5, epoch=3) == written
    (labels,) = (label.numpy() for _, label in load(data_set, "train", "image"))
    (same,) = (y.numpy() for _, y in load(data_set, "train", "image", ReadOptions(augment=True)))
    np.testing.assert_array_equal(labels, same)
