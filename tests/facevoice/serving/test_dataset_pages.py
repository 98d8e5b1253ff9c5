"""`facevoice serve --data`: requests to a real server, and its pages in headless Chromium."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
from collections import Counter
from urllib.parse import quote

import numpy as np
import pytest
import soundfile
from PIL import Image

from facevoice.features import read_window
from facevoice.inspection import person_index
from facevoice.inspection.person_index import PersonIndex
from facevoice.random_access import Examples, read
from facevoice.serving.dataset_app import make_dataset_app
from facevoice.serving.dataset_browser import DatasetBrowser
from facevoice.serving.security import Access, host_names
from tests.beam_pipelines.card_datasets import FEATURES, manifest_of, names_of, write_set
from tests.conftest import write_clip
from tests.facevoice.reports.test_pages_in_a_browser import BROKEN, FAINT, LONG, OVERFLOWING
from tests.facevoice.serving.conftest import MARKUP
from tests.facevoice.serving.servers import LIMITS, serve_app
from tests.facevoice.serving.test_page_in_a_browser import unnamed
from tests.tools import files_of
from tfdata.errors import DatasetError
from tfdata.schema import SPLITS

NAMES = [MARKUP, LONG, *names_of(58)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset of 60 people with 6 pairs each, 150 rejected files, and one clip."""
    root = tmp_path_factory.mktemp("browsed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVOICE_CACHE", str(root / "cache"))
        (root / "set").mkdir()
        write_set(root / "set", manifest_of(NAMES))
        lines = [
            {"kind": "face", "path": f"{i}/{MARKUP}.jpg", "reason": reason, "detail": "odd"}
            for i, reason in enumerate(["blank"] * 30 + ["unreadable"] * 120)
        ]
        rejects = "".join(json.dumps(line) + "\n" for line in lines)
        (root / "set" / "rejects.jsonl").write_text(rejects)
        write_clip(root / "clips" / "a.wav", 1, seconds=4)
        (root / "clips" / "a.wav").rename(root / "clips" / "a")  # as the records name it
        yield root


@pytest.fixture(scope="module")
def browser(folder):
    return DatasetBrowser(folder / "set", folder / "clips")


@pytest.fixture(scope="module")
def server(browser):
    access = Access(host_names("127.0.0.1", []))
    with serve_app(make_dataset_app(browser, access, LIMITS), access) as running:
        yield running


def items(page_of, *filters):
    """All items of a list, page by page."""
    first = page_of(1, *filters)
    found = [item for number in range(first.count) for item in page_of(number + 1, *filters).items]
    assert len(found) == first.total
    return found


def test_pairs_are_found_by_person_video_and_split(browser, folder):
    stored = {split: list(read(folder / "set", split)) for split in SPLITS}
    everything = [(split, n) for split in SPLITS for n in range(len(stored[split]))]
    assert items(browser.pairs) == everything
    for identity in (MARKUP, NAMES[7]):
        label = NAMES.index(identity)
        theirs = [(s, n) for s, n in everything if stored[s][n].identity == identity]
        assert len(theirs) == 6
        assert items(browser.pairs, label) == theirs
        assert items(browser.pairs, label, "", "train") == theirs[:4]
        for video in browser.videos(label):
            of_video = [(s, n) for s, n in theirs if stored[s][n].session == video.name]
            assert items(browser.pairs, label, video.name) == of_video
            counts = Counter(split for split, _ in of_video)
            assert video.pairs == {split: counts[split] for split in SPLITS}
        assert items(browser.pairs, label, "no such video") == []
    assert items(browser.pairs, None, "", "test") == [e for e in everything if e[0] == "test"]


def test_people_are_sorted_and_filtered(browser):
    assert [row.label for row in items(browser.people)][:2] == [0, 1]
    names = [row.name.casefold() for row in items(browser.people, "name", True)]
    assert names == sorted(names, reverse=True)
    for sort in ("videos", "train", "pairs", "missing"):
        assert len(items(browser.people, sort)) == 60
    (found,) = items(browser.people, "name", False, "person_0031")
    assert browser.person(found.label) == found
    assert found.pairs == {"train": 4, "validation": 1, "test": 1}
    assert browser.people(99).number == browser.people(1).count == 2  # the last page


def test_people_are_sorted_by_numbers_and_filtered_by_split(data_set, folder):
    browser = DatasetBrowser(data_set)
    rows = items(browser.people, "train")
    assert [row.pairs["train"] for row in rows] == sorted(
        (row.pairs["train"] for row in rows), reverse=True
    )
    for split in SPLITS:
        expected = {row.label for row in rows if row.pairs[split]}
        assert {row.label for row in items(browser.people, "name", False, "", split)} == expected


def test_rejected_media_are_filtered_by_reason(browser):
    assert browser.reasons == {"unreadable": 120, "blank": 30}
    assert [len(items(browser.rejects, reason)) for reason in ("", "blank", "x")] == [150, 30, 0]


def test_a_page_reads_only_its_own_examples(browser, server, monkeypatch):
    """The cost of a page does not grow with the dataset."""
    looked_at = []
    original = Examples.__getitem__
    monkeypatch.setattr(
        Examples, "__getitem__", lambda self, key: looked_at.append(key) or original(self, key)
    )
    for path, count in (("/", 0), ("/rejects", 0), ("/pairs?page=3", 24), ("/pairs?person=7", 6)):
        looked_at.clear()
        assert server.ask("GET", path)[0] == 200
        assert (path, len(looked_at)) == (path, count)


def test_the_index_of_people_is_cached(browser, folder, monkeypatch):
    monkeypatch.setattr(person_index, "build_table", None)  # is not called again
    index = PersonIndex(read(folder / "set", "train"))
    assert len(index.of_person(5)) == 4


def test_a_record_of_an_unknown_video_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEVOICE_CACHE", str(tmp_path / "cache"))
    copy = tmp_path / "copy"
    shutil.copytree(folder / "set", copy)
    manifest = (copy / "dataset.json").read_text()
    (copy / "dataset.json").write_text(manifest.replace('"Person_0003-train"', '"other"'))
    with pytest.raises(DatasetError, match="the video 'Person_0003-train' of 'Person_0003'"):
        DatasetBrowser(copy)


def test_pictures_and_sound_are_those_of_the_example(server, browser, folder):
    before = files_of(folder / "set")
    example = browser.example("validation", 3)
    status, answer, _ = server.ask("GET", "/spectrogram/validation/3.png", raw=True)
    assert (status, answer.getheader("content-type")) == (200, "image/png")
    _, _, content = server.ask("GET", "/face/validation/3.png", raw=True)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), example.image)
    _, answer, content = server.ask("GET", "/audio/validation/3.wav", raw=True)
    assert answer.getheader("content-type") == "audio/wav"
    samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="float32")
    expected = read_window(folder / "clips" / "a", example.window_start_samples, FEATURES)
    assert rate_hz == 16000
    assert np.abs(samples - expected).max() < 2**-15
    assert files_of(folder / "set") == before


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/?page=x", 422, "page is 'x'; use a whole number."),
        ("/?sort=size", 422, "sort is 'size'; use name, videos, train, validation, test"),
        ("/?split=dev", 422, "split is 'dev'; use train, validation or test."),
        ("/pairs?person=60", 404, "There is no person with the label 60."),
        ("/pairs?person=-1", 422, "person is '-1'; use a whole number."),
        ("/rejects?reason=odd", 422, "reason is 'odd'; use unreadable or blank."),
        ("/face/train/240.png", 404, "There is no example 240 in train."),
        ("/face/dev/0.png", 404, "There is no example 0 in dev."),
    ],
)
def test_wrong_addresses_are_one_line(server, path, status, message):
    found, _, answer = server.ask("GET", path)
    assert (found, list(answer)) == (status, ["error"])
    assert answer["error"].startswith(message)
    assert "\n" not in answer["error"]


def test_names_are_escaped_and_pages_need_no_scripts(server):
    for path in ("/", f"/?name={quote(MARKUP)}", "/pairs?person=0", "/rejects?page=2"):
        status, answer, text = server.ask("GET", path)
        assert status == 200
        assert html.escape(MARKUP)[:20] in text or path == "/"
        assert "<img src=x" not in text
        assert "<script" not in text
        assert "style=" not in text
        assert "unsafe" not in answer.getheader("content-security-policy")
    assert server.ask("GET", "/", Host="evil.example")[0] == 403


def test_audio_outside_of_the_corpus_is_not_served(folder):
    example = read(folder / "set", "train")[0]
    for source in ("../set/dataset.json", "/etc/passwd", "missing"):
        changed = type(example)(**{**vars(example), "audio_source": source})
        assert DatasetBrowser(folder / "set", folder / "clips").audio_file(changed) is None


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
@pytest.mark.parametrize("path", ["", "pairs?page=2", "pairs?person=1", "rejects?reason=blank"])
def test_pages_fit_and_are_legible(page, server, path, width, dark):
    page.open(f"{server.url}{path}", width, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate(BROKEN) == []
    assert page.evaluate(FAINT) == []
    assert unnamed(page) == []
    assert page.errors == []
    assert all(url.startswith(server.url) for url in page.requests)


def test_one_goes_from_a_person_to_a_voice(page, server):
    """By links and forms, as a user does; the voice has the length of a window."""
    page.open(server.url, 1280)
    text = "document.querySelector('h1')?.textContent"
    page.evaluate("document.querySelector('input[name=name]').value = 'person 0007'")
    page.evaluate("document.querySelector('.filters button').click()")
    page.wait_until("document.querySelectorAll('tbody tr').length === 1")
    page.evaluate("document.querySelector('tbody a').click()")
    page.wait_until(f"{text} === 'Person 0007'")
    page.wait_until("[...document.images].every(x => x.complete && x.naturalWidth)")
    assert page.evaluate("document.images.length") == 12
    page.evaluate("document.querySelector('select[name=split]').value = 'test'")
    page.evaluate("document.querySelector('.filters button').click()")
    page.wait_until("document.images.length === 2")
    page.evaluate("document.querySelector('audio').preload = 'auto'")
    page.wait_until("document.querySelector('audio')?.duration > 0")
    seconds = page.evaluate("document.querySelector('audio').duration")
    assert seconds == pytest.approx(FEATURES.window_seconds, abs=0.01)
    assert page.errors == []
    assert re.fullmatch(r".*/pairs\?person=\d+&video=&split=test", page.evaluate("location.href"))
