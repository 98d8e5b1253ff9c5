"""Datasets and runs written by earlier code stay readable, and builds stay byte-equal.

tests/fixtures/format_1/README.md says how the fixtures were made. Only commands and the public
names of `tfdata` are used here, so that moving modules cannot change what is tested.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import keras
import numpy as np
import pytest

import tfdata

pytestmark = pytest.mark.usefixtures("no_figures")

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).parent / "fixtures" / "format_1"
CORPUS = FIXTURES / "corpus"
EXPECTED = json.loads((FIXTURES / "expected.json").read_text(encoding="utf-8"))
MANIFEST = json.loads((FIXTURES / "dataset" / "dataset.json").read_text(encoding="utf-8"))
SPLITS = ("train", "validation", "test")
ADDED_METRICS = {  # since the fixtures were written
    "macro_accuracy",  # next to `by_person`
    *("confusions", "pairs_by_person"),  # of a run and of its splits
    # next to `equal_error_rate`
    *("equal_error_rate_low", "equal_error_rate_high", "cllr", "min_cllr", "as_norm"),
    # of verification
    *("conditions", "cohort", "score_calibration", "as_norm_calibration"),
}

BUILD_FLAGS = [
    f"--faces={CORPUS / 'faces'}",
    f"--audio={CORPUS / 'wav'}",
    f"--meta={CORPUS / 'vox1_meta.csv'}",
    "--image_size=16",
    "--window_seconds=0.5",
    "--bands=16",
    "--frames=8",
    "--fft_size=256",
    "--num_shards=2",
    "--direct_running_mode=in_memory",
    "--direct_num_workers=1",
]
TRAIN_FLAGS = ["--model=linear_image", "--epochs=8", "--batch_size=4", "--learning_rate=0.001"]

# Paths below the corpus: (run, faces, clips).
LAST_FACES = [f"Person_{i}/1.6/-video{i}4/0000025.jpg" for i in range(3)]
LAST_CLIPS = [f"id1000{i}/-video{i}4/00001.{'flac' if i == 2 else 'wav'}" for i in range(3)]
QUESTIONS = {
    "run, face": ("run", [*LAST_FACES, "Person_0/1.6/-video00/0000000.png"], []),
    "fusion_run, face and clip": ("fusion_run", LAST_FACES, LAST_CLIPS),
    "fusion_run, face": ("fusion_run", LAST_FACES, []),
    "fusion_run, clip": ("fusion_run", [], LAST_CLIPS),
}


def installed(packages):
    """Name to version of packages; None for one that is not installed."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def third_party(software):
    return {name: version for name, version in software.items() if name != "facevoice"}


# Decoders, resamplers and FFTs of other versions may round differently.
same_libraries = pytest.mark.skipif(
    platform.machine() != EXPECTED["machine"]
    or installed(third_party(MANIFEST["software"])) != third_party(MANIFEST["software"]),
    reason="bytes are equal only on the machine type and with the packages of the fixture",
)


@pytest.fixture
def fixtures(tmp_path):
    """A copy of the fixtures that a test may write to."""
    return shutil.copytree(
        FIXTURES, tmp_path / "format_1", ignore=shutil.ignore_patterns(CORPUS.name)
    )


def run_script(name, *flags):
    """Runs `python NAME FLAGS` in this process and returns its exit code."""
    spec = importlib.util.spec_from_file_location(f"script_{Path(name).stem}", ROOT / name)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.main([str(flag) for flag in flags])


def run_module(name, *flags):
    """Runs `python -m NAME FLAGS` and returns the finished process."""
    command = [sys.executable, "-m", name, *map(str, flags)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def shards_of(dataset):
    """File name to SHA-256 of every shard."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(dataset.glob("*.tfrecord"))
    }


def manifest_of(dataset):
    """Returns the manifest without versions of packages and preprocessing, which may rise."""
    fields = json.loads((dataset / "dataset.json").read_text(encoding="utf-8"))
    del fields["software"]
    fields.pop("preprocessing_revision", None)
    return fields


def contents(dataset, split):
    """The labels of a split in stored order, and digests of its images and spectrograms."""
    batches = list(tfdata.load(dataset, split, "pair", tfdata.ReadOptions(batch_size=4)))
    arrays = {
        name: np.concatenate([features[name].numpy() for features, _ in batches])
        for name in ("image", "spectrogram")
    }
    return {
        "labels": np.concatenate([label.numpy() for _, label in batches]).tolist(),
        "shapes": {name: list(array.shape) for name, array in arrays.items()},
        "sha256": {
            name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()
        },
    }


def evaluation(fixtures, run):
    """What `evaluate.py` writes about a run: its metrics, and the keys of the examples."""
    flags = [f"--run={fixtures / run}", f"--data={fixtures / 'dataset'}", "--skip_robustness"]
    assert run_script("evaluate.py", *flags) == 0
    folder = fixtures / run / "evaluation-test"
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    del metrics["run"], metrics["data"]  # paths
    with np.load(folder / "scores.npz") as scores:
        return {"keys": scores["keys"].tolist(), "metrics": metrics}


def predictions(fixtures, question, capsys):
    """What `predict.py --json` prints about some media: answer and rounded probabilities."""
    run, faces, clips = QUESTIONS[question]
    flags = [f"--run={fixtures / run}", "--json"]
    flags += [f"--face={CORPUS / 'faces' / face}" for face in faces]
    flags += [f"--audio={CORPUS / 'wav' / clip}" for clip in clips]
    capsys.readouterr()
    assert run_script("predict.py", *flags) == 0
    return [
        {
            "answer": found["answer"],
            "known": found["known"],
            "people": {who["name"]: round(who["probability"], 3) for who in found["people"]},
            "error": found["error"],
        }
        for found in json.loads(capsys.readouterr().out)
    ]


def assert_close(found, expected, tolerance=0.0015, where=""):
    """Compares nested JSON: equal keys and text, counts that are equal, fractions that are near.

    ADDED_METRICS may be found in addition.
    """
    if isinstance(expected, dict):
        added = ADDED_METRICS - expected.keys()
        assert sorted(found.keys() - added) == sorted(expected), where
        for name in expected:
            assert_close(found[name], expected[name], tolerance, f"{where}/{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for index, pair in enumerate(zip(found, expected, strict=True)):
            assert_close(*pair, tolerance, f"{where}/{index}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=tolerance), where
    else:
        assert found == expected, where


def test_manifest_is_read(fixtures):
    manifest = tfdata.load_manifest(fixtures / "dataset")
    assert {name: person.label for name, person in manifest.people.items()} == EXPECTED["labels"]
    assert {name: manifest.splits[name].pairs for name in SPLITS} == EXPECTED["pairs"]
    listed = {shard.file: shard.sha256 for name in SPLITS for shard in manifest.splits[name].shards}
    assert listed == EXPECTED["shards"] == shards_of(fixtures / "dataset")


@pytest.mark.parametrize("split", SPLITS)
def test_examples_are_read(fixtures, split):
    assert contents(fixtures / "dataset", split) == EXPECTED["contents"][split]


def test_dataset_is_verified(fixtures):
    done = run_module("tfdata.verify", fixtures / "dataset")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("run", ["run", "fusion_run"])
def test_run_is_evaluated(fixtures, run):
    assert_close(evaluation(fixtures, run), EXPECTED["evaluation"][run])


@pytest.mark.parametrize("question", QUESTIONS)
def test_run_predicts(fixtures, question, capsys):
    assert_close(predictions(fixtures, question, capsys), EXPECTED["predictions"][question])


def test_interrupted_training_resumes(fixtures, capsys):
    run_dir, finished = fixtures / "unfinished_run", fixtures / "run"
    # A run resumes only with the packages that began it; here, files are tested and not versions.
    settings = json.loads((run_dir / "settings.json").read_text(encoding="utf-8"))
    assert "preprocessing_revision" not in settings
    settings["software"] = installed(settings["software"]) | {"facevoice": "0.0.1"}
    (run_dir / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    flags = [*TRAIN_FLAGS, f"--data={fixtures / 'dataset'}", f"--output={run_dir}"]
    assert run_script("train.py", *flags) == 0

    printed = capsys.readouterr().out
    assert "Epoch 4/8" in printed
    assert "Epoch 3/8" not in printed
    resumed, expected = (
        keras.models.load_model(folder / "model.keras").get_weights()
        for folder in (run_dir, finished)
    )
    for mine, other in zip(resumed, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-6)
    metrics, wanted = (
        json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        for folder in (run_dir, finished)
    )
    assert_close(metrics, wanted | {"seconds": metrics["seconds"]})
    assert not (run_dir / "checkpoint").exists()


@same_libraries
def test_new_build_is_byte_equal(fixtures, tmp_path):
    done = run_module("beam_pipelines.build", *BUILD_FLAGS, f"--output={tmp_path / 'new'}")
    assert done.returncode == 0, done.stderr
    assert shards_of(tmp_path / "new") == EXPECTED["shards"]
    assert manifest_of(tmp_path / "new") == manifest_of(fixtures / "dataset")


@same_libraries
def test_build_into_old_dataset_keeps_its_bytes(fixtures):
    dataset = fixtures / "dataset"
    before = manifest_of(dataset)
    done = run_module("beam_pipelines.build", *BUILD_FLAGS, f"--output={dataset}")
    assert done.returncode == 0, done.stderr
    assert shards_of(dataset) == EXPECTED["shards"]
    assert manifest_of(dataset) == before
    rejects = (dataset / "rejects.jsonl").read_bytes()
    assert rejects == (FIXTURES / "dataset" / "rejects.jsonl").read_bytes()
