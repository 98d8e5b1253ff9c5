"""The card of a data set: what it shows, where its pictures come from, and that it is always so."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from beam_pipelines import card as examples_of
from beam_pipelines.card import card_html
from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.settings import PlanSettings
from facevoice.features import FeatureSettings
from facevoice.reports.pictures import colour_map
from tfdata import DatasetError, load_manifest
from tfdata.manifest import Corpus, Leak, Manifest, Person, Shard, Split
from tfdata.schema import SPLITS, encode_record
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


class Page(HTMLParser):
    """The text and the pictures of a page, and whether every element is closed in its turn."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.images, self.open = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.images.append(dict(attributes))
        elif tag not in ("meta", "path", "!doctype"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "path":
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))


def picture(image):
    return Image.open(io.BytesIO(base64.b64decode(image["src"].partition("base64,")[2])))


@pytest.fixture
def twenty(tmp_path):
    """A data set of twenty people on disk, and its manifest."""
    return tmp_path, write_set(tmp_path, manifest_of(names_of(20)))


def test_the_twelve_of_lowest_rank_are_shown_once_each(twenty):
    page = Page(card_html(*twenty))
    lowest = sorted(names_of(20), key=lambda name: rank(0, "card", name))[:12]
    expected = [f"Face of {name.replace('_', ' ')}" for name in sorted(lowest)]
    assert [image["alt"] for image in page.images][::2] == expected
    assert "12 of the people" in page.text


def test_faces_and_spectrograms_are_those_of_one_record_with_the_lowest_band_at_the_bottom(twenty):
    folder, manifest = twenty
    images = Page(card_html(folder, manifest)).images
    for face, voice in zip(images[::2], images[1::2], strict=True):
        name = face["alt"].removeprefix("Face of ").replace(" ", "_")
        pixels, levels = arrays_of(f"{name} train 0")
        np.testing.assert_array_equal(np.asarray(picture(face)), pixels)
        np.testing.assert_array_equal(np.asarray(picture(voice)), levels[::-1])
        colours = np.asarray(picture(voice).convert("RGB"))
        np.testing.assert_array_equal(colours, colour_map()[levels[::-1]])


def test_a_person_is_found_in_whatever_split_has_a_pair(tmp_path):
    manifest = manifest_of(["Ann", "Bob"])
    manifest.people["Bob"].pairs.update(train=0, validation=0, test=1)
    for split in ("train", "validation"):
        del manifest.splits[split].sessions["Bob"]
    manifest = write_set(tmp_path, manifest)
    shown = examples_of.examples(tmp_path, manifest)
    assert [(example.identity, split) for split, example in shown] == [
        ("Ann", "train"),
        ("Bob", "test"),
    ]
    assert shown[1][1].session == "Bob-test"


def test_shards_are_read_only_as_far_as_is_needed(twenty):
    """The first pair of everyone comes before the second of anyone; the rest may be rubbish."""
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
    """Where, too, neither TensorFlow nor Matplotlib is loaded: workers do not have them."""
    folder, manifest = twenty
    html = card_html(folder, manifest)
    assert html == card_html(folder, load_manifest(folder))
    code = (
        "import hashlib, sys; from pathlib import Path\n"
        "from beam_pipelines.card import card_html; from tfdata.manifest import load_manifest\n"
        f"folder = Path({str(folder)!r})\n"
        "html = card_html(folder, load_manifest(folder))\n"
        "assert not {'tensorflow', 'matplotlib', 'apache_beam'} & set(sys.modules)\n"
        "print(hashlib.sha256(html.encode()).hexdigest())"
    )
    other = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    found = subprocess.run([sys.executable, "-c", code], env=other, capture_output=True, check=True)
    assert found.stdout.decode().strip() == hashlib.sha256(html.encode()).hexdigest()
    assert str(folder) not in html


def test_the_page_needs_no_other_file_and_runs_nothing(twenty):
    html = card_html(*twenty)
    assert "<script" not in html
    assert "http" not in html
    assert "url(" not in html
    assert html.count("src=") == html.count('src="data:image/png;base64,') == 24


def test_names_and_facts_cannot_become_elements(tmp_path):
    name = "<img src=x onerror=\"alert(1)\">&amp;_'Zoë'"
    manifest = manifest_of([name], rejects={"<i>odd": 2}, software={"<s>": "<1>"})
    person = Person(0, {"gender": "<u>f", "nationality": "<u>Å"}, PAIRS, missing=2)
    manifest = write_set(tmp_path, dataclasses.replace(manifest, people={name: person}))
    page = Page(card_html(tmp_path, manifest))
    assert len(page.images) == 2
    assert page.text.count(name.replace("_", " ")) == 3  # in the grid, the rows, the missing
    for shown in ("<i>odd", "<s>", "<1>", "<u>f 1", "<u>Å 1"):
        assert shown in page.text


@pytest.mark.parametrize("count", [1, 12, 40, 60])
def test_everyone_has_a_row_with_the_pairs_of_each_split(tmp_path, count):
    manifest = manifest_of(names_of(count))
    html = card_html(tmp_path, manifest)
    page = Page(html)
    for name in manifest.people:
        assert f"{name.replace('_', ' ')} 4 1 1 " in page.text
    assert html.count('aria-label="4 train, 1 validation, 1 test"') == count


def test_of_many_people_those_with_the_fewest_pairs_are_named_and_the_page_stays_small(tmp_path):
    manifest = manifest_of(names_of(6000))
    manifest.people["Person_4321"].pairs.update(train=1, validation=0, test=0)
    html = card_html(tmp_path, manifest)
    assert "Person 4321 1 0 0 " in Page(html).text
    assert "Pairs of 6,000 people: 6 at most, 6 in the middle, 1 at least." in html
    assert len(html) < 60_000  # without pictures, which do not grow with the people


def test_nothing_that_leaks_is_said_in_so_many_words(tmp_path):
    html = card_html(tmp_path, manifest_of(["Ann"]))
    assert "No video and no audio sample of validation or test is in training." in html
    assert "Warning" not in html


def test_what_leaks_is_a_warning_with_its_numbers(tmp_path):
    leaks = {"validation": Leak(40, 0, 0), "test": Leak(80, 60, 20)}
    html = card_html(tmp_path, manifest_of(["Ann"], leakage=leaks))
    page = Page(html)
    assert "Warning: part of test is also in training." in page.text
    assert re.search(r"validation 40 0 0 test 80 60 \(75\.0%\) 20 \(25\.0%\)", page.text)
    assert "No video and no audio sample" not in html


def test_an_empty_split_is_said_to_be_empty(tmp_path):
    pairs = {"train": 4, "validation": 0, "test": 1}
    page = Page(card_html(tmp_path, manifest_of(["Ann"], pairs)))
    assert "No video and no audio sample of test is in training." in page.text
    assert "There are no validation pairs." in page.text
    alone = Page(card_html(tmp_path, manifest_of(["Ann"], {**pairs, "test": 0})))
    assert "Nothing is held back from training." in alone.text
    assert "There are no validation and test pairs." in alone.text


def test_counts_and_durations_add_up(tmp_path):
    page = Page(card_html(tmp_path, write_set(tmp_path, manifest_of(names_of(20)))))
    assert "20 people, 120 pairs of a face and a voice" in page.text
    # people, videos, pairs, pairs times half a second
    assert "train 20 20 80 40 s" in page.text
    assert "all 20 60 120 1 min" in page.text
    assert "60 videos with 180 faces and 140 clips, together 20 min of audio" in page.text
    assert "overlap by" not in page.text


def test_overlapping_windows_are_said_to_overlap(tmp_path):
    manifest = manifest_of(["Ann"])
    manifest.plan["window_overlap"] = 0.25
    assert "Windows of one clip overlap by 25%" in card_html(tmp_path, manifest)


def test_rejects_are_listed_by_number_and_lost_pairs_by_person(tmp_path):
    assert "No media file was rejected." in card_html(tmp_path, manifest_of(["Ann"]))
    manifest = manifest_of(["Ann", "Bob"], rejects={"blank": 1, "silent": 1200})
    manifest.people["Bob"] = dataclasses.replace(manifest.people["Bob"], missing=3)
    text = Page(card_html(tmp_path, manifest)).text
    assert "1,201 media files could not be used" in text
    assert re.search(r"silent: a clip without sound 1,200 blank: an image of a single .* 1 ", text)
    assert "3 pairs could not be made for want of a spare: Bob (3)." in text


def test_facts_of_the_meta_file_are_counted_where_it_has_them(tmp_path):
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
    assert "Gender: f 2 · not said 1" in text
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
    assert "length of one window of audio, in seconds" in text
