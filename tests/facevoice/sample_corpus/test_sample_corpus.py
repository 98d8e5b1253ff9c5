"""The sample corpus: layout, file contents, reproducible bytes, and interrupted runs."""

import csv
import io
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from PIL import Image

from facevoice.sample_corpus import make_sample_corpus, writer
from facevoice.sample_corpus.__main__ import main
from facevoice.sample_corpus.channels import clip_wav
from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.naming import (
    ITEMS_PER_VIDEO,
    VIDEOS_PER_PERSON,
    clip_file,
    face_file,
    video_id,
)
from facevoice.sample_corpus.people import PEOPLE, speaker_id
from facevoice.sample_corpus.voices import clip_seconds
from facevoice.sample_corpus.writer import MARKER, corpus_paths

FEW = PEOPLE[3:5]
"""The people of the corpora that the tests write."""


def face(person: int, video: int, item: int) -> bytes:
    return face_jpeg(PEOPLE[person].face, person, video, item)


def clip(person: int, video: int, item: int) -> bytes:
    return clip_wav(PEOPLE[person].voice, person, video, item)


class InlinePool:
    """Runs jobs in this process, where the tests' patches apply."""

    def __init__(self, *_args, **_options):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    def submit(self, job, *args):
        class Done:
            def result(self):
                return job(*args)

        return Done()


@pytest.fixture
def inline(monkeypatch):
    monkeypatch.setattr(writer, "ProcessPoolExecutor", InlinePool)
    monkeypatch.setattr(writer, "as_completed", lambda jobs: jobs)


@pytest.fixture
def few(monkeypatch, inline):
    monkeypatch.setattr(writer, "PEOPLE", FEW)


@pytest.fixture
def stub_items(monkeypatch, few):
    """Replaces the content of files by one byte, for tests of directories."""
    monkeypatch.setattr(writer, "face_jpeg", lambda *_: b"f")
    monkeypatch.setattr(writer, "clip_wav", lambda *_: b"c")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A corpus of two people with three videos each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "VIDEOS_PER_PERSON", 3)
        patch.setattr(writer, "ProcessPoolExecutor", InlinePool)
        patch.setattr(writer, "as_completed", lambda jobs: jobs)
        patch.setattr(writer, "PEOPLE", FEW)
        return make_sample_corpus(tmp_path_factory.mktemp("corpus") / "sample")


def test_the_layout_is_that_of_voxceleb1(written):
    faces = sorted(p.relative_to(written.faces).as_posix() for p in written.faces.rglob("*.jpg"))
    clips = sorted(p.relative_to(written.audio).as_posix() for p in written.audio.rglob("*.wav"))
    assert len(faces) == len(clips) == len(FEW) * 3 * ITEMS_PER_VIDEO
    for path in faces:
        assert re.fullmatch(r"[^/]+/1\.6/[A-Za-z0-9_-]{11}/\d{7}\.jpg", path)
        assert int(Path(path).stem) % 25 == 0
    for path in clips:
        assert re.fullmatch(r"id9\d{4}/[A-Za-z0-9_-]{11}/\d{5}\.wav", path)
    assert {path.split("/")[2] for path in faces} == {path.split("/")[1] for path in clips}


def test_the_meta_file_is_tab_separated(written):
    header, *rows = csv.reader(written.meta.read_text("utf-8").splitlines(), delimiter="\t")
    assert header == ["VoxCeleb1 ID", "VGGFace1 ID", "Gender", "Nationality", "Set"]
    assert [row[0] for row in rows] == sorted(p.name for p in written.audio.iterdir())
    assert {row[1] for row in rows} == {p.name for p in written.faces.iterdir()}


def test_names_are_distinct_and_have_unusual_characters():
    names = [person.name for person in PEOPLE]
    videos = [video_id(p, v) for p in range(len(PEOPLE)) for v in range(VIDEOS_PER_PERSON)]
    assert len(set(names)) == 12
    assert names != sorted(names), "ids must map to names only through the meta file"
    assert any(name.endswith(".") for name in names)
    assert any("-" in name for name in names)
    assert all(name.isascii() for name in names)
    assert len(set(videos)) == len(videos)
    assert any(video.startswith("-") for video in videos)


def test_faces_are_rgb_and_not_all_square(written):
    sizes = []
    for path in written.faces.rglob("*.jpg"):
        with Image.open(path) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB")
            sizes.append(image.size)
    assert all(min(size) >= 80 and max(size) <= 260 for size in sizes)
    assert all(0.84 <= width / height <= 1.16 for width, height in sizes)
    assert sum(width != height for width, height in sizes) > len(sizes) / 2


def test_clips_are_16_khz_mono_pcm16_of_about_three_seconds(written):
    infos = [sf.info(path) for path in written.audio.rglob("*.wav")]
    assert {(i.samplerate, i.channels, i.subtype) for i in infos} == {(16_000, 1, "PCM_16")}
    assert all(2.59 < i.duration < 3.61 for i in infos)
    seconds = [
        clip_seconds(p, v, i)
        for p in range(len(PEOPLE))
        for v in range(VIDEOS_PER_PERSON)
        for i in range(ITEMS_PER_VIDEO)
    ]
    assert np.mean(seconds) == pytest.approx(3.03, abs=0.01)


def test_clips_are_neither_silent_nor_clipped(written):
    for path in sorted(written.audio.rglob("*.wav"))[::3]:
        sound, _ = sf.read(path)
        assert 0.01 < np.sqrt(np.mean(sound**2)) < 0.3
        assert np.mean(np.abs(sound) > 0.985) < 1e-3


@pytest.mark.slow
def test_bytes_do_not_depend_on_order_or_process(written):
    keys = [(3, 0, 0), (4, 8, 4), (0, 2, 1)]
    first = [(face(*key), clip(*key)) for key in keys]
    reordered = [(face(*key), clip(*key)) for key in reversed(keys)][::-1]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        in_worker = list(zip(pool.map(face_of_key, keys), pool.map(clip_of_key, keys), strict=True))
    assert first == reordered == in_worker
    videos = written.faces / FEW[0].name / "1.6" / video_id(0, 0)
    assert (videos / face_file(0, 0, 0)).read_bytes() == face_jpeg(FEW[0].face, 0, 0, 0)


def face_of_key(key: tuple[int, int, int]) -> bytes:
    return face(*key)


def clip_of_key(key: tuple[int, int, int]) -> bytes:
    return clip(*key)


def test_images_and_clips_of_a_video_differ():
    assert len({face(5, 1, item) for item in range(ITEMS_PER_VIDEO)}) == ITEMS_PER_VIDEO
    assert len({clip(5, 1, item) for item in range(ITEMS_PER_VIDEO)}) == ITEMS_PER_VIDEO


def test_images_of_a_video_are_closer_than_those_of_two_videos():
    def pixels(video: int, item: int) -> np.ndarray:
        image = Image.open(io.BytesIO(face(6, video, item))).convert("RGB").resize((32, 32))
        return np.asarray(image, dtype=np.float64)

    within = [np.abs(pixels(v, 0) - pixels(v, 1)).mean() for v in range(6)]
    between = [np.abs(pixels(v, 0) - pixels(v + 1, 0)).mean() for v in range(6)]
    assert np.mean(within) < 0.7 * np.mean(between)


def test_progress_counts_people(tmp_path, stub_items):
    seen = []
    make_sample_corpus(tmp_path / "made", lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_a_second_call_writes_nothing(tmp_path, stub_items, monkeypatch):
    first = make_sample_corpus(tmp_path / "made")
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "made").rglob("*")}
    monkeypatch.setattr(writer, "write_person", None)
    assert make_sample_corpus(tmp_path / "made") == first
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "made").rglob("*")} == stamps


def test_an_interrupted_run_leaves_no_corpus(tmp_path, stub_items, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writer, "clip_wav", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make_sample_corpus(tmp_path / "made")
    assert not (tmp_path / "made").exists()
    assert not list(tmp_path.rglob(MARKER))
    make_sample_corpus(tmp_path / "made")
    assert [p.name for p in tmp_path.iterdir()] == ["made"], "the staging directory is removed"


def test_an_incomplete_corpus_is_written_again(tmp_path, stub_items):
    corpus = make_sample_corpus(tmp_path / "made")
    lost = corpus.audio / speaker_id(0) / video_id(0, 0) / clip_file(0)
    lost.unlink()
    make_sample_corpus(tmp_path / "made")
    assert lost.exists()


def test_a_corpus_of_another_size_is_replaced(tmp_path, stub_items, monkeypatch):
    make_sample_corpus(tmp_path / "made")
    arguments = ["sample_corpus", str(tmp_path / "made"), "--items_per_video", "2"]
    monkeypatch.setattr(sys, "argv", arguments)
    main()
    clips = list((tmp_path / "made" / "wav").rglob("*.wav"))
    assert len(clips) == len(FEW) * VIDEOS_PER_PERSON * 2
    assert "2 faces and 2 clips a video" in (tmp_path / "made" / MARKER).read_text("utf-8")


def test_a_corpus_of_another_size_needs_its_own_directory(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["sample_corpus", "--items_per_video", "2"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "give a DIR, because builds" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_directory_with_other_content_is_an_error_and_kept(tmp_path, stub_items):
    other = tmp_path / "thesis" / "notes.txt"
    other.parent.mkdir()
    other.write_text("mine")
    with pytest.raises(ValueError, match="is not a sample corpus"):
        make_sample_corpus(other.parent)
    assert other.read_text() == "mine"


def test_the_marker_describes_the_corpus(written):
    text = (written.meta.parent / MARKER).read_text("utf-8")
    assert "No real person" in text
    assert "Apache-2.0" in text
    assert corpus_paths(written.meta.parent) == written


def test_the_command_prints_the_directory_and_has_help(tmp_path, stub_items, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sample_corpus", str(tmp_path / "made")])
    main()
    assert capsys.readouterr().out == f"The sample corpus is in {tmp_path / 'made'}.\n"
    monkeypatch.setattr(sys, "argv", ["sample_corpus", "--help"])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert "(default: data/sample_corpus)" in " ".join(capsys.readouterr().out.split())
