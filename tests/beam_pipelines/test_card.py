"""The dataset card: selection of examples, and determinism."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from beam_pipelines.card import card_html, select_examples
from beam_pipelines.corpus.trees import tree_at
from beam_pipelines.planning.hashing import rank
from facevoice.features import FeatureSettings, read_window
from facevoice.inspection.sounds import MAX_PAGE_SECONDS, page_mp3
from facevoice.reports.image_encoding import colour_map
from tests.beam_pipelines.card_datasets import PAIRS, arrays_of, manifest_of, names_of, write_set
from tests.html_pages import Page, check_accessible, check_self_contained, decode_image
from tfdata import DatasetError, load_manifest


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


def test_the_windows_are_played_where_the_clips_are_at_hand(data_set, corpus):
    manifest, trees = load_manifest(data_set), {"clip": tree_at(corpus.audio)}
    html = card_html(data_set, manifest, trees)
    check_self_contained(html)
    assert html == card_html(data_set, manifest, trees)
    silent = card_html(data_set, manifest, trees, with_audio=False)
    assert silent == card_html(data_set, manifest)
    assert Page(silent).sounds == []
    examples = [example for _, example in select_examples(data_set, manifest)]
    settings = FeatureSettings(**manifest.features)
    assert len(Page(html).sounds) == 3
    for mp3, example in zip(Page(html).sounds, examples, strict=True):
        path = corpus.audio / example.audio_source
        window = read_window(path, example.window_start_samples, settings)
        samples, _ = soundfile.read(io.BytesIO(mp3), dtype="float32")
        assert np.corrcoef(samples, window)[0, 1] > 0.5  # of noise, which an MP3 keeps in part


def test_the_sound_of_a_page_is_bounded():
    """A second of noise, of which an MP3 needs the most, has less than 10 KB."""
    noise = np.random.default_rng(1).normal(0, 0.1, 20 * 48_000).astype(np.float32)
    mp3 = page_mp3(noise, 48_000)
    assert soundfile.info(io.BytesIO(mp3)).duration == pytest.approx(MAX_PAGE_SECONDS, abs=0.01)
    assert len(mp3) < 10_000 * MAX_PAGE_SECONDS


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
        "from beam_pipelines.card import card_html\n"
        "from tfdata.manifest_reader import load_manifest\n"
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
