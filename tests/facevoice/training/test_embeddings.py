"""Models on embeddings, from the build to the prediction, with encoders that need no weights."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from facevoice.commands import evaluate, predict, train
from facevoice.evaluation.inference import Query, model_inputs
from facevoice.evaluation.runs import open_run
from facevoice.export.errors import ExportError
from facevoice.export.exporting import export_run
from facevoice.training.dataset import open_training_data
from facevoice.training.errors import TrainingError
from facevoice.training.recipes import Execution, Recipe
from facevoice.training.trainer import Trainer
from tests.conftest import write_corpus
from tests.facevoice.gallery.encoders import FLAGS
from tfdata import ReadOptions, load, load_manifest
from tfdata.examples import read_examples

pytestmark = pytest.mark.usefixtures("no_figures")
NAMES = ("image_embedding", "audio_embedding")


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("embedded"))


@pytest.fixture(scope="module")
def encoded(build, media, tmp_path_factory):
    """A dataset with embeddings."""
    output = tmp_path_factory.mktemp("data") / "set"
    assert build(*media.flags, f"--output={output}", *FLAGS) == 0
    return output


@pytest.fixture(scope="module")
def run_dir(encoded, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "run"
    flags = ["--model=embedding_fusion", f"--data={encoded}", f"--output={output}"]
    assert train.main([*flags, "--epochs=2", "--batch_size=8"]) == 0
    return output


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def stored(encoded, split):
    manifest = load_manifest(encoded)
    return list(read_examples(encoded, manifest, manifest.splits[split].shards))


def test_embeddings_are_read_as_they_were_written(encoded):
    examples = stored(encoded, "train")
    people = load_manifest(encoded).people
    row = 0
    for features, labels in load(encoded, "train", "embeddings", ReadOptions(batch_size=7)):
        for image, audio, label in zip(*(features[name] for name in NAMES), labels, strict=True):
            example = examples[row]
            np.testing.assert_array_equal(image, example.embeddings.image)
            np.testing.assert_array_equal(audio, example.embeddings.audio)
            assert people[example.identity].label == label
            row += 1
    assert row == len(examples)
    for modality, name in zip(("image", "audio"), NAMES, strict=True):
        batch, _ = next(iter(load(encoded, "train", name)))
        np.testing.assert_array_equal(batch[0], getattr(examples[0].embeddings, modality))


def test_embeddings_are_not_augmented(encoded):
    with pytest.raises(ValueError, match="embeddings cannot be augmented"):
        load(encoded, "train", "image_embedding", ReadOptions(augment=True))


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (
            "embedding_fusion",
            "has no embeddings of faces and voices; build it again with --face_encoder "
            "dlib_resnet --voice_encoder ge2e.",
        ),
        (
            "embedding_audio",
            "has no embeddings of voices; build it again with --voice_encoder ge2e.",
        ),
    ],
)
def test_a_dataset_without_embeddings_is_an_error_of_one_line(
    data_set, tmp_path, capsys, model, text
):
    flags = [f"--model={model}", f"--data={data_set}", f"--output={tmp_path / 'run'}"]
    assert train.main(flags) == 1
    assert capsys.readouterr().err == f"error: {data_set} {text}\n"
    assert not (tmp_path / "run").exists()


def test_a_run_has_its_experts_and_says_that_no_corruption_was_evaluated(run_dir):
    found = metrics_of(run_dir)
    assert [(each["kind"], each["medium"]) for each in found["robustness"]] == [
        ("intact", ""),
        ("missing", "image_embedding"),
        ("missing", "audio_embedding"),
    ]
    assert found["weighing"]["examples"] == found["test"]["pairs"]
    page = (run_dir / "report.html").read_text()
    assert "Robustness to noise, blur and occlusion was not evaluated" in page
    assert not (run_dir / "robustness.png").exists()
    for expert in ("embedding_image", "embedding_audio"):
        assert len(metrics_of(run_dir / expert)["robustness"]) == 1


def test_an_evaluation_has_all_metrics_that_need_no_media(run_dir, tmp_path, capsys):
    assert evaluate.main([f"--run={run_dir}", f"--output={tmp_path / 'e'}"]) == 0
    found = metrics_of(tmp_path / "e")
    assert found["identification"]["calibration"]
    assert found["verification"]["all"]["equal_error_rate"] is not None
    shown = capsys.readouterr().out
    assert "top 1, face missing" in shown
    assert "was not evaluated: the model reads embeddings" in shown


def test_inputs_of_media_are_the_embeddings_of_the_build(run_dir, encoded, media):
    named = dict(zip(("image", "audio"), (flag.partition("=")[2] for flag in FLAGS), strict=True))
    run = open_run(run_dir, named)
    for example in stored(encoded, "test"):
        face = str(media.faces / example.face_source)
        clip = str(media.audio / example.audio_source)
        start = example.window_start_samples / run.features.sample_rate_hz
        inputs = model_inputs(run, Query(face, clip, start))
        np.testing.assert_array_equal(inputs["image_embedding"][0], example.embeddings.image)
        np.testing.assert_array_equal(inputs["audio_embedding"][0], example.embeddings.audio)
        alone = model_inputs(run, Query(face=face))
        assert not alone["audio_embedding"].any()


def test_predictions_need_the_users_word_for_an_encoder_that_a_run_names(
    run_dir, media, capsys, monkeypatch
):
    """A run of a stranger imports nothing."""
    face = str(next(media.faces.rglob("*.jpg")))
    monkeypatch.delitem(sys.modules, "tests.facevoice.gallery.encoders")
    command = [f"--run={run_dir}", "--face", face]
    assert predict.main(command) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "which is not part of FaceVoice; if you trust it, name it with --face_encoder" in line
    assert "tests.facevoice.gallery.encoders" not in sys.modules
    assert predict.main([*command, *FLAGS, "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert sum(person["probability"] for person in answer["people"]) == pytest.approx(1)


def test_another_encoder_is_refused(run_dir, media, capsys):
    face = str(next(media.faces.rglob("*.jpg")))
    other = FLAGS[0].replace("Pixels", "OtherPixels")
    assert predict.main([f"--run={run_dir}", "--face", face, other, FLAGS[1]]) == 1
    assert "cannot be compared" in capsys.readouterr().err


def test_embeddings_are_not_augmented_by_a_recipe(encoded, tmp_path):
    recipes = {"embedding_image": Recipe(augment=True)}
    trainer = Trainer(open_training_data(encoded), recipes, {}, Execution())
    with pytest.raises(TrainingError, match="reads embeddings, which cannot be augmented"):
        trainer.train("embedding_image", tmp_path / "run")


def test_a_run_on_embeddings_is_not_exported(run_dir):
    with pytest.raises(ExportError, match="which a graph cannot compute from media"):
        export_run(run_dir, "savedmodel")
