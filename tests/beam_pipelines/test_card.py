"""The dataset card: contents, selection of examples, and determinism."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from beam_pipelines.card import card_html, select_examples
from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.settings import PlanSettings
from facevoice.features import FeatureSettings
from facevoice.reports.image_encoding import colour_map
from tests.html_pages import Page, check_accessible, check_self_contained, decode_image
from tfdata import DatasetError, load_manifest
from tfdata.schema import SPLITS, Corpus, Leak, Manifest, Person, Shard, Split, encode_record
from tfdata.tfrecord import frame

FEATURES = FeatureSettings(image_size=16, bands=24, frames=32, window_seconds=0.5, fft_size=256)
PLAN = PlanSettings(num_shards=4)
PAIRS = {"train": 4, "validation": 1, "test": 1}


def names_of(count):
    return [f"Person_{i:04d}" for i in range(count)]


def manifest_of(names, pairs=PAIRS, **changes):
    """A manifest of people with one video in each split; without shards."""
    total = {split: len(names) * pairs[split] for split in SPLITS}
    manifest = Manifest(
        features=dataclasses.asdict(FEATURES),
        plan={k: v for k, v in dataclasses.asdict(PLAN).items() if k != "exclude"},
        image_shape=FEATURES.image_shape,
        spectrogram_shape=FEATURES.spectrogram_shape,
        people={name: Person(label, {}, dict(pairs), 0) for label, name in enumerate(names)},
        splits={
            split: Split(total[split], {n: [f"{n}-{split}"] for n in names if pairs[split]}, ())
            for split in SPLITS
        },
        without_pairs={},
        corpus=Corpus(len(names) * 3, len(names) * 9, len(names) * 7, len(names) * 60.0),
        leakage={split: Leak(total[split], 0, 0) for split in SPLITS[1:]},
        rejects={},
        software={"numpy": "1.26.4"},
    )
    return dataclasses.replace(manifest, **changes)


def arrays_of(key):
    draw = np.random.default_rng(int(hashlib.sha256(key.encode()).hexdigest()[:8], 16))
    return draw.integers(0, 256, FEATURES.image_shape, np.uint8), draw.integers(
        0, 256, FEATURES.spectrogram_shape, np.uint8
    )


def write_set(folder, manifest):
    """Writes the records of a manifest where a build puts them; returns it with its shards."""
    splits = {}
    for split, described in manifest.splits.items():
        content = {}
        for i in range(max(person.pairs[split] for person in manifest.people.values())):
            for name, (session,) in described.sessions.items():
                key = f"{name} {split} {i}"
                image, levels = arrays_of(key)
                record = encode_record(
                    image,
                    levels,
                    identity=name,
                    session=session,
                    key=key,
                    face_source="f",
                    audio_source="a",
                    window_start_samples=8000 * i,
                )
                index = rank(PLAN.seed, "shard", name, session) % PLAN.num_shards
                content.setdefault(index, []).append(frame(record))
        shards = []
        for index, frames in sorted(content.items()):
            file = f"{split}-{index:05d}-of-{PLAN.num_shards:05d}-0123456789ab.tfrecord"
            (folder / file).write_bytes(b"".join(frames))
            shards.append(Shard(file, len(frames), sum(map(len, frames)), "0" * 64))
        splits[split] = dataclasses.replace(described, shards=tuple(shards))
    manifest = dataclasses.replace(manifest, splits=splits)
    (folder / "dataset.json").write_text(manifest.to_json(), encoding="utf-8")
    return manifest


@pytest.fixture
def twenty(tmp_path):
    """A dataset of twenty people on disk, and its manifest."""
    return tmp_path, write_set(tmp_path, manifest_of(names_of(20)))


def test_the_twelve_of_lowest_rank_are_shown_once_each(twenty):
    page = Page(card_html(*twenty))
    lowest = sorted(names_of(20), key=lambda name: rank(0, "card", name))[:12]
    expected = [f"Face of {name.replace('_', ' ')}" for name in sorted(lowest)]
    assert [image["alt"] for image in page.images][::2] == expected
    assert "One pair of each of 12 of the people" in page.text


def test_faces_and_spectrograms_are_those_of_one_record_with_the_lowest_band_at_the_bottom(twenty):
    folder, manifest = twenty
    images = Page(card_html(folder, manifest)).images
    for face, voice in zip(images[::2], images[1::2], strict=True):
        name = face["alt"].removeprefix("Face of ").replace(" ", "_")
        pixels, levels = arrays_of(f"{name} train 0")
        np.testing.assert_array_equal(np.asarray(decode_image(face)), pixels)
        np.testing.assert_array_equal(np.asarray(decode_image(voice)), levels[::-1])
        colours = np.asarray(decode_image(voice).convert("RGB"))
        np.testing.assert_array_equal(colours, colour_map()[levels[::-1]])


def test_a_person_is_found_in_whatever_split_has_a_pair(tmp_path):
    manifest = manifest_of(["Ann", "Bob"])
    manifest.people["Bob"].pairs.update(train=0, validation=0, test=1)
    for split in ("train", "validation"):
        del manifest.splits[split].sessions["Bob"]
    manifest = write_set(tmp_path, manifest)
    found = select_examples(tmp_path, manifest)
    assert [(example.identity, split) for split, example in found] == [
        ("Ann", "train"),
        ("Bob", "test"),
    ]
    assert found[1][1].session == "Bob-test"


def test_shards_are_read_only_as_far_as_needed(twenty):
    """The first pair of each person comes before the second of any; the rest may be invalid."""
    folder, manifest = twenty
    before = card_html(folder, manifest)
    for shard in manifest.splits["train"].shards:
        content = (folder / shard.file).read_bytes()
        kept = len(content) // PAIRS["train"]
        (folder / shard.file).write_bytes(content[:kept] + b"\xff" * (len(content) - kept))
    for split in ("validation", "test"):
        for shard in manifest.splits[split].shards:
            (folder / shard.file).unlink()
    assert card_html(folder, manifest) == before


def test_a_damaged_record_is_named_by_its_shard(twenty):
    folder, manifest = twenty
    for shard in manifest.splits["train"].shards:
        (folder / shard.file).write_bytes(b"\xff" * 100)
    with pytest.raises(DatasetError, match=r"train-.* is damaged in record 1"):
        card_html(folder, manifest)


def test_the_page_is_the_same_from_memory_and_disk_and_in_another_process(twenty):
    """Neither TensorFlow nor Matplotlib is loaded there: workers do not have them."""
    folder, manifest = twenty
    html = card_html(folder, manifest)
    assert html == card_html(folder, load_manifest(folder))
    code = (
        "import hashlib, sys; from pathlib import Path\n"
        "from beam_pipelines.card import card_html; from tfdata.schema import load_manifest\n"
        f"folder = Path({str(folder)!r})\n"
        "html = card_html(folder, load_manifest(folder))\n"
        "assert not {'tensorflow', 'matplotlib', 'apache_beam'} & set(sys.modules)\n"
        "print(hashlib.sha256(html.encode()).hexdigest())"
    )
    other = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    found = subprocess.run([sys.executable, "-c", code], env=other, capture_output=True, check=True)
    assert found.stdout.decode().strip() == hashlib.sha256(html.encode()).hexdigest()
    assert str(folder) not in html


def test_the_page_is_accessible_and_self_contained(twenty):
    html = card_html(*twenty)
    check_self_contained(html)
    page = Page(html)
    check_accessible(page)
    assert len(page.images) == 24
    assert page.headings == [
        (1, "20 people, 120 pairs of a face and a voice"),
        (2, "Data leakage"),
        (2, "Examples"),
        (2, "People by split"),
        (2, "Counts and durations"),
        (2, "Rejected media"),
        (2, "Preprocessing"),
        (3, "Face images"),
        (3, "Audio"),
        (3, "Spectrograms"),
        (2, "Selection and splits"),
        (3, "Selection"),
        (3, "Splits and shards"),
        (2, "Software"),
    ]


def test_names_and_attributes_cannot_become_elements(tmp_path):
    name = "<img src=x onerror=\"alert(1)\">&amp;_'Zoë'"
    manifest = manifest_of([name], rejects={"<i>odd": 2}, software={"<s>": "<1>"})
    person = Person(0, {"gender": "<u>f", "nationality": "<u>Å"}, PAIRS, missing=2)
    manifest = write_set(tmp_path, dataclasses.replace(manifest, people={name: person}))
    page = Page(card_html(tmp_path, manifest))
    assert len(page.images) == 2
    assert page.text.count(name.replace("_", " ")) == 3  # in the grid, the rows, the missing
    for shown in ("<i>odd", "<s>", "<1>", "<u>f 1", "<u>Å 1"):
        assert shown in page.text
    for tag in ("i", "s", "u"):
        assert all(found.keys() & {"class", "style"} for found in page.all(tag))


def test_control_characters_in_names_are_escaped(tmp_path):
    name = "<script>\x1b[31m\x00\u202e"
    html = card_html(tmp_path, write_set(tmp_path, manifest_of([name], rejects={"\x1b": 1})))
    assert not {"\x1b", "\x00", "\u202e"} & set(html)
    check_self_contained(html)
    page = Page(html)
    shown = "<script>\\x1b[31m\\x00\\u202e"
    assert page.text.count(shown) == 3  # in the example, its video, and the rows
    assert page.images[0]["alt"] == f"Face of {shown}"
    assert "\\x1b 1" in page.text


@pytest.mark.parametrize("count", [1, 12, 40, 60])
def test_each_person_has_a_row_with_the_pairs_of_each_split(tmp_path, count):
    manifest = manifest_of(names_of(count))
    page = Page(card_html(tmp_path, manifest))
    for name in manifest.people:
        assert f"{name.replace('_', ' ')} 4 1 1 " in page.text
    labels = {"role": "img", "aria-label": "4 train, 1 validation, 1 test"}
    assert len(page.all("span", **labels)) == count


def test_of_many_people_those_with_the_fewest_pairs_are_named_and_the_page_stays_small(tmp_path):
    manifest = manifest_of(names_of(6000))
    manifest.people["Person_4321"].pairs.update(train=1, validation=0, test=0)
    html = card_html(tmp_path, manifest)
    assert "Person 4321 1 0 0 " in Page(html).text
    summary = "Pairs per person, of 6,000 people: maximum 6, median 6, minimum 1."
    assert summary in Page(html).text
    assert Page(html).all("svg", **{"aria-label": summary})
    assert len(html) < 60_000  # without pictures, which do not grow with the people


def test_the_absence_of_leakage_is_stated(tmp_path):
    html = card_html(tmp_path, manifest_of(["Ann"]))
    assert "No video and no audio sample of validation or test is in training." in html
    assert "Warning" not in html


def test_leakage_is_a_warning_with_numbers(tmp_path):
    leaks = {"validation": Leak(40, 0, 0), "test": Leak(80, 60, 20)}
    html = card_html(tmp_path, manifest_of(["Ann"], leakage=leaks))
    page = Page(html)
    assert "Warning: part of test is also in training." in page.text
    assert [" validation", "40", "0", "0"] in page.rows
    assert [" test", "80", "60 (75.0%)", "20 (25.0%)"] in page.rows
    assert "No video and no audio sample" not in html


def test_empty_splits_are_named(tmp_path):
    pairs = {"train": 4, "validation": 0, "test": 1}
    page = Page(card_html(tmp_path, manifest_of(["Ann"], pairs)))
    assert "No video and no audio sample of test is in training." in page.text
    assert "There are no validation pairs." in page.text
    alone = Page(card_html(tmp_path, manifest_of(["Ann"], {**pairs, "test": 0})))
    assert "The dataset has no held-out data." in alone.text
    assert "There are no validation or test pairs." in alone.text


def test_counts_and_durations_add_up(tmp_path):
    page = Page(card_html(tmp_path, write_set(tmp_path, manifest_of(names_of(20)))))
    assert "20 people, 120 pairs of a face and a voice" in page.text
    # people, videos, pairs, pairs times half a second
    rows = {row[0].strip(): row[1:5] for row in page.rows}
    assert rows["train"] == ["20", "20", "80", "40 s"]
    assert rows["all"] == ["20", "60", "120", "1 min"]
    assert "60 videos, 180 face images and 140 clips, with 20 min of audio in total" in page.text
    assert "overlap by" not in page.text


def test_overlapping_windows_are_stated(tmp_path):
    manifest = manifest_of(["Ann"])
    manifest.plan["window_overlap"] = 0.25
    assert "Windows of one clip overlap by 25%" in card_html(tmp_path, manifest)


def test_rejects_are_listed_by_number_and_lost_pairs_by_person(tmp_path):
    assert "No media file was rejected." in card_html(tmp_path, manifest_of(["Ann"]))
    manifest = manifest_of(["Ann", "Bob"], rejects={"blank": 1, "silent": 1200})
    manifest.people["Bob"] = dataclasses.replace(manifest.people["Bob"], missing=3)
    page = Page(card_html(tmp_path, manifest))
    assert "1,201 media files could not be used" in page.text
    (silent,) = (i for i, row in enumerate(page.rows) if row[0].startswith("silent: a clip with"))
    assert page.rows[silent][2] == "1,200"
    assert page.rows[silent + 1][0].startswith("blank: an image of a single")
    assert page.rows[silent + 1][2] == "1"
    missing = "3 pairs are missing because no replacement media were left: Bob (3)."
    assert missing in page.text


def test_attributes_of_the_meta_file_are_counted(tmp_path):
    manifest = manifest_of(names_of(3))
    assert "Gender" not in card_html(tmp_path, manifest)
    people = [
        dataclasses.replace(person, meta=meta)
        for person, meta in zip(
            manifest.people.values(), [{"gender": "f"}, {"gender": "f"}, {}], strict=True
        )
    ]
    manifest = dataclasses.replace(manifest, people=dict(zip(names_of(3), people, strict=True)))
    text = Page(card_html(tmp_path, manifest)).text
    assert "Gender: f 2 · unknown 1" in text
    assert "Nationality" not in text


def test_every_setting_is_shown_with_its_unit(tmp_path):
    manifest = manifest_of(["Ann"])
    manifest.plan["of_tomorrow"] = 5
    text = Page(card_html(tmp_path, manifest)).text
    for name in [*manifest.features, *manifest.plan, "numpy"]:
        assert f" {name} " in text
    for words in ("max_hz 7600 Hz", "floor_db -80 dB", "window_seconds 0.5 s", "persons not set"):
        assert words in text
    assert "split_fractions 80, 10, 10 %" in text
    assert "length of one piece of audio" in text
