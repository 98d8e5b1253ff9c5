"""The command `inspect`: what it prints and exports is what is stored."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import tfdata
from facevoice.features import FeatureSettings, read_window
from facevoice.inspection import export
from facevoice.inspection.examples import NotFoundError, example_at
from tests.facevoice.inspection.datasets import SHAPE, array, pixels, write_data_set
from tests.html_pages import Page, check_accessible, check_self_contained
from tests.tools import files_of
from tfdata import load_manifest
from tfdata.schema import SPLITS
from tfdata.tfrecord import frame

# Overview.


def test_alone_it_says_what_there_is_and_changes_nothing(look, data_set):
    before = files_of(data_set)
    text = look(data_set)
    manifest = load_manifest(data_set)
    for name, split in manifest.splits.items():
        (row,) = (line.split() for line in text.splitlines() if line.startswith(f"{name} "))
        videos = sum(map(len, split.sessions.values()))
        assert row[1:5] == [str(n) for n in (split.pairs, 3, videos, len(split.shards))]
    for part in ("Person_1", "image_size 16 pixels", "seed 0", "no video and no audio sample"):
        assert part in " ".join(text.split())
    assert files_of(data_set) == before


def test_neither_text_nor_statistics_need_tensorflow_or_matplotlib(data_set):
    program = (
        "import sys\nfrom tfdata import inspect\n"
        f"assert inspect.main([{str(data_set)!r}, '--stats']) == 0\n"
        f"assert inspect.main([{str(data_set)!r}, '--index=0']) == 0\n"
        "assert not {'tensorflow', 'matplotlib'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


# One example.


@pytest.mark.parametrize("split", SPLITS)
def test_an_index_is_the_place_in_stored_order(look, data_set, records, split):
    for index, record in [*enumerate(records[split])][:: max(1, len(records[split]) // 3)]:
        lines = look(data_set, f"--split={split}", f"--index={index}").splitlines()
        said = {line[:16].strip(): line[16:] for line in lines}
        assert lines[0] == record["key"].decode()
        assert said["Person"].startswith(f"{record['identity'].decode()}: label ")
        assert said["Place"].startswith(f"{split} {index}: record ")
        assert said["Video"] == record["session"].decode()
        assert said["Face"] == record["face_source"].decode()
        start = record["window_start_samples"] / 16000
        voice = f"{record['audio_source'].decode()}, {start:.3f} to {start + 0.5:.3f} s"
        assert said["Voice"] == voice
        image = array(record, "image", 16, 16, 3)
        assert said["Face levels"].startswith(f"mean {image.mean():.1f}, std {image.std():.1f}, ")


def test_a_key_or_its_beginning_names_an_example(look, data_set, records):
    key = records["test"][1]["key"].decode()
    text = look(data_set, "--key", key)
    assert "test 1: record " in text
    assert look(data_set, "--key", key.partition("|")[0]) == text
    assert "No key begins with 'Nobody'" in look(data_set, "--key=Nobody", code=1)
    several = look(data_set, "--key=Person_", code=1)
    assert " keys begin with 'Person_', such as Person_" in several
    elsewhere = look(data_set, "--key", key, "--split=train", code=1)
    assert "No key begins with" in elsewhere


def test_pictures_are_exact_and_the_sound_is_the_windows(look, data_set, corpus, records, tmp_path):
    out = tmp_path / "new" / "folder"
    index = next(
        i for i, record in enumerate(records["train"]) if b"00001.wav" in record["audio_source"]
    )
    record = records["train"][index]
    text = look(data_set, f"--index={index}", f"--export={out}", f"--audio={corpus.audio}")
    assert "The spectrogram of voice.wav equals the stored one." in text
    assert {path.name for path in out.iterdir()} == {
        *("face.png", "spectrogram.png", "example.png", "example.html", "voice.wav")
    }
    np.testing.assert_array_equal(pixels(out / "face.png"), array(record, "image", 16, 16, 3))
    levels = array(record, "spectrogram", 16, 8)
    np.testing.assert_array_equal(pixels(out / "spectrogram.png")[::-1], levels)
    assert min(pixels(out / "example.png").shape[:2]) > 300
    samples, rate_hz = soundfile.read(out / "voice.wav", dtype="float32")
    settings = FeatureSettings(**load_manifest(data_set).features)
    clip = corpus.audio / record["audio_source"].decode()
    expected = read_window(clip, record["window_start_samples"], settings)
    np.testing.assert_array_equal(samples, expected)
    assert rate_hz == settings.sample_rate_hz


@pytest.mark.parametrize("source", ["../outside.wav", "/etc/hostname", "a/../../outside.wav"])
def test_a_record_names_no_file_outside_of_the_directory(data_set, tmp_path, source):
    (tmp_path / "outside.wav").touch()
    (tmp_path / "audio" / "a").mkdir(parents=True)
    manifest = load_manifest(data_set)
    example = replace(example_at(data_set, manifest, "train", 0), audio_source=source)
    with pytest.raises(NotFoundError, match="which is not below"):
        export.write_sound(tmp_path, example, manifest, tmp_path / "audio")


def test_audio_that_is_not_the_data_sets_is_noticed(look, data_set, records, tmp_path):
    flags = (data_set, "--index=0", f"--export={tmp_path / 'out'}", f"--audio={tmp_path}")
    assert "--audio must be the directory that the dataset was built from" in look(*flags, code=1)
    clip = tmp_path / records["train"][0]["audio_source"].decode()
    clip.parent.mkdir(parents=True)
    clip.write_bytes(b"no sound")
    assert f"{clip} cannot be used: " in look(*flags, code=1)
    samples = np.random.default_rng(12345).normal(0, 0.1, 16000)
    soundfile.write(clip, samples, 16000)
    assert "Warning: the spectrogram of voice.wav differs " in look(*flags)


def test_without_matplotlib_exact_pictures_are_still_written(look, data_set, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("facevoice.reports.")]:
        if name.endswith("figures"):
            monkeypatch.delitem(sys.modules, name)
    from facevoice import reports

    monkeypatch.delattr(reports, "inspection_figures", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = look(data_set, "--index=0", f"--export={tmp_path}", code=1)
    assert said.startswith("error: matplotlib is missing; drawing figures needs ")
    assert {path.name for path in tmp_path.iterdir()} == {"face.png", "spectrogram.png"}


# Augmentation.


@pytest.mark.slow
def test_augmented_examples_are_those_of_training(look, data_set, tmp_path):
    from facevoice.inspection.augmented import augmented_pairs
    from facevoice.inspection.examples import example_at

    manifest = load_manifest(data_set)
    example = example_at(data_set, manifest, "train", 2)
    ((image, levels),) = augmented_pairs(example, 7, [3], manifest.features["floor_db"])
    options = tfdata.ReadOptions(batch_size=4, augment=True, seed=7, epoch=3)
    inputs, _ = next(iter(tfdata.load(data_set, "train", options=options)))
    np.testing.assert_array_equal(image, inputs["image"][2])
    np.testing.assert_array_equal(levels, inputs["spectrogram"][2, ..., 0])
    text = look(data_set, "--augment", f"--export={tmp_path}")
    assert "train 0: record 1 of " in text
    assert min(pixels(tmp_path / "augmented.png").shape[:2]) > 300


# A person.


def test_a_persons_examples_are_spread_over_videos(look, data_set, records, tmp_path):
    text = look(data_set, "--person=person 1", f"--export={tmp_path}")
    assert text.startswith("Person_1: label 1, id id10001, ")
    assert look(data_set, "--person=id10001").startswith("Person_1: ")
    assert look(data_set, "--person=ID10001").startswith("Person_1: ")
    theirs = {
        f"{split} {index}": (record["key"].decode(), record["session"])
        for split in SPLITS
        for index, record in enumerate(records[split])
        if record["identity"] == b"Person_1"
    }
    split, listed = "", []
    for line in text.splitlines():
        split = next((name for name in SPLITS if line.startswith(f"{name}: ")), split)
        if line.startswith("  "):
            index, key = line.split()
            assert theirs[f"{split} {index}"][0] == key
            listed.append(f"{split} {index}")
    assert len(listed) == len(set(listed)) == min(len(theirs), 8 + 2 + 2)
    assert {theirs[place][1] for place in listed} == {video for _, video in theirs.values()}
    assert min(pixels(tmp_path / "person.png").shape[:2]) > 300
    rows = Page((tmp_path / "person.html").read_text()).rows
    assert [row[0] for row in rows[1:]] == listed


def test_pages_play_the_audio_of_their_spectrograms(look, data_set, corpus, tmp_path):
    flags = (f"--export={tmp_path}", f"--audio={corpus.audio}")
    said = look(data_set, "--person=Person_1", *flags)
    assert said.splitlines()[-1] == f"person.png and person.html are in {tmp_path}."
    look(data_set, "--split=test", "--index=1", *flags)
    manifest = load_manifest(data_set)
    example = example_at(data_set, manifest, "test", 1)
    window = read_window(
        corpus.audio / example.audio_source,
        example.window_start_samples,
        FeatureSettings(**manifest.features),
    )
    check_self_contained((tmp_path / "person.html").read_text())
    of_person = Page((tmp_path / "person.html").read_text())
    check_accessible(of_person)
    assert len(of_person.sounds) == len(of_person.images) / 2 == 10
    (mp3,) = Page((tmp_path / "example.html").read_text()).sounds
    samples, rate_hz = soundfile.read(io.BytesIO(mp3), dtype="float32")
    assert rate_hz == 16000
    assert len(samples) == len(window)
    assert np.corrcoef(samples, window)[0, 1] > 0.5  # of noise, which an MP3 keeps in part


def test_an_unknown_person_is_refused_with_the_nearest(look, data_set):
    assert "did you mean Person_2?" in look(data_set, "--person=Persn_2", code=1)
    assert "The dataset has no person 'Person'" in look(data_set, "--person=Person", code=1)
    said = look(data_set, "--person=xyz", code=1)
    assert "the people are Person_0, Person_1 and Person_2." in said


# Errors.


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--indx=1"], "unknown flag --indx; did you mean --index?"),
        (["--index=-1"], "whole number of 0 or more"),
        (["--split=dev"], "--split is 'dev'; use train, validation or test"),
        (["--key=a", "--person=b"], "--person and --key exclude each other"),
        (["--stats", "--split=test"], "--stats covers all splits"),
        (["--stats", "--augment", "--export=x"], "--augment needs one example"),
        (["--augment"], "needs --export DIR"),
        (["--index=0", "--seed=1"], "--seed needs --augment"),
        (["--export=x"], "--export needs one of --key, --index, --person and --stats"),
        (["--index=0", "--audio=x"], "--audio needs --export and one of --key, --index and"),
    ],
)
def test_flags_that_make_no_sense_are_refused(look, data_set, flags, message):
    assert message in look(data_set, *flags, code=2).replace("Unknown", "unknown")


def test_what_is_not_there_is_said(look, data_set, tmp_path):
    assert "does not exist" in look(tmp_path / "none", code=1)
    pairs = load_manifest(data_set).splits["test"].pairs
    said = look(data_set, "--split=test", f"--index={pairs}", code=1)
    assert f"There is no example {pairs} in test, which has {pairs} pairs" in said
    (tmp_path / "file").touch()
    said = look(data_set, "--index=0", f"--export={tmp_path / 'file'}", code=1)
    assert "cannot be created" in said


def test_a_damaged_or_foreign_shard_is_named(look, tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        ("Ann", rng.integers(0, 256, (*SHAPE, 3), np.uint8), np.zeros(SHAPE, np.uint8))
        for _ in range(2)
    ]
    folder = write_data_set(tmp_path / "set", {"train": rows})
    shard = folder / "train.tfrecord"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-50] + bytes(50))
    assert "train.tfrecord is damaged in record 2" in look(folder, "--stats", code=1)
    half = len(whole) // 2
    strange = frame(bytes(half - 16))
    shard.write_bytes(strange + whole[half:])
    assert "record 1" in look(folder, "--stats", code=1)
    text = (folder / "dataset.json").read_text()
    (folder / "dataset.json").write_text(text.replace('"bands": 8', '"bands": 1'))
    shard.write_bytes(whole)
    assert "invalid preprocessing settings" in look(folder, "--index=0", code=1)
