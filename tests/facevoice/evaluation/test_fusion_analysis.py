"""Tests of the fusion analysis, by hand and against the outputs of a model."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy.special import softmax

from facevoice.evaluation.fusion_analysis import (
    ExpertCounts,
    count_correct,
    expert_logits,
    expert_weights,
    margins,
)
from models import EMBEDDING
from models.product_of_experts import resnet_fusion

# Lost by the fusion; saved by it; right by both; right by the voice, with a face that says nothing.
FACE = np.array([[2.0, 0, 1], [3, 2, 0], [0, 0, 1], [0, 0, 0]])
VOICE = np.array([[0.0, 3, 0], [0, 2, 3], [0, 0, 2], [1, 0, 0]])
LABELS = np.array([0, 1, 2, 0])


def test_margins_by_hand():
    """The sums are 2 3 1, 3 4 3, 0 0 3 and 1 0 0, so the rivals are 1, 0, 0 and 1."""
    face, voice = margins(FACE, VOICE, LABELS)
    assert face.tolist() == [2, -1, 1, 0]
    assert voice.tolist() == [-3, 2, 2, 1]
    assert (face + voice > 0).tolist() == [False, True, True, True]


def test_counts_by_hand():
    found = count_correct(FACE, VOICE, LABELS)
    assert found == ExpertCounts(
        examples=4, right=3, both=1, only_face=1, only_voice=1, saved=1, lost=1
    )


def test_counts_add_up_and_agree_with_margins():
    draw = np.random.default_rng(0)
    face, voice = draw.normal(size=(2, 500, 4))
    labels = draw.integers(0, 4, 500)
    found = count_correct(face, voice, labels)
    assert found.right == found.both + found.only_face + found.only_voice + found.saved - found.lost
    assert found.right == (np.add(*margins(face, voice, labels)) > 0).sum()
    assert min(found.both, found.only_face, found.only_voice, found.saved, found.lost) > 0


@pytest.fixture(scope="module")
def run():
    """Returns an untrained fusion model with different weights of face and voice."""
    keras.utils.set_random_seed(0)
    model = resnet_fusion((16, 16, 3), (16, 16, 1), 5, widths=(4, 4, 4), units=6)
    layer = model.get_layer(EMBEDDING)
    layer.alone.assign([4.0, 5.0])
    layer.together.assign([2.0, 3.0])
    return SimpleNamespace(network=keras.Model(model.input, [model.output, layer.output]))


def test_logits_of_the_experts_add_up_to_those_of_the_model(run):
    draw = np.random.default_rng(1)
    batch = {
        "image": draw.integers(1, 256, (3, 16, 16, 3), np.uint8),
        "spectrogram": draw.integers(1, 256, (3, 16, 16, 1), np.uint8),
    }
    probabilities, embeddings = run.network.predict_on_batch(batch)
    face, voice = expert_logits(run, embeddings)
    assert softmax(face + voice, axis=1) == pytest.approx(probabilities, abs=1e-6)

    batch["spectrogram"][:] = 0
    alone, embeddings = run.network.predict_on_batch(batch)
    # Alone the face weighs 4, not 2; a voice that is missing says nothing.
    assert softmax(face * 2, axis=1) == pytest.approx(alone, abs=1e-6)
    assert not expert_logits(run, embeddings)[1].any()


def test_weights_are_those_of_the_layer(run):
    assert expert_weights(run) == {
        "alone": {"face": 4.0, "voice": 5.0},
        "together": {"face": 2.0, "voice": 3.0},
    }
