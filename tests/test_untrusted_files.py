"""Tests of untrusted datasets, runs and media: FIFOs, odd JSON and models with code in them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import zipfile
from contextlib import suppress
from pathlib import Path

import keras
import pytest

from beam_pipelines.corpus.trees import DiskTree, FileEntry, UnlistedFile
from facevoice.commands import evaluate, inspect, predict, train
from facevoice.features import FeatureSettings, MediaError, probe_audio, read_face, read_window
from facevoice.training.checkpoint import Checkpoint
from facevoice.training.errors import TrainingError
from facevoice.training.train_state import Progress
from tests.conftest import write_clip, write_face
from tests.facevoice.reports.metrics import run_metrics
from tests.tools import error_line, untrained_run
from tfdata import DatasetError, ReadOptions, load, load_manifest, verify
from tfdata.storage.files import parse_json

pytestmark = pytest.mark.usefixtures("no_figures")

DEEP = "[" * 100_000
NOT_THE_KIND = ("3", "[]", "null", '"x"', "NaN", "{}", "[1, {}]", '{"a": "\\ud800"}')


@pytest.fixture(autouse=True)
def time_limit():
    """Fails a test that waits for the writer of a FIFO."""

    def stop(*_: object) -> None:
        raise AssertionError("it hangs")

    usual = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, usual)


@pytest.fixture
def own_data_set(data_set, tmp_path):
    return Path(shutil.copytree(data_set, tmp_path / "set"))


@pytest.fixture(scope="module")
def made_run(data_set, tmp_path_factory):
    """A run of a model of faces; not to be changed by a test."""
    folder = tmp_path_factory.mktemp("made") / "run"
    untrained_run("cnn_image", data_set, folder)
    return folder


@pytest.fixture
def run_dir(made_run, tmp_path):
    return Path(shutil.copytree(made_run, tmp_path / "run"))


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    path = tmp_path_factory.mktemp("face") / "face.jpg"
    write_face(path, seed=1)
    return path


@pytest.mark.parametrize("content", [b'"\xed\xa0\x80"', '"\\ud800"'.encode("utf-16")])
def test_json_that_is_not_utf_8_is_refused(content):
    with pytest.raises(ValueError, match="it is not text in UTF-8"):
        parse_json(content)


def make_fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def error_of(command, flags, capsys) -> str:
    capsys.readouterr()
    assert command([str(flag) for flag in flags]) == 1
    return error_line(capsys)


def test_a_shard_that_is_a_fifo_is_named(own_data_set, capsys):
    shard = next(own_data_set.glob("train-*.tfrecord"))
    make_fifo(shard)
    reason = r"cannot be read \(it is not a regular file\)"
    with pytest.raises(DatasetError, match=f"{shard.name} {reason}"):
        load(own_data_set, "train")
    flags = ["--model=cnn_image", f"--data={own_data_set}"]
    assert "is not a regular file" in error_of(train.main, flags, capsys)
    assert "is not a regular file" in error_of(inspect.main, [own_data_set, "--stats"], capsys)
    assert verify.main([str(own_data_set)]) == 1
    assert f"{shard.name}: it cannot be read: it is not a regular file" in capsys.readouterr().out
    with pytest.warns(UserWarning, match=shard.name):
        assert list(load(own_data_set, "train", options=ReadOptions(damage="skip")))


def test_a_shard_may_be_a_link_to_a_regular_file(own_data_set, tmp_path):
    shard = next(own_data_set.glob("train-*.tfrecord"))
    shard.rename(tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere")
    assert list(load(own_data_set, "train"))
    assert verify.main([str(own_data_set)]) == 0


def test_a_manifest_that_is_a_fifo_is_one_line(own_data_set, run_dir, capsys):
    make_fifo(own_data_set / "dataset.json")
    for command, flags in [
        (verify.main, [own_data_set]),
        (inspect.main, [own_data_set]),
        (train.main, ["--model=cnn_image", f"--data={own_data_set}"]),
        (evaluate.main, [f"--run={run_dir}", f"--data={own_data_set}"]),
    ]:
        error = error_of(command, flags, capsys)
        assert "dataset.json cannot be read (it is not a regular file)" in error


def test_control_characters_in_a_dataset_reach_no_terminal(own_data_set, run_dir, face, capsys):
    evil = "\x1b[2J\nerror:"
    manifest = json.loads((own_data_set / "dataset.json").read_text())
    manifest["splits"]["train"]["shards"][0]["file"] = evil
    (own_data_set / "dataset.json").write_text(json.dumps(manifest))
    assert r"\x1b[2J\nerror: is missing" in error_of(inspect.main, [own_data_set], capsys)
    assert verify.main([str(own_data_set)]) == 1
    run_manifest = run_dir / "dataset.json"
    escaped = json.dumps(evil)[1:-1]
    run_manifest.write_text(run_manifest.read_text().replace("Person_0", escaped))
    assert predict.main([f"--run={run_dir}", f"--face={face}"]) == 0
    out = capsys.readouterr().out
    assert r"\x1b[2J\nerror:" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("content", [DEEP, *NOT_THE_KIND])
def test_a_manifest_of_odd_json_is_one_line(own_data_set, capsys, content):
    (own_data_set / "dataset.json").write_text(content)
    assert "dataset.json" in error_of(verify.main, [own_data_set], capsys)


@pytest.mark.parametrize("value", [None, 3, -1.5, True, "x", [], [3], {"a": 3}, float("nan")])
def test_a_manifest_with_a_field_of_another_kind_is_one_line(own_data_set, value):
    path = own_data_set / "dataset.json"
    whole = json.loads(path.read_text())
    shard = whole["splits"]["train"]["shards"][0]
    person = next(iter(whole["people"].values()))
    parents = [whole, whole["corpus"], whole["splits"]["train"], shard, person]
    parents += [whole["leakage"]["test"]]
    for parent in parents:
        for name in parent.keys() - {"record", "format_version"}:
            kept = parent[name]
            if type(kept) is type(value) and not isinstance(value, list):
                continue  # a fact that is wrong, or that may be so
            parent[name] = value
            path.write_text(json.dumps(whole))
            parent[name] = kept
            if isinstance(value, dict | list) or name == "audio_seconds":
                with suppress(DatasetError):  # an empty list of shards may be right
                    load_manifest(own_data_set)
                continue
            with pytest.raises(DatasetError):
                load_manifest(own_data_set)


@pytest.mark.parametrize(
    "change",
    [
        {"features": {"image_size": "x"}},
        {"features": {"smell": 3}},
        {"features": {"floor_db": None}},
        {"image_shape": [0, 0, 3]},
        {"image_shape": [3]},
        {"people": 3},
        {"people": {}},
        {"splits": {"train": None}},
    ],
)
def test_settings_of_another_kind_are_one_line_of_every_command(
    own_data_set, made_run, tmp_path, capsys, change
):
    path = own_data_set / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    for command, flags in [
        (train.main, ["--model=cnn_image", f"--data={own_data_set}", f"--output={tmp_path / 'o'}"]),
        (evaluate.main, [f"--run={made_run}", f"--data={own_data_set}"]),
        (inspect.main, [own_data_set, "--index=0"]),
    ]:
        error_of(command, flags, capsys)


def test_a_shard_may_not_lie_outside_of_its_data_set(own_data_set, capsys):
    path = own_data_set / "dataset.json"
    for name in ("../x", "/etc/hostname", "a\0b", ""):
        manifest = json.loads(path.read_text())
        manifest["splits"]["train"]["shards"][0]["file"] = name
        path.write_text(json.dumps(manifest))
        assert "not a file name" in error_of(verify.main, [own_data_set], capsys)
        assert "not a file name" in error_of(inspect.main, [own_data_set], capsys)


def test_media_that_are_fifos_are_unreadable(run_dir, face, tmp_path, capsys):
    fifo, link, settings = tmp_path / "fifo.jpg", tmp_path / "link.wav", FeatureSettings()
    make_fifo(fifo)
    link.symlink_to(fifo)
    for read in (
        lambda path: read_face(path, settings),
        lambda path: read_window(path, 0, settings),
        probe_audio,
    ):
        for path in (fifo, str(fifo), link):
            with pytest.raises(MediaError, match="unreadable: not a regular file"):
                read(path)
    error = error_of(predict.main, [f"--run={run_dir}", "--face", fifo], capsys)
    assert error == f"error: {fifo} cannot be used (unreadable: not a regular file).\n"
    good = tmp_path / "face.jpg"
    good.symlink_to(face)
    assert predict.main([f"--run={run_dir}", f"--face={good}"]) == 0


def test_a_fifo_among_the_media_of_trials_is_unreadable(run_dir, face, tmp_path, capsys):
    make_fifo(tmp_path / "fifo.jpg")
    trials = tmp_path / "trials.txt"
    trials.write_text(f"1 {face} {face}\n0 {face} fifo.jpg\n")
    flags = [f"--run={run_dir}", f"--trials={trials}", f"--media={tmp_path}", "--skip_robustness"]
    assert "fifo.jpg (unreadable: not a regular file)" in error_of(evaluate.main, flags, capsys)


def test_a_fifo_in_a_corpus_is_rejected_with_its_reason(tmp_path):
    write_clip(tmp_path / "Ann" / "v" / "a.wav", seed=1)
    make_fifo(tmp_path / "Ann" / "v" / "b.wav")
    *found, _ = DiskTree(tmp_path).files("Ann", (".wav",))
    found.sort(key=str)
    assert [type(each) for each in found] == [FileEntry, UnlistedFile]
    assert found[1] == UnlistedFile("Ann/v/b.wav", "not a regular file")
    assert not DiskTree(tmp_path).is_readable("Ann/v/b.wav")


@pytest.mark.parametrize(
    "name", ["settings.json", "metrics.json", "dataset.json", "threshold.json", "model.keras"]
)
def test_a_file_of_a_run_that_is_a_fifo_is_one_line(run_dir, face, data_set, capsys, name):
    make_fifo(run_dir / name)
    error = error_of(predict.main, [f"--run={run_dir}", f"--face={face}"], capsys)
    assert name in error
    if name != "threshold.json":  # which an evaluation does not read
        assert name in error_of(evaluate.main, [f"--run={run_dir}"], capsys)
    flags = ["--model=cnn_image", f"--data={data_set}", f"--output={run_dir}"]
    error_of(train.main, flags, capsys)


@pytest.mark.parametrize("content", [DEEP, *NOT_THE_KIND])
@pytest.mark.parametrize("name", ["settings.json", "dataset.json", "threshold.json"])
def test_odd_json_in_a_run_is_one_line(run_dir, face, capsys, name, content):
    (run_dir / name).write_text(content)
    error = error_of(predict.main, [f"--run={run_dir}", f"--face={face}"], capsys)
    assert name in error
    assert "is damaged" in error


@pytest.mark.parametrize(
    "settings",
    [
        {"model": ["cnn_image"], "data": "x"},
        {"model": None, "data": "x"},
        {"model": "cnn_audio", "data": "x"},
        {"model": "cnn_cnn", "data": "x"},
        {"model": "cnn_image", "data": None},
        {"model": "cnn_image", "data": {"x": 3}},
        {"model": "cnn_image", "data": "a\0b"},
        {"model": "cnn_image", "data": "s3://user:hunter2@bucket/set"},
    ],
)
def test_settings_of_a_run_with_a_field_of_another_kind_are_one_line(run_dir, capsys, settings):
    (run_dir / "settings.json").write_text(json.dumps(settings))
    assert "hunter2" not in error_of(evaluate.main, [f"--run={run_dir}"], capsys)


@pytest.mark.parametrize("content", [DEEP, *NOT_THE_KIND, '{"model": "cnn_image", "test": 3}'])
def test_odd_json_of_an_earlier_run_is_not_taken_for_a_run(data_set, tmp_path, capsys, content):
    run_dir = tmp_path / "all" / "cnn_image"
    run_dir.mkdir(parents=True)
    (run_dir / "metrics.json").write_text(content)
    (run_dir / "settings.json").write_text(content)
    flags = [f"--data={data_set}", f"--output={run_dir}", "--model=cnn_image"]
    assert "has no unfinished run" in error_of(train.main, flags, capsys)


def test_metrics_that_are_damaged_are_one_sentence(tmp_path):
    from facevoice.training.run_dir import read_metrics

    (tmp_path / "metrics.json").write_text(json.dumps(run_metrics()))
    assert read_metrics(tmp_path) == run_metrics()
    test = run_metrics()["test"]
    odd = [{"seconds": float("nan")}, {"chance": -1}, {"epochs": 10**400}, {"people": True}]
    odd += [{"test": test | {"by_person": 3}}, {"robustness": 3}]
    changed = [json.dumps(run_metrics() | change) for change in odd]
    for content in (DEEP, *NOT_THE_KIND, '{"model": "cnn_image", "test": 3}', *changed):
        (tmp_path / "metrics.json").write_text(content)
        with pytest.raises(TrainingError, match=r"metrics.json is damaged; delete"):
            read_metrics(tmp_path)


def test_progress_that_is_damaged_is_one_sentence(tmp_path):
    path = tmp_path / "checkpoint" / "progress.json"
    path.parent.mkdir()
    assert Checkpoint(tmp_path).read_progress() is None
    path.write_text(Progress(epoch=2, best_epoch=1, history={"loss": [1, 2.5]}).to_json())
    assert Checkpoint(tmp_path).read_progress().epoch == 2
    odd = ('{"epoch": "../x"}', '{"epoch": -1}', '{"history": {"loss": ["x"]}}', '{"draws": 3}')
    odd += ('{"epoch": 1, "epoch": 2}', '{"epoch": 9223372036854775808}', '{"seconds": NaN}')
    odd += ('{"best_epoch": 1}', '{"epoch": 2, "history": {"loss": [1]}}', '{"draws": [[-1]]}')
    for content in (DEEP, *NOT_THE_KIND, *odd):
        if content == "{}":
            continue  # the beginning of a run
        path.write_text(content)
        with pytest.raises(TrainingError, match=r"progress.json is damaged; delete"):
            Checkpoint(tmp_path).read_progress()
    make_fifo(path)
    with pytest.raises(TrainingError, match=r"progress.json is damaged; delete"):
        Checkpoint(tmp_path).read_progress()


def with_lambda(path: Path) -> None:
    layers = [keras.Input((4,)), keras.layers.Lambda(lambda x: x), keras.layers.Dense(2)]
    keras.Sequential(layers).save(path)


def with_function(path: Path) -> None:
    """A model whose config names a function of another module as an activation."""
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "relu")]).save(path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(content["config.json"])
    function = {"module": "os", "class_name": "function", "config": "system"}
    config["config"]["layers"][1]["config"]["activation"] = function
    content["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def as_hdf5(path: Path) -> None:
    with_lambda(path.with_suffix(".h5"))
    path.with_suffix(".h5").rename(path)


def nested_deeply(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", DEEP)
        archive.writestr("model.weights.h5", b"")


TAMPERED = [
    (with_lambda, "it contains code, such as a Lambda layer, which is not loaded"),
    (with_function, "it has layers of code that is not imported"),
    (as_hdf5, "it is not a Keras archive"),
    (nested_deeply, "it is damaged, or was not written by train.py"),
    (make_fifo, "model.keras"),
]


@pytest.mark.parametrize(("tamper", "words"), TAMPERED)
def test_a_tampered_model_is_refused_without_advice_to_trust_it(
    run_dir, face, capsys, tamper, words
):
    path = run_dir / "model.keras"
    path.unlink()
    tamper(path)
    for command, flags in [(evaluate.main, []), (predict.main, [f"--face={face}"])]:
        error = error_of(command, [f"--run={run_dir}", *flags], capsys)
        assert words in error
        assert "safe_mode" not in error
        assert "unsafe" not in error


@pytest.mark.parametrize("tamper", [tamper for tamper, _ in TAMPERED])
def test_a_tampered_checkpoint_is_refused_without_advice_to_trust_it(tmp_path, tamper):
    (tmp_path / "checkpoint").mkdir()
    tamper(tmp_path / "checkpoint" / "0001-000000.keras")
    shutil.copy(__file__, tmp_path / "checkpoint" / "best-0001.weights.h5")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    progress = Progress(epoch=1, best_epoch=1)
    with pytest.raises(
        TrainingError, match=r"0001-000000.keras is damaged; delete [^(]*starts again.$"
    ):
        Checkpoint(tmp_path).restore(model, progress)
    with pytest.raises(TrainingError, match=r"best-0001.weights.h5 is damaged; delete"):
        Checkpoint(tmp_path).load_best_weights(model, progress)


def test_a_tampered_expert_is_refused(tmp_path):
    from facevoice.training.trainer import _load_expert

    with_lambda(tmp_path / "model.keras")
    with pytest.raises(TrainingError, match="it contains code") as caught:
        _load_expert(tmp_path / "model.keras")
    assert "safe_mode" not in str(caught.value)
