"""The manifest: other releases' manifests, wrong types, and how often a command reads it."""

from __future__ import annotations

import json
import shutil
import sys
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
HEAD = {"format", "format_version", "record"}


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
    assert "preprocessing_revision" not in fields
    manifest = load_manifest(folder)
    assert manifest.preprocessing_revision == 1
    assert manifest.to_json() == (folder / "dataset.json").read_text()


def test_a_later_revision_is_written_and_read(folder):
    later = replace(load_manifest(folder), preprocessing_revision=2)
    (folder / "dataset.json").write_text(later.to_json())
    assert json.loads(later.to_json())["preprocessing_revision"] == 2
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
        ("corpus", "audio_seconds", float("inf"), "audio_seconds is inf, not a finite number"),
        ("leak", "pairs", [], "leakage.test.pairs is [], not an integer"),
    ],
)
def test_a_field_of_another_type_is_one_clear_line(folder, fields, level, name, value, message):
    LEVELS[level](fields)[name] = value
    write(folder, fields)
    assert message in error_of(folder)


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


def test_commands_read_the_manifest_at_the_start_and_compare_it_at_the_end(
    folder, opened, tmp_path, capsys
):
    untrained_run("cnn_image", folder, tmp_path / "run")
    data, run = f"--data={folder}", f"--run={tmp_path / 'run'}"
    for command, flags, reads in [
        (verify.main, [folder], 2),
        (inspect.main, [folder], 1),
        (inspect.main, [folder, "--index=0"], 2),
        (evaluate.main, [run, data], 2),
        (train.main, ["--model=cnn_image", data, f"--output={tmp_path / 'new'}", "--epochs=1"], 2),
    ]:
        opened.clear()
        assert command([str(flag) for flag in flags]) == 0
        manifests = [path for path in opened if str(path) == str(folder / "dataset.json")]
        assert len(manifests) == reads, command.__module__
