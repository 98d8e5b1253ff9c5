"""Builds from videos: each pair is what was seen while it was heard."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from PIL import Image

from beam_pipelines.build import main
from beam_pipelines.options import parse
from facevoice.encoders.base import EncoderInfo
from facevoice.encoders.media import embed_frame
from facevoice.features import FeatureSettings, find_video_face, spectrogram
from facevoice.inspection.examples import feature_settings
from facevoice.inspection.originals import read_original
from facevoice.sample_corpus.channels import clip_wav
from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.people import PEOPLE
from tests.conftest import SMALL, write_clip, write_face
from tests.tools import files_of, start_build
from tests.videos import COLOURS, TONES_HZ, colour_at, tone_at, write_video
from tfdata import load_manifest
from tfdata.examples import read_examples

RATE_HZ = 16000
SETTINGS = FeatureSettings(image_size=16, window_seconds=0.5, bands=16, frames=8, fft_size=256)


def write_own_video(path, number, seconds=3.0, **settings):
    """A video whose brightness and phase, and so whose content, differ from all others."""
    shade = np.uint8(3 * number)
    return write_video(
        path,
        seconds,
        picture_at=lambda t: colour_at(t) - shade,
        sound_at=lambda t: tone_at(t) * (1 - number / 50),
        **settings,
    )


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two people with three videos each, in all containers; not to be changed by a test."""
    root = tmp_path_factory.mktemp("videos")
    names = ("a.mp4", "b.mkv", "talk/c.webm", "Gespräch №2.mov", "e.m4v", "late.mkv")
    for number, name in enumerate(names):
        person = ("Ann", "Ben")[number % 2]
        late = {"sound_seconds": (1.2, 3.0)} if name == "late.mkv" else {}
        write_own_video(root / person / name, number, **late)
    return root


@pytest.fixture(scope="module")
def dataset(videos, build, tmp_path_factory):
    output = tmp_path_factory.mktemp("data") / "set"
    assert build(f"--videos={videos}", f"--output={output}") == 0
    return output


def examples(dataset):
    manifest = load_manifest(dataset)
    return list(read_examples(dataset, manifest, manifest.shards))


def second_seen(example):
    pixels = example.image[-2, -2].astype(int)
    return int(np.abs(np.subtract(COLOURS, pixels)).sum(axis=1).argmin())


def second_heard(example):
    """The second whose tone is the loudest band, by spectrograms of the tones."""
    seconds = np.arange(len(TONES_HZ))
    levels = [spectrogram(tone_at(s + np.arange(8000) / RATE_HZ), SETTINGS) for s in seconds]
    distances = [
        np.abs(np.subtract(example.spectrogram, level, dtype=int)).sum() for level in levels
    ]
    return int(np.argmin(distances))


def rejects(dataset):
    lines = (dataset / "rejects.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_face_and_voice_of_each_pair_are_of_the_same_moment(dataset):
    found = examples(dataset)
    assert len(found) >= 30
    for example in found:
        start = example.window_start_samples / RATE_HZ
        assert example.face_source == example.audio_source
        assert start <= example.face_time_seconds < start + 0.5
        assert second_seen(example) == int(example.face_time_seconds)
        if int(start) == int(start + 0.49):
            assert second_heard(example) == second_seen(example) == int(start)


def test_records_name_the_video_the_session_and_the_time(dataset):
    found = examples(dataset)
    assert {example.session for example in found} == {"a", "b", "talk", "Gespräch №2", "e", "late"}
    for example in found:
        source, start = example.face_source, example.window_start_samples
        assert example.key == f"{source}@{example.face_time_seconds:.3f}|{source}@{start}"
    assert len({example.key for example in found}) == len(found)


def test_the_manifest_has_the_settings_and_the_feature_of_videos(dataset):
    fields = json.loads((dataset / "dataset.json").read_text())
    assert fields["features"]["frames_per_second"] == 1.0
    assert fields["plan"]["pairing"] == "moment"
    assert fields["record"]["features"]["face_time_seconds"]["dtype"] == "float32"
    assert fields["corpus"]["video_files"] == 6
    assert "video file" in (dataset / "card.html").read_text()
    assert feature_settings(load_manifest(dataset)).frames_per_second == 1.0


def test_each_video_is_in_one_split_and_nothing_leaks(dataset):
    manifest = load_manifest(dataset)
    for identity in manifest.people:
        sessions = [
            s for split in manifest.splits.values() for s in split.sessions.get(identity, ())
        ]
        assert len(sessions) == len(set(sessions)) == 3
    for leak in manifest.leakage.values():
        assert leak.same_video == leak.same_audio == leak.same_content == 0
    assert manifest.duplicates.within_split == 0


class MeanColour:
    """An encoder of one's own."""

    info = EncoderInfo("mean colour", "1", "0", 3, "image")
    features = FeatureSettings(image_size=32, face_detector="blazeface")

    def __call__(self, image):
        return image.mean(axis=(0, 1))


def test_faces_are_tracked_and_encoded_and_moments_without_speech_rejected(build, tmp_path):
    face = Image.open(io.BytesIO(face_jpeg(PEOPLE[0].face, 0, 0, 0))).resize((120, 120))
    other = Image.open(io.BytesIO(face_jpeg(PEOPLE[1].face, 1, 0, 0))).resize((80, 80))
    picture = Image.new("RGB", (320, 240), (110, 120, 125))
    picture.paste(face, (180, 90))
    picture.paste(other, (10, 10))
    voice = soundfile.read(io.BytesIO(clip_wav(PEOPLE[0].voice, 0, 0, 0)), dtype="float32")[0]
    noise = np.random.default_rng(0).normal(0, 0.02, 2 * RATE_HZ).astype(np.float32)
    sound = np.concatenate([voice[: 2 * RATE_HZ], noise])
    write_video(
        tmp_path / "videos" / "Ann" / "talk.mp4",
        4.0,
        frames_per_second=2,
        picture_at=lambda _: np.asarray(picture),
        sound_at=lambda times: sound[: len(times)],
    )
    flags = [f"--videos={tmp_path / 'videos'}", "--face_detector=blazeface", "--window_seconds=1"]
    flags += ["--voice_activity=silero", f"--face_encoder={__name__}:MeanColour"]
    assert build(*flags, f"--output={tmp_path / 'set'}") == 0
    found = examples(tmp_path / "set")
    assert sorted(example.window_start_samples for example in found) == [0, RATE_HZ]
    settings = feature_settings(load_manifest(tmp_path / "set"))
    for example in found:
        assert example.speech_share >= 0.5
        assert example.face.box[0] > 0.5  # the larger face
        start_seconds = example.window_start_samples / RATE_HZ
        source = tmp_path / "videos" / example.face_source
        face = find_video_face(source, start_seconds, settings)
        np.testing.assert_array_equal(example.image, face.image.pixels)
        np.testing.assert_array_equal(read_original(source, example), face.frame)
        expected = embed_frame(face, f"{__name__}:MeanColour")
        np.testing.assert_array_equal(example.embeddings.image, expected.embedding)
    reasons = {
        reject["detail"].partition(":")[0]: reject["reason"] for reject in rejects(tmp_path / "set")
    }
    assert reasons == dict.fromkeys(["window from 2.000 s", "window from 3.000 s"], "no_speech")
    assert "Original of the face of Ann" in (tmp_path / "set" / "card.html").read_text()


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(dataset, videos, tmp_path):
    corpus = SimpleNamespace(flags=[f"--videos={videos}"])
    flags = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    started = start_build(corpus, tmp_path / "set", *flags)
    assert started.communicate() == (None, "")
    assert started.returncode == 0
    assert files_of(tmp_path / "set") == files_of(dataset)


def test_a_rebuild_keeps_the_shards_and_a_new_video_changes_only_its_own(
    videos, build, tmp_path, capsys
):
    root = tmp_path / "videos"
    for person, name in (("Ann", "a.mp4"), ("Ann", "talk/c.webm"), ("Ben", "b.mkv")):
        (root / person / name).parent.mkdir(parents=True, exist_ok=True)
        (root / person / name).hardlink_to(videos / person / name)
    flags = [f"--videos={root}", f"--output={tmp_path / 'set'}", "--num_shards=9"]
    assert build(*flags) == 0
    shards = len(load_manifest(tmp_path / "set").shards)
    assert build(*flags) == 0
    assert f"nothing is new: {shards} shards were there already" in capsys.readouterr().out
    (root / "Ann" / "a.mp4").unlink()
    write_own_video(root / "Ann" / "a.mp4", 11)
    assert build(*flags) == 0
    assert f"; {shards - 1} of " in capsys.readouterr().out


def test_broken_videos_are_rejected_with_their_reasons(videos, build, tmp_path, capsys):
    root = tmp_path / "videos"
    for name in ("a.mp4", "talk/c.webm"):
        (root / "Ann" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "Ann" / name).hardlink_to(videos / "Ann" / name)
    (root / "Ann" / "empty.mp4").write_bytes(b"")
    (root / "Ann" / "text.mkv").write_text("text")
    (root / "Ann" / "notes.txt").write_text("text")
    (root / "Ann" / "old.avi").write_bytes(b"RIFF")
    write_video(root / "Ann" / "silent.mp4", 1.0, sound_at=None)
    write_video(root / "Ann" / "sound.mp4", 1.0, picture_at=None)
    cut = write_own_video(root / "Ann" / "cut.mkv", 9, key_every=5)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    write_video(root / "Ann" / "quiet.mp4", 1.0, sound_at=np.zeros_like)
    flags = [f"--videos={root}", f"--output={tmp_path / 'set'}", "--max_reject_fraction=0.9"]
    assert build(*flags) == 0
    found = {(each["path"], each["kind"], each["reason"]) for each in rejects(tmp_path / "set")}
    for name, kind, reason in (
        ("empty.mp4", "video", "unreadable"),
        ("text.mkv", "video", "unreadable"),
        ("silent.mp4", "video", "no_audio"),
        ("sound.mp4", "video", "no_video"),
        ("quiet.mp4", "moment", "silent"),
    ):
        assert (f"Ann/{name}", kind, reason) in found
    assert any(path == "Ann/cut.mkv" and kind == "moment" for path, kind, _ in found)
    out = capsys.readouterr()
    assert "media files or moments rejected (" in out.out
    assert "1 .avi (videos of other formats), 1 .txt" in out.out
    assert not out.err
    sources = {example.face_source for example in examples(tmp_path / "set")}
    assert {"Ann/a.mp4", "Ann/talk/c.webm", "Ann/cut.mkv"} == sources
    assert build(*flags, "--dry_run") == 0
    assert "with 4 video files (" in capsys.readouterr().out


def test_videos_and_files_of_the_same_people_become_one_dataset(videos, build, tmp_path):
    for person, number in (("Ann", 1), ("Cem", 3)):
        for item in range(2):
            write_face(tmp_path / "faces" / person / "v" / f"{item}.jpg", number + item)
            write_clip(tmp_path / "audio" / person / "v" / f"{item}.wav", number + item)
    trees = [f"--faces={tmp_path / 'faces'}", f"--audio={tmp_path / 'audio'}"]
    assert build(*trees, f"--videos={videos}", f"--output={tmp_path / 'set'}") == 0
    found = examples(tmp_path / "set")
    of_files = [example for example in found if example.face_time_seconds is None]
    assert {example.identity for example in found} == {"Ann", "Ben", "Cem"}
    assert {example.identity for example in of_files} == {"Ann", "Cem"}
    assert len(of_files) == 4
    assert all(example.face_source.endswith(".jpg") for example in of_files)


def test_copies_of_videos_are_found_and_dropped(videos, build, tmp_path):
    root = tmp_path / "videos"
    for name, source in (("a.mp4", "Ann/a.mp4"), ("copy.mp4", "Ann/a.mp4"), ("b.mkv", "Ben/b.mkv")):
        (root / "Ann").mkdir(parents=True, exist_ok=True)
        (root / "Ann" / name).write_bytes((videos / source).read_bytes())
    flags = [f"--videos={root}", "--split_fractions=100,0,0"]
    assert build(*flags, f"--output={tmp_path / 'set'}") == 0
    assert load_manifest(tmp_path / "set").duplicates.within_split == 1
    assert build(*flags, f"--output={tmp_path / 'dropped'}", "--duplicates=drop") == 0
    assert load_manifest(tmp_path / "dropped").duplicates.dropped == 1
    assert load_manifest(tmp_path / "dropped").corpus.video_files == 2


def test_the_sound_of_an_example_can_be_exported(dataset, videos, tmp_path, capsys):
    from facevoice.commands.inspect import main as inspect

    flags = [str(dataset), "--index=0", f"--export={tmp_path}", f"--audio={videos}"]
    assert inspect(flags) == 0
    out = capsys.readouterr().out
    assert ", frame at " in out
    assert "The spectrogram of voice.wav equals the stored one." in out


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--pairing=moment"], "--pairing moment"),
        (["--frames_per_second=2"], "--frames_per_second has no effect without --videos"),
        (["--videos=v", "--pairing=identity"], "paired by moments; remove --pairing"),
        (["--videos=v", "--trim_silence_db=30"], "--trim_silence_db would move the sound"),
        (["--videos=v", "--frames_per_second=0"], "--frames_per_second is 0"),
        (["--videos=https://host/videos"], "so mount it or copy it"),
    ],
)
def test_flags_that_contradict_videos_are_one_line(flags, expected, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(flags)
    assert stop.value.code == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert expected in line


def test_videos_are_searched_for_faces_by_default(videos, tmp_path, capsys):
    flags = [flag for flag in SMALL if not flag.startswith("--face_detector")]
    assert main([*flags, f"--videos={videos}", f"--output={tmp_path / 'set'}", "--dry_run"]) == 0
    assert "face detector blazeface (by the corpus" in capsys.readouterr().out


def test_without_pyav_the_error_names_the_extra(videos, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    flags = [*SMALL, f"--videos={videos}", f"--output={tmp_path / 'set'}"]
    assert main(flags) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install -e '.[videos]'" in line
    assert not (tmp_path / "set").exists()


def test_the_output_is_apart_from_the_videos(videos, capsys):
    assert main([*SMALL, f"--videos={videos}", f"--output={videos / 'set'}"]) == 1
    assert "is inside --videos" in capsys.readouterr().err
