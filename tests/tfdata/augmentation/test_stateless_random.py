"""Random numbers of augmentation."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tests.tfdata.augmentation.inputs import KEYS, draws_of
from tfdata.augmentation import StatelessRandom


def test_draws_are_uniform():
    for name, low, high in [("a", 0.0, 1.0), ("b", -3.0, 5.0)]:
        drawn = draws_of(20_000).uniform(name, low, high).numpy()
        assert drawn.dtype == np.float32
        assert low <= drawn.min() < drawn.max() <= high
        assert stats.kstest(drawn, "uniform", (low, high - low)).pvalue > 0.01
    field = draws_of(200).uniform_array("a", (10, 10)).numpy()
    assert field.shape == (200, 10, 10)
    assert 0 <= field.min() < field.max() < 1
    assert stats.kstest(field.ravel(), "uniform").pvalue > 0.01


def test_draws_of_other_names_seeds_epochs_and_keys_are_uncorrelated():
    first = draws_of(20_000).uniform("a").numpy()
    others = {
        "name": draws_of(20_000).uniform("b").numpy(),
        "seed": draws_of(20_000, seed=1).uniform("a").numpy(),
        "epoch": draws_of(20_000, epoch=1).uniform("a").numpy(),
        "key": np.roll(first, 1),
    }
    for what, other in others.items():
        cells, *_ = np.histogram2d(first, other, bins=8, range=[[0, 1], [0, 1]])
        assert stats.chisquare(cells.ravel()).pvalue > 0.01, what
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.03, what
    assert (others["seed"] != others["epoch"]).all()


def test_a_draw_depends_on_its_key_only():
    whole = draws_of(50)
    part = StatelessRandom(tf.constant(KEYS[:50][::-3]), 0, 0)
    np.testing.assert_array_equal(part.uniform("a"), whole.uniform("a").numpy()[::-3])
    np.testing.assert_array_equal(
        part.uniform_array("a", (3, 2)), whole.uniform_array("a", (3, 2)).numpy()[::-3]
    )
    assert whole.uniform("a", rank=4).shape == (50, 1, 1, 1)
    np.testing.assert_array_equal(whole.uniform("a"), draws_of(50).uniform("a"))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_bernoulli_has_the_given_probability(share):
    chosen = draws_of(20_000).bernoulli("a", share).numpy()
    assert chosen.mean() == pytest.approx(share, abs=0.01 if 0 < share < 1 else 0)
