"""Tests of the product of experts: its weights and their calibration."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
from scipy.special import softmax

from facevoice.commands import train
from facevoice.evaluation.error_analysis import analyze_errors
from facevoice.evaluation.runs import open_run
from facevoice.training.expert_fusion import copy_expert_weights, fit_weights
from facevoice.training.recipes import OURS
from models import EMBEDDING, Inputs, build_model
from tfdata import load

# Slow: test_embeddings.py trains a product of experts by the same code in less time.
pytestmark = [pytest.mark.usefixtures("no_figures"), pytest.mark.slow]

SMALL = Inputs((16, 18, 3), (17, 27, 1))
NARROW = {"widths": (4, 4), "units": 8}
FUSION = "resnet_fusion"
FLAGS = [f"--model={FUSION}", "--epochs=2", "--batch_size=8"]


@pytest.fixture
def experts():
    """Returns two untrained experts and their fusion."""
    keras.utils.set_random_seed(3)
    image, audio, fusion = (
        build_model(f"resnet_{name}", SMALL, 5, **NARROW) for name in ("image", "audio", "fusion")
    )
    copy_expert_weights(fusion, image, audio)
    return image, audio, fusion


def a_batch(examples=4):
    draw = np.random.default_rng(0)
    return {
        "image": draw.integers(0, 256, (examples, *SMALL.image_shape), dtype=np.uint8),
        "spectrogram": draw.integers(0, 256, (examples, *SMALL.spectrogram_shape), dtype=np.uint8),
    }


def without(medium, batch):
    return batch | {medium: np.zeros_like(batch[medium])}


def test_fusion_is_the_product_of_the_experts_probabilities(experts):
    image, audio, fusion = experts
    batch = a_batch()
    product = np.asarray(image(batch["image"])) * np.asarray(audio(batch["spectrogram"]))
    wanted = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fusion(batch), wanted, atol=1e-5)


def test_with_a_missing_medium_the_fusion_equals_the_other_expert(experts):
    image, audio, fusion = experts
    batch = a_batch()
    faces, voices = image(batch["image"]), audio(batch["spectrogram"])
    np.testing.assert_allclose(fusion(without("spectrogram", batch)), faces, atol=1e-5)
    np.testing.assert_allclose(fusion(without("image", batch)), voices, atol=1e-5)
    mixed = {
        name: np.concatenate([a_batch()[name], x]) for name, x in without("image", batch).items()
    }
    np.testing.assert_allclose(fusion(mixed)[4:], voices, atol=1e-5)


def test_weights_alone_and_together_are_applied(experts):
    image, audio, fusion = experts
    fusion.get_layer(EMBEDDING).alone.assign([8.0, 4.0])  # 16 is what the experts learn with
    fusion.get_layer(EMBEDDING).together.assign([32.0, 0.0])
    batch = a_batch()
    faces, voices = (
        np.log(model(batch[name])) for model, name in ((image, "image"), (audio, "spectrogram"))
    )
    alone = softmax(0.5 * faces, axis=1), softmax(0.25 * voices, axis=1)
    np.testing.assert_allclose(fusion(without("spectrogram", batch)), alone[0], atol=1e-5)
    np.testing.assert_allclose(fusion(without("image", batch)), alone[1], atol=1e-5)
    np.testing.assert_allclose(fusion(batch), softmax(2 * faces, axis=1), atol=1e-5)


def test_without_face_and_voice_the_distribution_is_uniform(experts):
    *_, fusion = experts
    nothing = without("image", without("spectrogram", a_batch()))
    np.testing.assert_allclose(fusion(nothing), 0.2, atol=1e-6)


def test_calibrated_experts_get_weight_1_and_a_random_one_the_minimum():
    """Labels are drawn from the softmax of the sum of two; the third is noise."""
    draw = np.random.default_rng(1)
    experts = [draw.normal(0, 2, (20_000, 6)) for _ in range(3)]
    chances = softmax(experts[0] + experts[1], axis=1)
    labels = (chances.cumsum(axis=1) > draw.random((20_000, 1))).argmax(axis=1)
    np.testing.assert_allclose(fit_weights(experts, labels), [1, 1, 0.1], atol=0.05)


def test_a_misleading_expert_gets_no_negative_weight():
    draw = np.random.default_rng(1)
    good, labels = draw.normal(0, 1, (500, 4)), draw.integers(0, 4, 500)
    good[np.arange(500), labels] += 2
    bad = draw.normal(0, 1, (500, 4))
    bad[np.arange(500), labels] -= 1
    weights = fit_weights([good, bad], labels)
    assert weights[0] > 1
    assert weights[1] == 0.1


@pytest.mark.parametrize("examples", [20, 200])
def test_confidence_of_a_perfect_expert_is_platts_target(examples):
    """Platt's target: (n + 1) / (n + 2)."""
    labels = np.arange(examples) % 4
    weight = fit_weights([np.eye(4)[labels]], labels)[0]
    sure = softmax([weight, 0, 0, 0])[0]
    assert sure == pytest.approx((examples + 1) / (examples + 2), rel=1e-4)


@pytest.fixture(scope="module")
def small_trainings():
    """Makes trainings fast: narrow models, no augmentation, and no error analysis of experts."""
    small = partial(build_model, **NARROW)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("fit", "trainer"):
            patch.setattr(f"facevoice.training.{module}.build_model", small)
        for name in ("resnet_image", "resnet_audio"):
            patch.setitem(OURS, name, replace(OURS[name], augment=False))
        patch.setattr(
            "facevoice.training.run_files.analyze_errors",
            lambda run, *others: analyze_errors(run, *others) if run.model == FUSION else (),
        )
        yield


@pytest.fixture(scope="module")
def run_dir(data_set, small_trainings, no_figures, tmp_path_factory):
    """Returns a run of the fusion with two epochs."""
    run_dir = tmp_path_factory.mktemp("fusion") / "run"
    assert train.main([*FLAGS, f"--data={data_set}", f"--output={run_dir}"]) == 0
    return run_dir


def test_a_fusion_run_contains_the_runs_of_its_experts(run_dir):
    for name in ("resnet_image", "resnet_audio"):
        assert open_run(run_dir / name).model == name
        assert (run_dir / name / "report.html").is_file()
    assert not (run_dir / "curves.png").exists()
    assert (run_dir / "report.html").is_file()


def test_experts_rank_people_as_in_the_fusion(run_dir):
    fusion = open_run(run_dir)
    for name, medium, other in (
        ("resnet_image", "image", "spectrogram"),
        ("resnet_audio", "spectrogram", "image"),
    ):
        expert = open_run(run_dir / name)
        for inputs, _ in load(fusion.data, "test", "pair"):
            batch = {key: array.numpy() for key, array in inputs.items()}
            alone, _ = expert.predict({medium: batch[medium]})
            joined, _ = fusion.predict(without(other, batch))
            np.testing.assert_array_equal(np.argsort(alone), np.argsort(joined))


def test_finished_experts_are_not_trained_again(run_dir, data_set, capsys):
    """A second command with the same settings trains nothing, as after a kill between them."""
    (run_dir / "metrics.json").unlink()
    assert train.main([*FLAGS, f"--data={data_set}", f"--output={run_dir}"]) == 0
    shown = capsys.readouterr().out
    assert f"resnet_image is finished in {run_dir / 'resnet_image'}." in shown
    assert "Training" not in shown
