"""Tests of the prediction command with small models and media outside of the dataset."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

from beam_pipelines.corpus.listing import Clip
from beam_pipelines.planning.windows import Grid, cut_windows
from facevoice.commands import evaluate, predict
from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.inference import Query, model_inputs
from facevoice.evaluation.runs import open_run
from facevoice.evaluation.trials import embed_files
from facevoice.features import AudioFacts, FeatureSettings, consecutive_starts
from facevoice.features.audio import MOST_WINDOWS
from facevoice.training.expert_fusion import copy_expert_weights
from tests.conftest import RATE_HZ, write_clip, write_corpus, write_face
from tests.tools import error_line, read_records, untrained_run
from tfdata.schema import SPLITS

pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.fixture(scope="module")
def made(build, tmp_path_factory):
    """A dataset, and its media in a place that the build has not seen; clips of three windows."""
    root = tmp_path_factory.mktemp("made")
    corpus = write_corpus(root / "corpus", people=3, videos=4, per_video=3, seconds=1.6)
    for i, clip in enumerate(sorted(corpus.audio.rglob("*.wav"))):
        if i % 3:  # a face is used once, so the one clip of a video gives a window to each of three
            clip.unlink()
        elif i % 2:
            write_clip(clip, seed=1000 + i, seconds=1.6, rate_hz=22050)
    flags = [f"--output={root / 'set'}", "--split_fractions=50,25,25", "--frames=16"]
    assert build(*corpus.flags, *flags) == 0
    media = root / "elsewhere"
    shutil.move(root / "corpus", media)
    return root / "set", media


@pytest.fixture(scope="module")
def run_of(made, tmp_path_factory):
    """The folder of a run of any model, written once; weights do not matter here."""
    root, runs = tmp_path_factory.mktemp("runs"), {}

    def run_dir(model):
        folder = root / model
        if model not in runs:
            sizes = {"widths": (8, 8)} if model.startswith("resnet_") else {}
            runs[model] = untrained_run(model, made[0], folder, **sizes)
            if model == "resnet_fusion":
                experts = ("resnet_image", "resnet_audio")
                copy_expert_weights(
                    runs[model], *(untrained_run(x, made[0], folder / x, **sizes) for x in experts)
                )
                runs[model].save(folder / "model.keras")
        return folder

    return run_dir


@pytest.fixture(scope="module")
def records(made):
    """Every record of the dataset, with where its media lie now."""
    found = [record for split in SPLITS for record in read_records(made[0], split)]
    for record in found:
        record["face"] = str(made[1] / "faces" / record["face_source"].decode())
        record["audio"] = str(made[1] / "wav" / record["audio_source"].decode())
        record["start_seconds"] = record["window_start_samples"] / RATE_HZ
    return found


@pytest.fixture
def ask(capsys):
    """Runs the command with --json; returns its exit code, its answers and its complaints."""

    def run(folder, *flags):
        capsys.readouterr()
        code = predict.main([f"--run={folder}", "--json", *flags])
        printed = capsys.readouterr()
        return code, json.loads(printed.out), printed.err

    return run


def model_says(folder, records):
    """Probabilities [records, people] of the saved model for the arrays as they are stored."""
    model = keras.models.load_model(folder / "model.keras")
    shapes = {"image": (16, 16, 3), "spectrogram": (16, 16, 1)}
    arrays = {
        name: np.stack([np.frombuffer(r[name], np.uint8).reshape(shape) for r in records])
        for name, shape in shapes.items()
    }
    one = {"cnn_image": "image", "cnn_audio": "spectrogram"}.get(folder.name)
    return np.asarray(model(arrays[one] if one else arrays))


def probabilities(folder, answer):
    """Of one answer, in the order of the model's classes."""
    people = json.loads((folder / "dataset.json").read_text())["people"]
    found = {person["name"]: person["probability"] for person in answer["people"]}
    return [found[who] for who in sorted(people, key=lambda who: people[who]["label"])]


def test_model_inputs_equal_the_records_of_the_build(run_of, records):
    run = open_run(run_of("cnn_cnn"))
    assert len(records) == 36
    assert {record["start_seconds"] for record in records} == {0, 0.5, 1}
    for record in records:
        query = Query(record["face"], record["audio"], record["start_seconds"])
        inputs = model_inputs(run, query)
        assert inputs["image"].shape == (1, 16, 16, 3)
        assert inputs["spectrogram"].shape == (1, 16, 16, 1)
        for name in ("image", "spectrogram"):
            assert inputs[name].dtype == np.uint8
            assert inputs[name].tobytes() == record[name]


@pytest.mark.parametrize("model", ["cnn_image", "cnn_audio", "cnn_cnn"])
def test_probabilities_are_those_of_the_model_on_the_records(run_of, records, ask, model):
    folder = run_of(model)
    chosen = [record for record in records if record["start_seconds"] == 0.5]
    flags = []
    if model != "cnn_audio":
        flags += ["--face", *(record["face"] for record in chosen)]
    if model != "cnn_image":
        flags += ["--audio", *(record["audio"] for record in chosen), "--start_seconds=0.5"]
    code, answers, errors = ask(folder, *flags)
    assert (code, errors, len(answers)) == (0, "", len(chosen))
    for record, row, answer in zip(chosen, model_says(folder, chosen), answers, strict=True):
        assert probabilities(folder, answer) == pytest.approx(row.tolist(), abs=1e-5)
        assert sum(person["probability"] for person in answer["people"]) == pytest.approx(1)
        assert answer["answer"] == answer["people"][0]["name"]
        assert answer["known"] is True
        assert answer["face"] == (record["face"] if model != "cnn_audio" else None)
        assert answer["audio"] == (record["audio"] if model != "cnn_image" else None)


def test_a_whole_clip_is_the_mean_of_the_windows_that_the_build_cuts(run_of, records, ask):
    clip = records[0]["audio"]
    windows = [record for record in records if record["audio"] == clip]
    assert len(windows) == 3
    folder = run_of("cnn_audio")
    _, (answer,), _ = ask(folder, "--audio", clip)
    mean = model_says(folder, windows).mean(axis=0)
    assert probabilities(folder, answer) == pytest.approx(mean.tolist(), abs=1e-5)

    folder = run_of("cnn_cnn")
    _, (answer,), _ = ask(folder, "--face", records[0]["face"], "--audio", clip)
    same_face = [record | {"image": records[0]["image"]} for record in windows]
    mean = model_says(folder, same_face).mean(axis=0)
    assert probabilities(folder, answer) == pytest.approx(mean.tolist(), abs=1e-5)


@pytest.mark.parametrize(
    "given", ["face", pytest.param("audio", marks=pytest.mark.slow), "face and audio"]
)
def test_resnet_fusion_accepts_a_face_a_voice_or_both(run_of, records, ask, capsys, given):
    folder = run_of("resnet_fusion")
    chosen = [record for record in records if record["start_seconds"] == 0.5][:4]
    missing = {"face": {"spectrogram": bytes(16 * 16)}, "audio": {"image": bytes(16 * 16 * 3)}}
    seen = [record | missing.get(given, {}) for record in chosen]
    flags = []
    for medium in given.split(" and "):
        flags += [f"--{medium}", *(record[medium] for record in chosen)]
    if "audio" in given:
        flags += ["--start_seconds=0.5"]
    code, answers, errors = ask(folder, *flags)
    assert (code, errors, len(answers)) == (0, "", 4)
    for record, row, answer in zip(chosen, model_says(folder, seen), answers, strict=True):
        assert probabilities(folder, answer) == pytest.approx(row.tolist(), abs=1e-5)
        assert answer["face"] == (record["face"] if "face" in given else None)
        assert answer["audio"] == (record["audio"] if "audio" in given else None)

    predict.main([f"--run={folder}", *flags])
    said = {"face": " (face only): ", "audio": " (voice only): "}.get(given, ": ")
    files = " and ".join(chosen[0][medium] for medium in given.split(" and "))
    assert capsys.readouterr().out.startswith(f"{files}{said}Person ")
    if given in missing:  # one expert alone puts people in the order in which he does by himself
        expert = folder / {"face": "resnet_image", "audio": "resnet_audio"}[given]
        _, alone, _ = ask(expert, *flags)
        for ours, theirs in zip(answers, alone, strict=True):
            names = [[person["name"] for person in answer["people"]] for answer in (ours, theirs)]
            assert names[0] == names[1]


def test_a_pair_with_an_unusable_file_is_not_predicted(run_of, records, tmp_path, ask):
    (tmp_path / "letter.wav").write_text("dear")
    faces = ["--face", records[0]["face"], records[0]["face"]]
    clips = ["--audio", str(tmp_path / "letter.wav"), records[0]["audio"]]
    code, (broken, whole), errors = ask(run_of("resnet_fusion"), *faces, *clips)
    assert code == 1
    assert errors == f"error: {broken['error']}\n"
    assert broken["error"].startswith(f"{clips[1]} cannot be used (unreadable: ")
    assert (broken["answer"], broken["known"], broken["people"]) == (None, None, [])
    assert whole["error"] is None


def test_resnet_fusion_embeds_images_and_clips(run_of, records):
    run = open_run(run_of("resnet_fusion"))
    for medium, half in [("face", np.s_[:128]), ("audio", np.s_[128:])]:
        files = tuple(sorted({record[medium] for record in records[:6]}))
        embeddings = embed_files(run, files, Path("/")).embeddings
        assert np.linalg.norm(embeddings[:, half], axis=1) == pytest.approx(1, abs=0.2)
        embeddings[:, half] = 0
        assert not embeddings.any()
    with pytest.raises(
        EvaluationError, match=r"images \(.*jpg\) and clips \(.*wav\), which cannot"
    ):
        embed_files(run, (records[0]["face"], records[0]["audio"]), Path("/"))


@pytest.mark.parametrize("seconds", [0.3, 2.9, 3, 5.9, 6, 7, 59.9, 60, 62.9])
def test_windows_of_a_clip_are_those_of_a_build_without_overlap(seconds):
    settings, samples = FeatureSettings(), round(seconds * RATE_HZ)
    clip = Clip("a.wav", "video", "", AudioFacts(RATE_HZ, samples))
    cut = cut_windows([clip], Grid(RATE_HZ, settings.window_samples), 0, 1000)
    assert consecutive_starts(samples, settings) == [window.start_samples for window in cut]


@pytest.mark.parametrize("seconds", [63, 64, 100, 3600])
def test_windows_of_a_long_clip_are_spread_evenly(seconds):
    settings = FeatureSettings()
    starts = consecutive_starts(seconds * RATE_HZ, settings)
    assert len(set(starts)) == len(starts) == MOST_WINDOWS
    assert all(start % settings.window_samples == 0 for start in starts)
    assert starts[0] == 0
    assert starts[-1] == (seconds // 3 - 1) * settings.window_samples
    gaps = np.diff(starts) / settings.window_samples
    assert gaps.max() - gaps.min() <= 1


def test_windows_without_sound_are_skipped(run_of, tmp_path, ask):
    folder = run_of("cnn_audio")
    noise = np.random.default_rng(0).normal(0, 0.1, 8000)
    soundfile.write(tmp_path / "half.wav", np.concatenate([noise, np.zeros(8000)]), RATE_HZ)
    soundfile.write(tmp_path / "whole.wav", noise, RATE_HZ)
    soundfile.write(tmp_path / "none.wav", np.zeros(16000), RATE_HZ)
    clips = [str(tmp_path / f"{name}.wav") for name in ("half", "whole", "none")]
    code, (half, whole, none), errors = ask(folder, "--audio", *clips)
    assert half["people"] == whole["people"]
    assert code == 1
    assert none["error"].startswith(f"{clips[2]} cannot be used (silent: ")
    assert errors == f"error: {none['error']}\n"


def test_an_unusable_file_is_a_one_line_error_and_others_are_predicted(
    run_of, records, tmp_path, ask, capsys
):
    folder, good = run_of("cnn_image"), records[0]["face"]
    (tmp_path / "letter.jpg").write_text("dear")
    broken = [str(tmp_path / "letter.jpg"), str(tmp_path / "none.jpg"), str(tmp_path)]
    code, answers, errors = ask(folder, "--face", *broken, good)
    assert code == 1
    assert [answer["face"] for answer in answers] == [*broken, good]
    assert errors == "".join(f"error: {answer['error']}\n" for answer in answers[:3])
    for path, answer in zip(broken, answers, strict=False):
        assert answer["error"].startswith(f"{path} cannot be used (unreadable: ")
        assert (answer["answer"], answer["known"], answer["people"]) == (None, None, [])
    assert answers[3]["error"] is None
    assert len(answers[3]["people"]) == 3

    assert predict.main([f"--run={folder}", "--face", *broken, good]) == 1
    printed = capsys.readouterr()
    assert printed.err == errors
    assert printed.out.startswith(f"{good}: Person ")
    assert "no threshold is set, so unknown people are not detected" in printed.out

    assert predict.main([f"--run={folder}", "--face", *broken]) == 1
    printed = capsys.readouterr()
    assert (printed.err, printed.out) == (errors, "")


def test_the_table_has_readable_names_and_is_limited(run_of, records, ask, capsys):
    folder = run_of("cnn_cnn")
    flags = ["--face", records[0]["face"], "--audio", records[0]["audio"], "--top=2"]
    _, (answer,), _ = ask(folder, *flags)
    assert len(answer["people"]) == 2
    assert predict.main([f"--run={folder}", *flags]) == 0
    title, *people, note = capsys.readouterr().out.splitlines()
    name = answer["answer"].replace("_", " ")
    assert title == f"{records[0]['face']} and {records[0]['audio']}: {name}"
    assert [line.split() for line in people] == [
        [f"{person['probability']:.1%}", *person["name"].split("_")] for person in answer["people"]
    ]
    assert "evaluate.py" in note


def test_a_file_name_that_is_not_utf_8_is_escaped(run_of, tmp_path, ask, capsys):
    path = f"{tmp_path}/gr\udcfcn.jpg"  # a Latin-1 name, as Python hands it on
    write_face(Path(path), seed=1)
    flags = ["--face", path]
    _, (answer,), _ = ask(run_of("cnn_image"), *flags)
    assert answer["face"] == path
    assert predict.main([f"--run={run_of('cnn_image')}", *flags]) == 0
    assert "gr\\xfcn.jpg: Person" in capsys.readouterr().out


def test_known_people_are_strictly_above_the_threshold(run_of, records, tmp_path, ask, capsys):
    folder = shutil.copytree(run_of("cnn_image"), tmp_path / "run")
    flags = ["--face", records[0]["face"]]
    _, (free,), _ = ask(folder, *flags)
    largest = free["people"][0]["probability"]
    for threshold, known in [(largest, False), (math.nextafter(largest, 0), True)]:
        (folder / "threshold.json").write_text(json.dumps({"threshold": threshold}))
        code, (answer,), _ = ask(folder, *flags)
        assert code == 0
        assert answer["known"] is known
        assert answer["answer"] == (free["answer"] if known else None)
        assert answer["people"] == free["people"]
        assert predict.main([f"--run={folder}", *flags]) == 0
        printed = capsys.readouterr().out
        assert (f"unknown (no probability above {threshold:.3f})" in printed) is not known
        assert "evaluate.py" not in printed
    for damaged in ("{", "{}", "[]", '{"threshold": NaN}', '{"threshold": "x"}'):
        (folder / "threshold.json").write_text(damaged)
        assert predict.main([f"--run={folder}", *flags]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"error: {folder / 'threshold.json'} is damaged (")
        assert error.count("\n") == 1


def test_a_run_of_another_preprocessing_revision_gives_one_warning(
    run_of, records, monkeypatch, ask, capsys
):
    folder, flags = run_of("cnn_image"), ["--face", records[0]["face"]]
    _, expected, errors = ask(folder, *flags)
    assert errors == ""
    monkeypatch.setattr("facevoice.evaluation.runs.PREPROCESSING_REVISION", 3)
    code, answers, errors = ask(folder, *flags)
    assert (code, answers) == (0, expected)
    warning = f"warning: {folder} was trained on data of preprocessing revision 2, but this version"
    assert errors.startswith(warning)
    assert "has revision 3" in errors
    assert errors.count("\n") == 1
    assert evaluate.main([f"--run={folder}", "--skip_robustness"]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith(warning)
    assert warning not in printed.out


def test_json_is_the_only_output(run_of, records):
    script = Path(__file__).parents[3] / "predict.py"
    command = [sys.executable, str(script), f"--run={run_of('cnn_image')}", "--json", "--face"]
    done = subprocess.run([*command, records[0]["face"]], capture_output=True, text=True)
    # TensorFlow 2.21 prints such lines when it is imported, whatever TF_CPP_MIN_LOG_LEVEL is.
    notices = re.compile(r"WARNING: All log messages before absl|[IW]\d{4} [\d:.]+ +\d+ \w+\.cc:")
    printed = [line for line in done.stderr.splitlines() if not notices.match(line)]
    assert (done.returncode, printed) == (0, [])
    (answer,) = json.loads(done.stdout)
    assert set(answer) == {"face", "audio", "answer", "known", "people", "error"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--face", "a"], "--run"),
        (["--run=r"], "use --face, --audio, or both"),
        (["--run=r", "--face"], "--face"),
        (["--run=r", "--faces", "a"], "did you mean --face?"),
        (["--run=r", "--face", "a", "--top=0"], "1 or more"),
        (["--run=r", "--face", "a", "--top=some"], "1 or more"),
        (["--run=r", "--face", "a", "b", "--audio", "c"], "2 faces and 1 clip"),
        (["--run=r", "--face", "a", "--start_seconds=1"], "--audio"),
        (["--run=r", "--audio", "a", "--start_seconds=-1"], "from 0 to 14400"),
        (["--run=r", "--audio", "a", "--start_seconds=nan"], "from 0 to 14400"),
    ],
)
def test_wrong_flags_are_one_line(capsys, flags, words):
    assert words in refused(capsys, flags)


@pytest.mark.parametrize(
    ("model", "flags", "words"),
    [
        ("cnn_image", ["--audio", "a"], "needs only --face, but --audio was given"),
        (
            "cnn_image",
            ["--face", "a", "--audio", "b"],
            "needs only --face, but --face and --audio were given",
        ),
        ("cnn_audio", ["--face", "a"], "needs only --audio, but --face was given"),
        (
            "cnn_cnn",
            ["--face", "a"],
            "needs --face and --audio, but --face was given; resnet_fusion accepts either alone.",
        ),
    ],
)
def test_media_must_be_those_that_the_model_needs(run_of, capsys, model, flags, words):
    folder = run_of(model)
    capsys.readouterr()
    assert words in refused(capsys, [f"--run={folder}", *flags])


def refused(capsys, flags):
    """What the command says of flags that it does not take."""
    with pytest.raises(SystemExit) as stop:
        predict.main(flags)
    assert stop.value.code == 2
    return error_line(capsys)


def test_a_missing_run_is_a_one_line_error(tmp_path, capsys):
    assert predict.main([f"--run={tmp_path / 'none'}", "--face", "a.jpg"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error: --run {tmp_path / 'none'} does not exist")
    assert (printed.err.count("\n"), printed.out) == (1, "")
