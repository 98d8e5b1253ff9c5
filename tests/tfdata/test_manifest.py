"""The manifest: other releases' manifests, wrong types, and how often a command reads it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from facevoice.commands import evaluate, inspect, train
from tests.tools import untrained_run
from tfdata import DatasetError, load_manifest, verify

LEVELS = {
    "manifest": lambda fields: fields,
    "split": lambda fields: fields["splits"]["train"],
    "shard": lambda fields: fields["splits"]["train"]["shards"][0],
    "person": lambda fields: next(iter(fields["people"].values())),
    "corpus": lambda fields: fields["corpus"],
    "leak": lambda fields: fields["leakage"]["test"],
}
HEAD = {"format", "format_version", "record", "preprocessing_revision"}  # or with a default


@pytest.fixture
def folder(data_set, tmp_path):
    return Path(shutil.copytree(data_set, tmp_path / "set"))


@pytest.fixture
def fields(folder):
    return json.loads((folder / "dataset.json").read_text())


def write(folder, fields):
    (folder / "dataset.json").write_text(json.dumps(fields))


def error_of(folder):
    with pytest.raises(DatasetError) as raised:
        load_manifest(folder)
    text = str(raised.value)
    assert text.startswith(f"{folder / 'dataset.json'} is damaged (")
    assert text.isprintable()
    return text


@pytest.mark.parametrize("value", [1, "x", None, {"a": [1]}, []])
def test_fields_of_a_newer_manifest_are_ignored_at_every_level(folder, fields, value):
    before = load_manifest(folder)
    for level in LEVELS.values():
        level(fields)["added_later"] = value
    fields["splits"]["challenge"] = {"pairs": 0, "sessions": {}, "shards": []}
    write(folder, fields)
    assert load_manifest(folder) == before
    assert verify.main([str(folder)]) == 0


def test_a_field_with_a_default_may_be_missing_from_an_older_manifest(folder, fields):
    del fields["preprocessing_revision"]
    write(folder, fields)
    manifest = load_manifest(folder)
    assert manifest.preprocessing_revision == 1
    assert "preprocessing_revision" not in json.loads(manifest.to_json())


def test_a_later_revision_is_written_and_read(folder):
    later = replace(load_manifest(folder), preprocessing_revision=3)
    (folder / "dataset.json").write_text(later.to_json())
    assert json.loads(later.to_json())["preprocessing_revision"] == 3
    assert load_manifest(folder) == later


@pytest.mark.parametrize("level", LEVELS)
def test_a_missing_field_without_a_default_is_named(folder, fields, level):
    for name in list(LEVELS[level](fields).keys() - HEAD):
        changed = json.loads(json.dumps(fields))
        del LEVELS[level](changed)[name]
        write(folder, changed)
        assert f"{name} is missing" in error_of(folder)


@pytest.mark.parametrize(
    ("level", "name", "value", "message"),
    [
        ("manifest", "people", 3, "people is 3, not an object"),
        ("manifest", "image_shape", [16, 16], "image_shape is [16, 16], not an array of 3"),
        ("manifest", "preprocessing_revision", True, "revision is True, not an integer"),
        ("split", "pairs", 1.5, "splits.train.pairs is 1.5, not an integer"),
        ("split", "shards", {}, "splits.train.shards is {}, not an array"),
        ("split", "sessions", {"a\nb": 3}, r"splits.train.sessions.'a\nb' is 3, not an array"),
        ("split", "sessions", {"a" * 999: 3}, "aaa...aaa"),
        ("shard", "sha256", None, "splits.train.shards[0].sha256 is None, not a text"),
        ("person", "label", "0", "people.Person_0.label is '0', not an integer"),
        ("person", "meta", {"id": 3}, "people.Person_0.meta.id is 3, not a text"),
        ("features", "voice_activity", 1, "features.voice_activity is 1, not a text"),
        ("features", "min_speech", "x", "features.min_speech is 'x', not a finite number"),
        ("features", "min_speech", 2, "features.min_speech is 2, not a finite number from 0 to 1"),
        ("features", "frames_per_second", "x", "is 'x', not a finite number or null"),
        ("features", "face_encoder", None, "features.face_encoder is None, not a text"),
        ("features", "voice_encoder", [], "features.voice_encoder is [], not a text"),
        ("corpus", "audio_seconds", float("inf"), "audio_seconds is inf, not a finite number"),
        ("leak", "pairs", [], "leakage.test.pairs is [], not an integer"),
    ],
)
def test_a_field_of_another_type_is_one_clear_line(folder, fields, level, name, value, message):
    (LEVELS[level](fields) if level in LEVELS else fields[level])[name] = value
    write(folder, fields)
    assert message in error_of(folder)


def test_the_order_of_people_in_json_does_not_matter(folder, fields, tmp_path):
    before = load_manifest(folder)
    fields["people"] = dict(reversed(fields["people"].items()))
    write(folder, fields)
    assert list(load_manifest(folder).people) == list(before.people)
    assert load_manifest(folder).to_json() == before.to_json()
    assert verify.main([str(folder)]) == 0


def of_person(name, **values):
    return lambda fields: fields["people"][name].update(values)


def of_split(name, **values):
    return lambda fields: fields["splits"][name].update(values)


def of_shard(**values):
    return lambda fields: fields["splits"]["train"]["shards"][0].update(values)


def of_record(**facts):
    return lambda fields: fields["record"]["features"].update(facts)


def of_features(**values):
    return lambda fields: fields["features"].update(values)


def deep(levels):
    return json.loads("[" * levels + "]" * levels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of_person("Person_1", label=99), "labels do not count from 0"),
        (of_person("Person_1", label=0), "labels do not count from 0"),
        (of_person("Person_1", label=-1), "Person_1.label is -1, not an integer from 0 to"),
        (of_person("Person_1", label=True), "Person_1.label is True, not an integer"),
        (of_person("Person_1", missing=2**63), "Person_1.missing is 9223372036854775808, not an"),
        (
            lambda f: f["people"]["Person_1"]["pairs"].pop("validation"),
            "'validation' is missing from the",
        ),
        (of_split("test", pairs=7), "its test split has 7 pairs, its shards 6 and its people 6"),
        (of_split("train", sessions={}), "train split has pairs but no videos of 'Person_0'"),
        (of_shard(records=0), "records is 0, not an integer from 1 to"),
        (of_shard(bytes=10), "has 10 bytes, too few for"),
        (of_shard(file="../../x"), "'../../x' is not a file name of a shard"),
        (of_shard(file="/etc/x"), "'/etc/x' is not a file name of a shard"),
        (of_shard(file="dataset.json"), "'dataset.json' is not a file name of a shard"),
        (of_shard(sha256="../x"), "is not 64 hexadecimal digits"),
        (lambda f: f.update(image_shape="16x16"), "image_shape is '16x16', not an array of 3"),
        (lambda f: f.update(image_shape=[16, 16, 4]), "image_shape has 4 channels instead of 3"),
        (lambda f: f.update(image_shape=[2**40, 16, 3]), "too few for"),
        (lambda f: f["leakage"].pop("test"), "leakage.test is missing"),
        (lambda f: f["leakage"]["test"].update(same_video=99), "more shared pairs than pairs"),
        (lambda f: f["corpus"].update(audio_seconds=10**400), "not a finite number"),
        (lambda f: f["corpus"].update(audio_seconds=-1.5), "is -1.5, not a finite number from 0"),
        (lambda f: f["features"].update(floor_db=float("nan")), "features.floor_db is nan, not"),
        (lambda f: f["plan"].update(x=[{"y": 10**400}]), "not a finite number"),
        (
            of_record(image={"shape": [16, 16, 1]}),
            "record.features.image.shape is [16, 16, 1], not",
        ),
        (of_record(image={"dtype": "float32"}), "image.dtype is 'float32', not uint8"),
        (of_record(spectrogram={"shape": "16"}), "spectrogram.shape is '16', not [16, 8]"),
        (of_record(key={"encoding": "latin-1"}), "key.encoding is 'latin-1', not UTF-8"),
        (of_record(image=3), "record.features.image is 3, not an object"),
        (lambda f: f.update(record=[]), "record is [], not an object"),
        (of_features(sample_rate_hz=-1), "features.sample_rate_hz is -1, not an integer from 1"),
        (of_features(sample_rate_hz="16000"), "sample_rate_hz is '16000', not an integer"),
        (of_features(trim_silence_db="x"), "is 'x', not a finite number or null"),
        (of_features(frequency_scale=3), "frequency_scale is 3, not a text"),
        (lambda f: f["plan"].update(seed="q"), "plan.seed is 'q', not an integer"),
        (
            lambda f: f["plan"].update(persons=0),
            "is 0, not an integer from 1 to 9223372036854775807 or null",
        ),
        (lambda f: f["plan"].update(split_fractions=[100]), "is [100], not an array of 3"),
        (lambda f: f.update(format_version="1"), "format_version is '1', not an integer"),
        (lambda f: f["features"].update(x=deep(400)), "is nested too deeply"),
    ],
)
def test_an_inconsistent_manifest_is_refused_when_it_is_opened(folder, fields, change, message):
    change(fields)
    write(folder, fields)
    assert message in error_of(folder)


def test_a_key_that_occurs_twice_is_refused(folder):
    path = folder / "dataset.json"
    path.write_text(path.read_text().replace('"label": 0', '"label": 0, "label": 1'))
    with pytest.raises(DatasetError, match="has the key 'label' twice"):
        load_manifest(folder)


def test_a_number_of_very_many_digits_is_one_clear_line(folder):
    path = folder / "dataset.json"
    path.write_text(path.read_text().replace('"label": 0', f'"label": {"1" * 5000}'))
    with pytest.raises(DatasetError) as raised:
        load_manifest(folder)
    assert str(raised.value) == (
        f"{path} cannot be read (it has a number of 5000 digits); build the dataset again."
    )


def test_unknown_features_of_a_record_are_ignored(folder, fields):
    before = load_manifest(folder)
    fields["record"]["features"]["added_later"] = {"dtype": "float32", "shape": [4]}
    del fields["record"]["features"]["image"]
    write(folder, fields)
    assert load_manifest(folder) == before


def test_a_large_manifest_is_opened_in_milliseconds(folder, fields):
    """1,251 people with 18 videos each, and 1,000 shards: 55 ms of CPU time on one core."""
    people, splits = fields["people"], fields["splits"]
    (shard, *_), person = splits["train"]["shards"], people["Person_0"]
    names = [f"Person_{i}" for i in range(1251)]
    videos = [f"v{i:010d}" for i in range(18)]
    for split in splits:
        number = {"train": 998, "validation": 1, "test": 1}[split]
        shards = [{**shard, "file": f"{split}-{i}", "records": 1251} for i in range(number)]
        for each in shards:
            each["bytes"] = 1251 * shard["bytes"]
        splits[split] = {
            "pairs": 1251 * number,
            "sessions": dict.fromkeys(names, videos),
            "shards": shards,
        }
    pairs = {"train": 998, "validation": 1, "test": 1}
    fields["people"] = {
        name: {**person, "label": i, "pairs": pairs} for i, name in enumerate(names)
    }
    write(folder, fields)
    started = time.process_time()
    assert len(load_manifest(folder, check_shards=False).shards) == 1000
    assert time.process_time() - started < 1


@pytest.fixture(scope="module")
def opened():
    """Paths of the files that Python opens; a hook cannot be removed, so it is switched off."""
    paths, is_on = [], [True]

    def hook(event, args):
        if event == "open" and is_on:
            paths.append(args[0])

    sys.addaudithook(hook)
    yield paths
    is_on.clear()


@pytest.mark.usefixtures("no_figures")
def test_commands_read_the_manifest_at_the_start_and_compare_it_at_the_end(
    folder, opened, tmp_path, capsys
):
    untrained_run("linear_image", folder, tmp_path / "run")
    data, run = f"--data={folder}", f"--run={tmp_path / 'run'}"
    training = ["--model=linear_image", "--epochs=1", f"--output={tmp_path / 'new'}"]
    for command, flags, reads in [
        (verify.main, [folder], 2),
        (inspect.main, [folder], 1),
        (inspect.main, [folder, "--index=0"], 2),
        (evaluate.main, [run, data], 2),
        (train.main, [*training, data], 2),
    ]:
        opened.clear()
        assert command([str(flag) for flag in flags]) == 0
        manifests = [path for path in opened if str(path) == str(folder / "dataset.json")]
        assert len(manifests) == reads, command.__module__
