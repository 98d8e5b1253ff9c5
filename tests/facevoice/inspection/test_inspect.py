"""Looking inside of a data set: what is said and drawn is what is stored."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest
import soundfile
from PIL import Image

import tfdata
from facevoice.commands import inspect
from facevoice.features import FeatureSettings, read_window
from facevoice.inspection.levels import Levels
from facevoice.inspection.repeats import digest, find_repeats
from facevoice.inspection.survey import BLANK, DARK, FLAT, LIGHT, SILENT, face_faults, voice_faults
from tests.tools import files_of, read_records
from tfdata import load_manifest
from tfdata.manifest import Corpus, Leak, Manifest, Person, Shard, Split
from tfdata.schema import SPLITS, encode_record
from tfdata.tfrecord import frame

SHAPE = (8, 8)


@pytest.fixture
def look(capsys):
    """Runs the command; gives what it said, on standard error if it failed."""

    def run(*flags, code=0):
        try:
            found = inspect.main([str(flag) for flag in flags])
        except SystemExit as error:
            found = error.code
        out, err = capsys.readouterr()
        assert found == code, err
        if code:
            assert err.startswith("error: ")
            assert err.count("\n") == 1
        return err if code else out

    return run


@pytest.fixture(scope="module")
def records(data_set):
    """The records of each split, by TensorFlow's own reader."""
    return {split: list(read_records(data_set, split)) for split in SPLITS}


def array(record, name, *shape):
    return np.frombuffer(record[name], np.uint8).reshape(shape)


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


# What there is.


def test_alone_it_says_what_there_is_and_changes_nothing(look, data_set):
    before = files_of(data_set)
    text = look(data_set)
    manifest = load_manifest(data_set)
    for name, split in manifest.splits.items():
        (row,) = (line.split() for line in text.splitlines() if line.startswith(f"{name} "))
        videos = sum(map(len, split.sessions.values()))
        assert row[1:5] == [str(n) for n in (split.pairs, 3, videos, len(split.shards))]
    for words in ("Person_1", "image_size 16 pixels", "seed 0", "no video and no audio sample"):
        assert words in " ".join(text.split())
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
        said = {line[:14].strip(): line[14:] for line in lines}
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
    assert "The spectrogram of voice.wav is the one that is stored." in text
    assert {path.name for path in out.iterdir()} == {
        *("face.png", "spectrogram.png", "example.png", "voice.wav")
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


def test_audio_that_is_not_the_data_sets_is_noticed(look, data_set, records, tmp_path):
    flags = (data_set, "--index=0", f"--export={tmp_path / 'out'}", f"--audio={tmp_path}")
    assert "--audio wants the folder that the data set was built from" in look(*flags, code=1)
    clip = tmp_path / records["train"][0]["audio_source"].decode()
    clip.parent.mkdir(parents=True)
    clip.write_bytes(b"no sound")
    assert f"{clip} cannot be used: " in look(*flags, code=1)
    samples = np.random.default_rng(12345).normal(0, 0.1, 16000)
    soundfile.write(clip, samples, 16000)
    assert "Warning: the spectrogram of voice.wav is " in look(*flags)


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


def test_augmented_examples_are_those_of_training(look, data_set, tmp_path):
    from facevoice.inspection.augmented import versions
    from facevoice.inspection.examples import example_at

    manifest = load_manifest(data_set)
    example = example_at(data_set, manifest, "train", 2)
    ((image, levels),) = versions(example, 7, [3], manifest.features["floor_db"])
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


def test_an_unknown_person_is_refused_with_the_nearest(look, data_set):
    assert "did you mean Person_2?" in look(data_set, "--person=Persn_2", code=1)
    assert "Nobody is called 'Person'" in look(data_set, "--person=Person", code=1)
    said = look(data_set, "--person=xyz", code=1)
    assert "there are Person_0, Person_1 and Person_2." in said


# Statistics, and what looks wrong.


def test_statistics_are_those_of_the_arrays(look, data_set, records, tmp_path):
    text = look(data_set, "--stats", f"--export={tmp_path}")
    rows = defaultdict(list)
    for line in text.splitlines():
        if line.split() and line.split()[0] in SPLITS:
            rows[line.split()[0]].append(line.split()[1:5])
    for split in SPLITS:
        for name, row in zip(("image", "spectrogram"), rows[split], strict=True):
            values = np.concatenate([array(record, name, -1) for record in records[split]])
            ends = [f"{(values == level).mean():.1%}" for level in (0, 255)]
            assert row == [f"{values.mean():.1f}", f"{values.std():.1f}", *ends]
    assert "Nothing looks wrong" in text
    assert min(pixels(tmp_path / "stats.png").shape[:2]) > 300


def test_levels_are_numpys():
    values = np.random.default_rng(0).integers(3, 200, (50, 40)).astype(np.uint8)
    levels = Levels.of(values[:20]) + Levels.of(values[20:])
    assert levels.mean == pytest.approx(values.mean())
    assert levels.std == pytest.approx(values.std())
    assert (levels.lowest, levels.highest) == (values.min(), values.max())
    assert levels.share(7) == (values == 7).mean()
    assert levels.quantile(0.05) == np.quantile(values, 0.05, method="inverted_cdf")
    assert len(levels.sparkline()) == 32


def test_what_looks_wrong_is_recognised():
    def face(level, spread=0):
        noise = np.random.default_rng(0).normal(level, max(spread, 1e-9), (16, 16, 1))
        return np.broadcast_to(noise.clip(0, 255), (16, 16, 3)).astype(np.uint8)

    assert face_faults(face(0)) == [DARK]
    assert face_faults(face(255)) == [LIGHT]
    assert face_faults(face(128, 1)) == [BLANK]
    red = np.zeros((16, 16, 3), np.uint8) + np.array([200, 40, 40], np.uint8)
    assert face_faults(red) == [BLANK]
    assert face_faults(face(30, 15)) == face_faults(face(128, 40)) == []
    voice = np.zeros((16, 16), np.uint8)
    voice[3, 3] = 255
    assert voice_faults(Levels.of(voice)) == [SILENT]
    assert voice_faults(Levels.of(np.full((16, 16), 200, np.uint8))) == [FLAT]
    assert voice_faults(Levels.of(np.arange(256, dtype=np.uint8))) == []


def test_repeats_are_those_of_a_plain_comparison():
    rng = np.random.default_rng(3)
    for total in (1, 40, 200):
        values = rng.integers(0, 60, total)
        splits = np.sort(rng.integers(0, 3, total)).astype(np.uint8)
        people = rng.integers(0, 2, total)
        digests = b"".join(digest(np.array([value], np.uint8)) for value in values)
        found = {(r.split, r.other): r for r in find_repeats(digests, splits, people)}
        expected = defaultdict(list)
        for i in range(total):
            equal = [j for j in range(total) if values[j] == values[i]]
            for other in range(splits[i]):
                if there := [j for j in equal if splits[j] == other]:
                    expected[splits[i], other].append((i, there[0]))
            if people[i] != people[equal[0]]:
                expected[None, None].append((i, equal[0]))
            first = next(j for j in equal if splits[j] == splits[i])
            if first != i:
                expected[splits[i], splits[i]].append((i, first))
        assert {k: (r.number, list(r.shown)) for k, r in found.items()} == {
            k: (len(places), places[:3]) for k, places in expected.items()
        }
    assert find_repeats(b"", np.zeros(0, np.uint8), np.zeros(0, int)) == []


def write_data_set(folder, contents):
    """A data set of small arrays; `contents`: split to [(person, face, voice)]."""
    folder.mkdir()
    people = sorted({who for rows in contents.values() for who, *_ in rows})
    splits = {}
    for split in SPLITS:
        rows = contents.get(split, [])
        data = b"".join(
            frame(
                encode_record(
                    *(face, voice),
                    identity=who,
                    session="video",
                    key=f"{who} {split} {i}",
                    face_source="face",
                    audio_source="voice",
                    window_start_samples=0,
                )
            )
            for i, (who, face, voice) in enumerate(rows)
        )
        shards = (
            Shard(f"{split}.tfrecord", len(rows), len(data), hashlib.sha256(data).hexdigest()),
        )
        (folder / f"{split}.tfrecord").write_bytes(data)
        splits[split] = Split(len(rows), {who: ["video"] for who, *_ in rows}, shards[: len(rows)])
    pairs = {
        who: {split: sum(who == row[0] for row in contents.get(split, [])) for split in SPLITS}
        for who in people
    }
    manifest = Manifest(
        features={"image_size": 8, "bands": 8, "frames": 8},
        plan={},
        image_shape=(*SHAPE, 3),
        spectrogram_shape=SHAPE,
        people={who: Person(label, {}, pairs[who], 0) for label, who in enumerate(people)},
        splits=splits,
        without_pairs={},
        corpus=Corpus(1, 1, 1, 1.0),
        leakage={split: Leak(0, 0, 0) for split in SPLITS[1:]},
        rejects={},
        software={},
    )
    (folder / "dataset.json").write_text(manifest.to_json())
    return folder


def test_black_faces_silent_voices_and_duplicates_are_named(look, tmp_path):
    rng = np.random.default_rng(0)
    faces = iter(rng.integers(0, 256, (20, *SHAPE, 3), np.uint8))
    voices = iter(rng.integers(0, 256, (20, *SHAPE), np.uint8))
    black, silent = np.zeros((*SHAPE, 3), np.uint8), np.zeros(SHAPE, np.uint8)
    shared_face, shared_voice = next(faces), next(voices)
    contents = {
        "train": [
            ("Ann", shared_face, next(voices)),
            ("Ann", black, next(voices)),
            ("Zoë", next(faces), silent),
            ("Zoë", next(faces), shared_voice),
            ("Zoë", next(faces), shared_voice),
        ],
        "test": [("Ann", next(faces), next(voices)), ("Zoë", shared_face, next(voices))],
    }
    text = look(write_data_set(tmp_path / "set", contents), "--stats")
    wrong = text[text.index("What looks wrong:") :].splitlines()
    assert wrong[1:] == [
        "- 1 face is nearly black (mean luminance below 12 of 255):",
        "    train 1  Ann train 1",
        "- 1 voice is nearly silent (more than 95% at the floor):",
        "    train 2  Zoë train 2",
        "- LEAK: 1 test face is in train, too, to the last pixel:",
        "    test 1  Zoë test 1",
        "      = train 0  Ann train 0",
        "- 1 face equals one of another person:",
        "    test 1  Zoë test 1",
        "      = train 0  Ann train 0",
        "- 1 train voice repeats an earlier one of train:",
        "    train 4  Zoë train 4",
        "      = train 3  Zoë train 3",
    ]


def test_only_the_first_of_many_faults_are_named(look, tmp_path):
    black = np.zeros((*SHAPE, 3), np.uint8)
    voices = np.random.default_rng(0).integers(0, 256, (10, *SHAPE), np.uint8)
    rows = [("Ann", black, voice) for voice in voices]
    text = look(write_data_set(tmp_path / "set", {"train": rows[:5], "test": rows[5:]}), "--stats")
    assert "- 10 faces are nearly black" in text
    assert "- LEAK: 5 test faces are in train, too, to the last pixel:" in text
    assert "- 4 train faces repeat an earlier one of train:" in text
    assert text.count("    and ") == 4
    assert "    and 7 more\n- LEAK" in text
    assert len(text.splitlines()) < 45


# Wrong words and damage.


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--indx=1"], "unknown flag --indx; did you mean --index?"),
        (["--index=-1"], "whole number of 0 or more"),
        (["--split=dev"], "invalid choice: 'dev'"),
        (["--key=a", "--person=b"], "not allowed with"),
        (["--stats", "--split=test"], "--stats covers all splits"),
        (["--stats", "--augment", "--export=x"], "--augment needs one example"),
        (["--augment"], "needs --export DIR"),
        (["--index=0", "--seed=1"], "--seed needs --augment"),
        (["--export=x"], "--export needs one of --key, --index, --person and --stats"),
        (["--index=0", "--audio=x"], "--audio needs one example and --export"),
    ],
)
def test_flags_that_make_no_sense_are_refused(look, data_set, flags, words):
    assert words in look(data_set, *flags, code=2).replace("Unknown", "unknown")


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
    (folder / "dataset.json").write_text(text.replace('"bands": 8', '"bands": 0'))
    shard.write_bytes(whole)
    assert "features make no sense" in look(folder, "--index=0", code=1)
