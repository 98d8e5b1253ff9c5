"""Models on embeddings: centring, the margin loss, and missing inputs."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from models import EMBEDDING, LOGIT_SCALE, PERSON, Inputs, build_model
from models.margin_loss import AdditiveMarginLoss

DIMENSIONS = {"image": 6, "audio": 5}
INPUTS = Inputs((16, 16, 3), (16, 16, 1), DIMENSIONS)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize(("margin", "smoothing"), [(0.0, 0.0), (0.2, 0.0), (0.2, 0.1)])
def test_the_loss_is_the_cross_entropy_of_logits_with_a_margin(margin, smoothing):
    draw = np.random.default_rng(0)
    logits = LOGIT_SCALE * draw.uniform(-1, 1, (50, 4))
    labels = np.eye(4)[draw.integers(0, 4, 50)]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    lowered = np.exp(logits - LOGIT_SCALE * margin * labels)
    targets = labels * (1 - smoothing) + smoothing / 4
    expected = -(targets * np.log(lowered / lowered.sum(axis=1, keepdims=True))).sum(axis=1)
    found = AdditiveMarginLoss(margin, smoothing, reduction=None)(labels, probabilities)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_the_loss_of_a_saved_model_keeps_its_margin(tmp_path):
    model = build_model("embedding_image", INPUTS, 3)
    model.compile(loss=AdditiveMarginLoss(0.3))
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").loss.margin == 0.3


def test_the_mean_embedding_is_subtracted_and_the_rest_is_a_unit_vector():
    model = build_model("embedding_audio", INPUTS, 3)
    draw = np.random.default_rng(0)
    batch = unit(draw.normal([3, 0, 0, 0, 0], 1, (200, 5))).astype(np.float32)
    batch[:, 4] *= 1e-3  # a number that hardly varies is not blown up
    model.get_layer("audio_centred").momentum = 0.0  # the statistics of one batch
    model(batch, training=True)
    embedded = keras.Model(model.input, model.get_layer(EMBEDDING).output)(batch)
    expected = LOGIT_SCALE * unit(batch - batch.mean(axis=0))
    np.testing.assert_allclose(embedded, expected, rtol=1e-2, atol=2e-2)


def test_logits_are_cosines_after_a_training_step():
    model = build_model("embedding_image", INPUTS, 3)
    model.compile(keras.optimizers.Adam(1e-2), AdditiveMarginLoss(0.2), run_eagerly=True)
    batch = unit(np.random.default_rng(0).normal(size=(3, 6))).astype(np.float32)
    model.train_on_batch(batch, np.eye(3))
    kernel = model.get_layer(PERSON).get_weights()[0]
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, rtol=1e-5)


def test_the_fusion_decides_by_the_input_that_is_there():
    model = build_model("embedding_fusion", INPUTS, 3)
    draw = np.random.default_rng(0)
    batch = {
        f"{key}_embedding": unit(draw.normal(size=(4, size))).astype(np.float32)
        for key, size in DIMENSIONS.items()
    }
    embed = keras.Model(model.input, model.get_layer(EMBEDDING).output)
    whole = np.asarray(embed(batch))
    assert np.linalg.norm(whole, axis=1) == pytest.approx(LOGIT_SCALE * 2**0.5, rel=1e-3)
    for missing, columns in (("image_embedding", slice(0, 6)), ("audio_embedding", slice(6, 11))):
        alone = np.asarray(embed({**batch, missing: np.zeros_like(batch[missing])}))
        assert not alone[:, columns].any()
        kept = np.delete(np.arange(11), np.arange(11)[columns])
        np.testing.assert_allclose(alone[:, kept], whole[:, kept], rtol=1e-5)
