"""Tests of reading and writing galleries: atomic changes, locks, damaged and hostile files."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest

from facevoice.encoders.base import EncoderError
from facevoice.gallery.gallery import AUDIO, IMAGE, Gallery, GalleryError
from facevoice.gallery.serialization import INDEX_NAME
from facevoice.gallery.store import change_gallery, read_gallery
from tests.facevoice.gallery.galleries import ENCODERS, random_gallery, random_samples


@pytest.fixture
def folder(tmp_path):
    """A gallery of four people."""
    made = tmp_path / "gallery"
    change_gallery(made, lambda _: random_gallery(), create=True)
    return made


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def embeddings_file(folder):
    (path,) = folder.glob("embeddings-*.npz")
    return path


def rewrite(folder, change, arrays=None):
    """Changes gallery.json, and the embeddings with a digest that agrees."""
    index = json.loads((folder / INDEX_NAME).read_text())
    if arrays is not None:
        embeddings_file(folder).write_bytes(arrays)
        index["embeddings"]["sha256"] = hashlib.sha256(arrays).hexdigest()
    change(index)
    (folder / INDEX_NAME).write_text(json.dumps(index))


def test_a_gallery_is_read_as_it_was_written(folder):
    written, found = random_gallery(), read_gallery(folder)
    assert found.people == {f"person {i:05}": {"audio": 3, "image": 3} for i in range(4)}
    for modality in (IMAGE, AUDIO):
        expected, samples = written.samples[modality], found.samples[modality]
        assert (samples.encoder, samples.names, samples.sources) == (
            expected.encoder,
            expected.names,
            expected.sources,
        )
        np.testing.assert_array_equal(samples.embeddings, expected.embeddings)


def test_the_files_are_documented_formats_that_only_the_owner_can_read(folder):
    assert sorted(content(folder)) == sorted([embeddings_file(folder).name, INDEX_NAME])
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600, 0o600]
    assert folder.stat().st_mode & 0o777 == 0o700
    arrays = np.load(embeddings_file(folder), allow_pickle=False)
    np.testing.assert_array_equal(arrays["audio"], random_gallery().samples[AUDIO].embeddings)
    index = json.loads((folder / INDEX_NAME).read_text())
    assert index["encoders"]["image"]["digest"] == "a" * 64
    assert len(index["people"]["person 00002"]["image"]) == 3


def test_enrolment_adds_samples_and_skips_media_that_the_person_has(folder):
    more = random_samples({"person 00001": 2, "Zoë": 1}, IMAGE, seed=9)
    changed = change_gallery(folder, lambda gallery: gallery.enroll({IMAGE: more}))
    again = change_gallery(folder, lambda gallery: gallery.enroll({IMAGE: more}))
    assert read_gallery(folder).people == again.people == changed.people
    assert changed.people["person 00001"] == {"image": 5, "audio": 3}
    assert changed.people["Zoë"] == {"image": 1}
    samples = read_gallery(folder).samples[IMAGE]
    row = samples.sources.index(more.sources[1])
    assert samples.names[row] == "person 00001"
    np.testing.assert_array_equal(samples.embeddings[row], more.embeddings[1])


def test_a_forgotten_person_is_in_no_byte(folder):
    before = read_gallery(folder)
    (folder / f"{INDEX_NAME}.{'0' * 32}.tmp").write_bytes((folder / INDEX_NAME).read_bytes())
    (folder / f"embeddings-{'0' * 16}.npz").write_bytes(embeddings_file(folder).read_bytes())
    change_gallery(folder, lambda gallery: gallery.forget("person 00002"))
    everything = b"".join(content(folder).values())
    assert b"person 00002" not in everything
    assert b"person 00001" in everything
    for samples in before.samples.values():
        for name, row, source in zip(
            samples.names, samples.embeddings, samples.sources, strict=True
        ):
            gone = name == "person 00002"
            assert (row.tobytes() in everything) != gone
            assert (source.media.encode() + b'"' in everything) != gone


def test_files_that_a_killed_program_left_go_even_if_the_person_is_unknown(folder):
    (folder / f"embeddings-{'0' * 16}.npz").write_bytes(b"old embeddings")
    with pytest.raises(GalleryError, match="did you mean person 00003"):
        change_gallery(folder, lambda gallery: gallery.forget("person 000033"))
    assert len(content(folder)) == 2


def test_the_last_person_can_be_forgotten(folder):
    for name in read_gallery(folder).people:
        change_gallery(folder, lambda gallery, name=name: gallery.forget(name))
    assert read_gallery(folder).people == {}
    change_gallery(folder, lambda gallery: gallery.enroll(random_gallery().samples))
    assert len(read_gallery(folder).people) == 4


KILLED = """
import os, signal, sys
from pathlib import Path
from facevoice.gallery import store
from tests.facevoice.gallery.galleries import random_gallery

step, calls = int(sys.argv[2]), 0
replace = Path.replace

def replace_or_die(path, target):
    global calls
    calls += 1
    if calls == step:
        os.kill(os.getpid(), signal.SIGKILL)
    result = replace(path, target)
    if calls == step - 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

Path.replace = replace_or_die
new = random_gallery(people=6, seed=5)
store.change_gallery(Path(sys.argv[1]), lambda gallery: new, create=True)
"""


@pytest.mark.parametrize(
    ("step", "people"),
    [(1, 4), (2, 4), (11, 4), (12, 6)],  # before and after each of both files is published
)
def test_a_gallery_killed_during_writing_is_the_old_or_the_new_one(folder, step, people):
    done = subprocess.run([sys.executable, "-c", KILLED, folder, str(step)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(content(folder)) > 2
    assert len(read_gallery(folder).people) == people
    change_gallery(folder, lambda gallery: gallery)
    assert len(content(folder)) == 2
    assert len(read_gallery(folder).people) == people


def test_both_of_two_writers_at_once_are_kept(folder):
    def enroll(seed):
        more = random_samples({f"writer {seed}": 1}, IMAGE, seed=seed)
        change_gallery(folder, lambda gallery: gallery.enroll({IMAGE: more}))

    threads = [threading.Thread(target=enroll, args=(seed,)) for seed in range(10, 18)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert len(read_gallery(folder).people) >= 4
    assert len(read_gallery(folder).people) == 12


def test_a_writer_waits_for_another_one_for_a_bounded_time(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    before = content(folder)
    with pytest.raises(GalleryError, match=r"changing .* for more than 0.1 s; wait for it"):
        change_gallery(folder, lambda gallery: Gallery(), wait_seconds=0.1)
    assert len(read_gallery(folder).people) == 4
    threading.Timer(0.1, os.close, [descriptor]).start()
    change_gallery(folder, lambda gallery: gallery)
    assert content(folder) == before


def test_other_encoders_are_refused_and_nothing_is_written(folder):
    before = content(folder)
    more = random_samples({"Ann": 1}, IMAGE)
    object.__setattr__(more, "encoder", ENCODERS[AUDIO])
    with pytest.raises(EncoderError, match=r"faces 1.0 .* cannot be compared .* voices 2.0"):
        change_gallery(folder, lambda gallery: gallery.enroll({IMAGE: more}))
    assert content(folder) == before


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(GalleryError, match=r"contains photo.jpg, which is not part of a gallery"):
        change_gallery(tmp_path, lambda gallery: gallery, create=True)
    photo = tmp_path / "photo.jpg"
    with pytest.raises(GalleryError, match=rf"^--gallery {photo} is not a directory; choose"):
        change_gallery(photo, lambda gallery: gallery, create=True)
    with pytest.raises(GalleryError, match=rf"^--gallery {photo}/g cannot be created: "):
        change_gallery(photo / "g", lambda gallery: gallery, create=True)
    with pytest.raises(GalleryError, match="is not a gallery"):
        change_gallery(tmp_path / "none", lambda gallery: gallery)
    with pytest.raises(GalleryError, match="is not a gallery"):
        read_gallery(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def set_value(*path):
    *keys, last, value = path

    def change(index):
        for key in keys:
            index = index[key]
        index[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_value("format", "other"), "its format is not"),
        (set_value("format_version", 2), "format_version is 2"),
        (set_value("embeddings", "file", "../x.npz"), "not the name of a file of embeddings"),
        (set_value("embeddings", "sha256", "0"), "another SHA-256"),
        (set_value("encoders", "image", "dimension", 8), r"not float32 \[12, 8\]"),
        (set_value("encoders", "image", "dimension", 10**12), "not float32"),
        (set_value("encoders", "smell", {}), "encoders.smell"),
        (set_value("people", {}), "nobody has samples"),
        (set_value("people", "z\x1b", {}), "the name 'z.*x1b' has a control character"),
        pytest.param(set_value("format_version", 10**400), r"is 1000\d+\.\.\.0+, not 1", id="huge"),
        (set_value("more", 1), "more is not a known field"),
        (set_value("people", "person 00001", {}), "has no samples"),
        (set_value("people", "person 00001", "image", []), "has no samples"),
        (set_value("people", "A", {"image": []}), "not sorted"),
        (
            set_value("people", "person 00001", "image", 0, "media", 3),
            "sample whose values are not texts",
        ),
        (set_value("people", "person 00001", 3), "person 00001 is not an object"),
        (set_value("people", "person 00001", "image", "x"), "samples without"),
        (set_value("people", "person 00001", "image", 0, {"media": "x"}), "samples without"),
        (set_value("people", 3), "people is not an object"),
    ],
)
def test_an_index_that_was_tampered_with_is_one_line(folder, change, message):
    rewrite(folder, change)
    with pytest.raises(GalleryError, match=message) as error:
        read_gallery(folder)
    assert "\n" not in str(error.value)


def arrays(*, compressed=False, **changes):
    """The bytes of a file of embeddings."""
    samples = random_gallery().samples
    found = {modality: each.embeddings for modality, each in samples.items()} | changes
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **found)
    return file.getvalue()


def raw_member(data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("image.npy", data)
        archive.writestr("audio.npy", data)
    return file.getvalue()


HEADER = io.BytesIO()
np.lib.format.write_array_header_1_0(
    HEADER, {"shape": (12, 24), "fortran_order": False, "descr": "<f4"}
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: b"not a zip", "not a zip file"),
        (lambda: arrays(compressed=True), "is compressed"),
        (lambda: arrays(image=np.array([{}], object)), "not float32"),
        (lambda: arrays(image=np.zeros((12, 64), np.float64)), "not float32"),
        (lambda: arrays(image=np.zeros((12, 64), np.float32)), "length is not 1"),
        (lambda: arrays(image=np.full((12, 64), np.nan, np.float32)), "length is not 1"),
        (lambda: arrays(other=np.zeros(3)), "does not have audio.npy, image.npy"),
        (lambda: raw_member(b"garbage"), "magic"),
        (lambda: raw_member(HEADER.getvalue() + b"12"), "another size"),
    ],
)
def test_embeddings_that_were_tampered_with_are_one_line(folder, content, message):
    rewrite(folder, lambda index: None, content())
    with pytest.raises(GalleryError, match=message):
        read_gallery(folder)


def test_missing_and_special_files_are_one_line(folder):
    path = embeddings_file(folder)
    path.unlink()
    with pytest.raises(GalleryError, match="is missing"):
        read_gallery(folder)
    os.mkfifo(path)
    with pytest.raises(GalleryError, match="not a regular file"):
        read_gallery(folder)
    (folder / INDEX_NAME).write_text('{"format": "facevoice-gallery", "format": 1}')
    with pytest.raises(GalleryError, match="twice"):
        read_gallery(folder)
