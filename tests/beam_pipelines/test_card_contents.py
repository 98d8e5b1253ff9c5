"""What the dataset card shows."""

from __future__ import annotations

import dataclasses

import pytest

from beam_pipelines.card import card_html
from tests.beam_pipelines.card_datasets import PAIRS, manifest_of, names_of, write_set
from tests.html_pages import Page, check_self_contained
from tfdata.manifest import Leak, Person


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
    assert len(html) < 60_000  # without images, which do not grow with the people


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
    for part in (
        "max_hz 7600 Hz",
        "floor_db -80 dB",
        "window_seconds 0.5 s",
        "persons not set",
    ):
        assert part in text
    assert "split_fractions 80, 10, 10 %" in text
    assert "length of one window of audio, in seconds" in text
