"""`facevoice export`: what it writes is opened without this project, and answers as the run."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import soundfile

from facevoice.commands.export import main
from facevoice.encoders.media import embed_window
from facevoice.encoders.registry import encoder_info, image_encoder
from facevoice.evaluation.inference import Query, predict
from facevoice.evaluation.runs import open_run
from facevoice.export import exporting
from facevoice.export.media_check import MediaCheck
from facevoice.export.pretrained import write_pretrained
from facevoice.export.runtimes import open_graph
from facevoice.features import FeatureSettings, spectrogram
from facevoice.features.image_decoding import open_image
from tests.conftest import write_clip, write_face
from tests.facevoice.encoders.inputs import drawn_face, sound
from tests.tools import untrained_run
from tfdata.manifest import Encoder
from tfdata.schema import IMAGE, SPECTROGRAM

SMALL_FUSION = {
    "image_filters": (4,),
    "image_pool_sizes": (2,),
    "audio_filters": (4,),
    "audio_pool_sizes": (2,),
    "dense_units": 8,
}
needs_onnx = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("onnx", "onnxruntime", "tf2onnx"))),
    reason="the extra [onnx] is not installed",
)


@pytest.fixture(scope="module")
def fusion_run(data_set, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "cnn_cnn"
    untrained_run("cnn_cnn", data_set, run_dir, **SMALL_FUSION)
    return run_dir


@pytest.fixture(autouse=True)
def few_media(monkeypatch):
    monkeypatch.setattr(exporting, "GENERATED", 2)


def probabilities_of(folder, inputs, tmp_path, *signature):
    """The answer of an export in a process without this project."""
    np.savez(tmp_path / "inputs.npz", **inputs)
    opening = Path(__file__).with_name("opening.py")
    command = [sys.executable, "-I", opening, folder, tmp_path / "inputs.npz", *signature]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def expected_of(run_dir, face, clip):
    run = open_run(run_dir)
    people = predict(run, Query(face, clip), None, len(run.people)).people
    by_name = {each.name: each.probability for each in people}
    return [by_name[name] for name in run.people]


def check_answer(run_dir, folder, corpus, tmp_path):
    face, clip = sorted(corpus.faces.rglob("*.jpg"))[3], sorted(corpus.audio.rglob("*.wav"))[4]
    samples, _ = soundfile.read(clip, dtype="float32")
    inputs = {"image": np.asarray(open_image(face)), "samples": samples}
    specs = json.loads((folder / "export.json").read_text())["signatures"]["serving_default"]
    given = {name: inputs[name] for name in specs["inputs"]}
    found = probabilities_of(folder, given, tmp_path)
    expected = expected_of(
        run_dir, str(face) if "image" in given else None, str(clip) if "samples" in given else None
    )
    np.testing.assert_allclose(found, expected, atol=1e-3)
    return face, clip, expected


def test_tflite_answers_as_the_run(fusion_run, corpus, tmp_path, capsys):
    folder = tmp_path / "export"
    command = ["--run", str(fusion_run), "--format", "tflite", "--output", str(folder)]
    (fusion_run / "threshold.json").write_text('{"threshold": 0.25}')
    assert main(command) == 0
    assert "the same person in 2" in capsys.readouterr().out
    check_answer(fusion_run, folder, corpus, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["export.json", "model.tflite"]
    assert [path.name for path in tmp_path.iterdir()] == ["export"] or not list(tmp_path.glob(".*"))
    description = json.loads((folder / "export.json").read_text())
    assert description["labels"] == list(open_run(fusion_run).people)
    assert description["threshold"] == 0.25
    assert description["features"]["bands"] == 16
    check = description["check"]
    assert check["queries"] == 2
    assert check["levels"]["spectrogram"]["largest"] <= 1
    assert set(description["licences"]) == {"graph", "weights"}


def test_an_lstm_is_unrolled_for_tflite(data_set, corpus, tmp_path):
    run_dir, folder = tmp_path / "run", tmp_path / "export"
    sizes = {"filters": (4,), "pool_sizes": (1,), "lstm_units": 4, "dense_units": 4}
    untrained_run("crnn_audio", data_set, run_dir, **sizes)
    assert main(["--run", str(run_dir), "--format", "tflite", "--output", str(folder)]) == 0
    check_answer(run_dir, folder, corpus, tmp_path)


def test_a_long_lstm_is_refused_with_the_way_round(data_set, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("facevoice.export.network.MOST_STEPS", 2)
    sizes = {"filters": (4,), "pool_sizes": (1,), "lstm_units": 4, "dense_units": 4}
    untrained_run("crnn_audio", data_set, tmp_path / "run", **sizes)
    output = tmp_path / "export"
    assert main(["--run", str(tmp_path / "run"), "--format", "tflite", f"--output={output}"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "use --format savedmodel" in error
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_other_directories_are_kept(fusion_run, tmp_path, capsys):
    (tmp_path / "photo.jpg").write_text("mine")
    command = ["--run", str(fusion_run), "--format", "tflite", "--output", str(tmp_path)]
    assert main(command) == 1
    assert "contains photo.jpg and is not an earlier export" in capsys.readouterr().err
    assert (tmp_path / "photo.jpg").read_text() == "mine"


def test_an_earlier_export_is_replaced(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "export.json").write_text('{"format": "facevoice-export"}')
    (folder / "old.tflite").write_text("old")
    from facevoice.export.description import is_export
    from facevoice.export.output_dir import check_replaceable, written_as_whole

    check_replaceable(folder, is_export)

    def stopped():
        with written_as_whole(folder) as staging:
            (staging / "new").write_text("new")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        stopped()
    assert (folder / "old.tflite").is_file()
    with written_as_whole(folder) as staging:
        (staging / "new").write_text("new")
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_an_export_that_differs_is_an_error(fusion_run, tmp_path, monkeypatch, capsys):
    def wrong(kind, path):
        return lambda inputs: {
            "probabilities": np.array([0.0, 0.0, 1.0]),
            "model_image": np.zeros((16, 16, 3), np.uint8),
            "model_spectrogram": np.zeros((1, 16, 8, 1), np.uint8),
        }

    monkeypatch.setattr(exporting, "open_graph", wrong)
    monkeypatch.setattr(exporting, "write_graph", lambda kind, path, *_: path.write_bytes(b""))
    command = ["--run", str(fusion_run), "--format", "tflite", "--output", str(tmp_path / "new")]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert "values of image differ by more than 1 level" in error
    assert "nothing was written" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("notes.txt", "has no image or audio file"),
        ("none.jpg", "none.jpg: No such file"),
        ("a.jpg", "has 1 image and 0 clips, but the model cnn_cnn needs both"),
    ],
)
def test_media_that_cannot_be_compared(name, error, fusion_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(exporting, "write_graph", lambda kind, path, *_: path.write_bytes(b""))
    monkeypatch.setattr(exporting, "open_graph", lambda kind, path: None)
    write_clip(tmp_path / "a.wav", 1)
    write_face(tmp_path / "a.jpg", 1)
    (tmp_path / "notes.txt").write_text("notes")
    media = [str(tmp_path / name), *([str(tmp_path / "a.wav")] if name == "none.jpg" else [])]
    output = tmp_path / "out" / "export"
    command = ["--run", str(fusion_run), "--format", "tflite", "--output", str(output)]
    assert main([*command, "--media", *media]) == 1
    assert error in capsys.readouterr().err
    assert not output.exists()


def test_models_of_embeddings_are_refused(tmp_path, monkeypatch, capsys):
    encoder = SimpleNamespace(name="dlib_resnet")
    run = SimpleNamespace(model="embedding_image", used_encoders={"image": encoder})
    monkeypatch.setattr(exporting, "open_run", lambda run_dir: run)
    command = ["--run", str(tmp_path), "--format", "tflite", "--output", str(tmp_path / "new")]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert "The model embedding_image reads embeddings of dlib_resnet" in error
    assert not (tmp_path / "new").exists()


def test_tolerances():
    check = MediaCheck("given")
    right = np.array([0.6, 0.4])
    for _ in range(200):
        level = np.zeros((10, 10), np.uint8)
        check.add(
            {IMAGE: level, SPECTROGRAM: level, "probabilities": right},
            {"model_image": level + 1, "model_spectrogram": level, "probabilities": right},
        )
    assert check.faults() == []
    found = {"model_image": level + 2, "model_spectrogram": level, "probabilities": right[::-1]}
    check.add({IMAGE: level, SPECTROGRAM: level, "probabilities": right}, found)
    assert [fault.split(" differ")[0] for fault in check.faults()] == [
        "100 of 20,100 values of image"
    ]
    check.add({IMAGE: level, SPECTROGRAM: level, "probabilities": right}, found)
    check.add({IMAGE: level, SPECTROGRAM: level, "probabilities": right}, found)
    assert "the most probable person differs in 3 of 203 queries" in check.faults()


@pytest.mark.slow
def test_keras_answers_as_the_run(data_set, corpus, tmp_path):
    run_dir, folder = tmp_path / "run", tmp_path / "export"
    untrained_run("resnet_fusion", data_set, run_dir, widths=(4, 4), units=4)
    assert main(["--run", str(run_dir), "--format", "keras", "--output", str(folder)]) == 0
    run = open_run(run_dir)
    rng = np.random.default_rng(1)
    faces = rng.integers(0, 256, (3, *run.image_shape), dtype=np.uint8)
    windows = rng.normal(0, 0.1, (3, run.features.window_samples)).astype(np.float32)
    faces[1], windows[2] = 0, 0  # missing
    levels = [spectrogram(window, run.features)[..., None] for window in windows[:2]]
    batch = {IMAGE: faces, SPECTROGRAM: np.stack([*levels, np.zeros_like(levels[0])])}
    found = probabilities_of(folder, {"face": faces, "windows": windows}, tmp_path)
    np.testing.assert_allclose(found, run.predict(batch)[0], atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["savedmodel", pytest.param("onnx", marks=needs_onnx)])
@pytest.mark.parametrize("model", ["resnet_fusion", "cnn_image", "crnn_audio", "cnn_crnn"])
def test_other_formats_answer_as_the_run(kind, model, data_set, corpus, tmp_path):
    run_dir, folder = tmp_path / "run", tmp_path / "export"
    pools = {
        "cnn_image": {"pool_sizes": (2,), "filters": (4,)},
        "crnn_audio": {"pool_sizes": (1,), "filters": (4,)},
        "cnn_crnn": {
            "image_pool_sizes": (2,),
            "image_filters": (4,),
            "audio_pool_sizes": (1,),
            "audio_filters": (4,),
        },
    }
    untrained_run(model, data_set, run_dir, **pools.get(model, {}))
    assert main(["--run", str(run_dir), "--format", kind, "--output", str(folder)]) == 0
    face, clip, expected = check_answer(run_dir, folder, corpus, tmp_path)
    if kind == "savedmodel":
        files = {
            "image_bytes": np.fromfile(face, np.uint8),
            "wav_bytes": np.fromfile(clip, np.uint8),
        }
        specs = json.loads((folder / "export.json").read_text())["signatures"]["encoded"]
        given = {name: files[name] for name in specs["inputs"]}
        found = probabilities_of(folder, given, tmp_path, "encoded")
        np.testing.assert_allclose(found, expected, atol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["savedmodel", "tflite", "keras"])
def test_detector_and_encoder_are_beside_the_graph(kind, data_set, tmp_path):
    run_dir, folder = tmp_path / "run", tmp_path / "export"
    untrained_run("cnn_image", data_set, run_dir, pool_sizes=(2,), filters=(4,))
    manifest = json.loads((run_dir / "dataset.json").read_text())
    manifest["features"] |= {"face_detector": "blazeface", "face_encoder": "dlib_resnet"}
    info = encoder_info("dlib_resnet")
    manifest["encoders"] = {
        "image": {name: getattr(info, name) for name in ("name", "version", "digest", "dimension")},
        "audio": {"name": "mine:Own", "version": "1", "digest": "d", "dimension": 3},
    }
    (run_dir / "dataset.json").write_text(json.dumps(manifest))
    assert main(["--run", str(run_dir), "--format", kind, "--output", str(folder)]) == 0
    description = json.loads((folder / "export.json").read_text())
    (shape,) = [
        given["face"]["shape"]
        for given in (each["inputs"] for each in description["signatures"].values())
    ]
    assert shape == ([-1, 16, 16, 3] if kind == "keras" else [16, 16, 3])
    assert "The encoder mine:Own of audio is your own, not exported." in description["differences"]
    assert {"face_detector", "face_encoder"} < description["licences"].keys()
    files = description["files"]
    for name in ("face_detector_short_range", "face_detector_full_range"):
        assert (folder / files[name]).stat().st_size > 100_000
    run = open_run(run_dir)
    face = np.random.default_rng(1).integers(0, 256, run.image_shape, dtype=np.uint8)
    given = {"face": face[None] if kind == "keras" else face}
    found = np.ravel(probabilities_of(folder, given, tmp_path))
    np.testing.assert_allclose(found, run.predict({IMAGE: face[None]})[0][0], atol=1e-4)

    faces = np.stack([drawn_face(0), drawn_face(1)])
    encoder = image_encoder("dlib_resnet")
    expected = np.stack([encoder(each) for each in faces])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    if kind == "keras":
        found = keras.models.load_model(folder / files["face_encoder"]).predict_on_batch(faces)
    else:
        found = open_graph(kind, folder / files["face_encoder"])({"face": faces})["embedding"]
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
def test_a_model_in_mixed_precision_is_exported_in_float32(data_set, corpus, tmp_path):
    run_dir, folder = tmp_path / "run", tmp_path / "export"
    keras.config.set_dtype_policy("mixed_float16")
    try:
        untrained_run("resnet_audio", data_set, run_dir, widths=(4, 4), units=8)
    finally:
        keras.config.set_dtype_policy("float32")
    assert main(["--run", str(run_dir), "--format", "tflite", "--output", str(folder)]) == 0
    samples = np.random.default_rng(1).normal(0, 0.1, 20_000).astype(np.float32)
    assert np.isclose(sum(probabilities_of(folder, {"samples": samples}, tmp_path)), 1)


@pytest.mark.slow
def test_the_voice_encoder_of_a_savedmodel(tmp_path):
    info = encoder_info("ge2e")
    encoder = Encoder(info.name, info.version, info.digest, info.dimension)
    done = write_pretrained("savedmodel", tmp_path, FeatureSettings(), {"audio": encoder})
    graph = open_graph("savedmodel", tmp_path / done.files["voice_encoder"])
    for seconds in (0.4, 1.0, 1.6, 2.0, 3.0, 3.3, 7.3):
        samples = sound(seconds)
        expected = embed_window(samples, 16000, "ge2e")
        np.testing.assert_allclose(graph({"samples": samples})["embedding"], expected, atol=1e-4)
    other = write_pretrained("tflite", tmp_path, FeatureSettings(), {"audio": encoder})
    assert other.files == {}
    assert "with --format savedmodel only" in other.notes[0]
