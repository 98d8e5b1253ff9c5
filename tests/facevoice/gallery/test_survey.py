"""Duplicates and outliers of galleries, against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from facevoice.gallery import survey
from facevoice.gallery.gallery import IMAGE
from facevoice.gallery.impostors import ENCODER_IMPOSTORS, Impostors
from facevoice.gallery.survey import find_duplicates, find_outliers
from tests.facevoice.gallery.galleries import random_gallery, unit


@pytest.fixture
def samples():
    """Samples of twenty clearly different people."""
    return random_gallery(people=20, count=4, modalities=(IMAGE,), noise=0.4).samples[IMAGE]


def replaced(samples, row, embedding):
    embeddings = samples.embeddings.copy()
    embeddings[row] = embedding
    return type(samples)(samples.encoder, samples.names, samples.sources, embeddings)


def test_different_people_are_neither_duplicates_nor_outliers(samples):
    assert find_duplicates(samples) == find_outliers(samples) == []


@pytest.mark.parametrize("block", [1 << 24, 200])
def test_one_photograph_under_two_names_is_found(samples, monkeypatch, block):
    monkeypatch.setattr(survey, "_BLOCK_SCORES", block)
    noise = 0.05 * np.random.default_rng(0).normal(size=64) / 8
    found = find_duplicates(replaced(samples, 2, unit((samples.embeddings[30] + noise)[None])[0]))
    assert [each.names for each in found] == [("person 00000", "person 00007")]
    assert found[0].media == (samples.sources[2].media, samples.sources[30].media)
    assert found[0].score > 0.99


def test_a_sample_of_another_person_is_an_outlier(samples):
    mixed = replaced(samples, 5, unit((samples.embeddings[40] + samples.embeddings[41])[None])[0])
    (found,) = find_outliers(mixed)
    assert (found.name, found.nearest) == ("person 00001", "person 00010")
    own = mixed.embeddings[[4, 6, 7]] @ mixed.embeddings[5]
    others = mixed.embeddings[40:44] @ mixed.embeddings[5]
    assert found.score == pytest.approx(own.mean(), abs=1e-6)
    assert found.nearest_score == pytest.approx(others.mean(), abs=1e-6)


def test_the_moments_are_those_of_all_pairs_of_different_people(samples):
    rows = samples.embeddings.astype(np.float64)
    person = np.repeat(np.arange(20), 4)
    scores = [
        rows[i] @ rows[j] for i, j in itertools.combinations(range(80), 2) if person[i] != person[j]
    ]
    mean, square = survey._pair_moments(rows, person, len(scores))
    assert mean == pytest.approx(np.mean(scores))
    assert square == pytest.approx(np.mean(np.square(scores)))


def test_two_names_of_one_person_are_duplicates_by_the_default_of_the_encoder(samples, monkeypatch):
    """Scores of a small gallery do not tell how different people score."""
    two = samples.where([name in ("person 00003", "person 00004") for name in samples.names])
    one = two.where([row < 4 for row in range(8)])
    names = ("Ann", "Ann", "Anne", "Anne")
    renamed = type(one)(one.encoder, names, one.sources, one.embeddings)
    assert find_duplicates(renamed) == []
    monkeypatch.setitem(ENCODER_IMPOSTORS, samples.encoder.name, Impostors(0.1, 0.1))
    (found,) = find_duplicates(renamed)
    assert found.names == ("Ann", "Anne")
    assert find_duplicates(two) == []


def test_a_gallery_of_one_person_has_no_pairs(samples):
    alone = samples.where([name == "person 00003" for name in samples.names])
    assert find_duplicates(alone) == find_outliers(alone) == []
