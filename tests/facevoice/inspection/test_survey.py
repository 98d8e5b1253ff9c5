"""Statistics, faults and duplicates: `inspect --stats`."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from facevoice.inspection.duplicates import digest, find_duplicates
from facevoice.inspection.histogram import Histogram
from facevoice.inspection.survey import BLANK, BRIGHT, DARK, FLAT, SILENT, face_faults, voice_faults
from tests.facevoice.inspection.datasets import SHAPE, array, pixels, write_data_set
from tfdata.schema import SPLITS


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
    assert "No anomalies" in text
    assert min(pixels(tmp_path / "stats.png").shape[:2]) > 300


def test_histograms_agree_with_numpy():
    values = np.random.default_rng(0).integers(3, 200, (50, 40)).astype(np.uint8)
    histogram = Histogram.of(values[:20]) + Histogram.of(values[20:])
    assert histogram.mean == pytest.approx(values.mean())
    assert histogram.std == pytest.approx(values.std())
    assert (histogram.min, histogram.max) == (values.min(), values.max())
    assert histogram.share(7) == (values == 7).mean()
    assert histogram.quantile(0.05) == np.quantile(values, 0.05, method="inverted_cdf")
    assert len(histogram.sparkline()) == 32


def test_faults_are_recognised():
    def face(level, spread=0):
        noise = np.random.default_rng(0).normal(level, max(spread, 1e-9), (16, 16, 1))
        return np.broadcast_to(noise.clip(0, 255), (16, 16, 3)).astype(np.uint8)

    assert face_faults(face(0)) == [DARK]
    assert face_faults(face(255)) == [BRIGHT]
    assert face_faults(face(128, 1)) == [BLANK]
    red = np.zeros((16, 16, 3), np.uint8) + np.array([200, 40, 40], np.uint8)
    assert face_faults(red) == [BLANK]
    assert face_faults(face(30, 15)) == face_faults(face(128, 40)) == []
    voice = np.zeros((16, 16), np.uint8)
    voice[3, 3] = 255
    assert voice_faults(Histogram.of(voice)) == [SILENT]
    assert voice_faults(Histogram.of(np.full((16, 16), 200, np.uint8))) == [FLAT]
    assert voice_faults(Histogram.of(np.arange(256, dtype=np.uint8))) == []


def test_duplicates_are_those_of_a_plain_comparison():
    rng = np.random.default_rng(3)
    for total in (1, 40, 200):
        values = rng.integers(0, 60, total)
        splits = np.sort(rng.integers(0, 3, total)).astype(np.uint8)
        people = rng.integers(0, 2, total)
        digests = b"".join(digest(np.array([value], np.uint8)) for value in values)
        found = {(d.split, d.original_split): d for d in find_duplicates(digests, splits, people)}
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
        assert {k: (d.count, list(d.shown)) for k, d in found.items()} == {
            k: (len(places), places[:3]) for k, places in expected.items()
        }
    assert find_duplicates(b"", np.zeros(0, np.uint8), np.zeros(0, int)) == []


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
    wrong = text[text.index("Anomalies:") :].splitlines()
    assert wrong[1:] == [
        "- 1 face is nearly black (mean luminance below 12 of 255):",
        "    train 1  Ann train 1",
        "- 1 voice is nearly silent (more than 95% at the floor):",
        "    train 2  Zoë train 2",
        "- LEAK: 1 test face is also in train:",
        "    test 1  Zoë test 1",
        "      = train 0  Ann train 0",
        "- 1 face equals one of another person:",
        "    test 1  Zoë test 1",
        "      = train 0  Ann train 0",
        "- 1 train voice duplicates an earlier one of train:",
        "    train 4  Zoë train 4",
        "      = train 3  Zoë train 3",
    ]


def test_control_characters_are_escaped(look, tmp_path):
    name = "Ann\x1b[2J\n"
    black, silent = np.zeros((*SHAPE, 3), np.uint8), np.zeros(SHAPE, np.uint8)
    folder = write_data_set(tmp_path / "set", {"train": [(name, black, silent)] * 2})
    flags = ([], ["--index=0"], ["--person=Ann"], ["--stats"])
    for printed in (look(folder, *each) for each in flags):
        assert "Ann\\x1b[2J\\n" in printed
        assert "\x1b" not in printed
    several = look(folder, "--key=Ann", code=1)
    assert "2 keys begin with 'Ann', such as Ann\\x1b[2J\\n train 0 and" in several


def test_only_the_first_of_many_faults_are_named(look, tmp_path):
    black = np.zeros((*SHAPE, 3), np.uint8)
    voices = np.random.default_rng(0).integers(0, 256, (10, *SHAPE), np.uint8)
    rows = [("Ann", black, voice) for voice in voices]
    text = look(write_data_set(tmp_path / "set", {"train": rows[:5], "test": rows[5:]}), "--stats")
    assert "- 10 faces are nearly black" in text
    assert "- LEAK: 5 test faces are also in train:" in text
    assert "- 4 train faces duplicate an earlier one of train:" in text
    assert text.count("    and ") == 4
    assert "    and 7 more\n- LEAK" in text
    assert len(text.splitlines()) < 45
