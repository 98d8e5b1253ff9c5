"""Tests of leakage against counts by hand and by plain loops."""

from __future__ import annotations

import itertools

import pytest

from beam_pipelines.corpus.listing import Clip, MediaFile
from beam_pipelines.messages import leakage_lines
from beam_pipelines.planning.leakage import count_leaks, sum_leaks
from beam_pipelines.planning.plan import Pair
from beam_pipelines.planning.windows import Window
from facevoice.features import AudioFacts
from tests.references import WINDOW, media, plan
from tfdata.manifest import Leak


def pair(split, face_video, clip, start):
    face = MediaFile(f"Ann/{face_video}/{split}{start}.jpg", face_video, "")
    video = clip.split("/")[0]
    return Pair("Ann", split, face, Window(Clip(clip, video, "", AudioFacts(16000, 10**6)), start))


def test_a_hand_counted_case():
    pairs = [
        pair("train", "a", "a/1.wav", 0),
        pair("train", "b", "b/1.wav", 3000),
        pair("validation", "a", "a/1.wav", 999),  # video, and the last sample
        pair("validation", "a", "a/1.wav", 1000),  # video, but just behind it
        pair("validation", "b", "c/1.wav", 0),  # the face's video alone
        pair("validation", "c", "c/1.wav", 500),  # neither
        pair("test", "d", "b/1.wav", 2001),  # the voice's video, and one sample
        pair("test", "d", "b/1.wav", 2000),
    ]
    assert count_leaks(pairs, window_samples=1000) == {
        "validation": Leak(pairs=4, same_video=3, same_audio=1),
        "test": Leak(pairs=2, same_video=2, same_audio=1),
    }


@pytest.mark.parametrize("overlap", [0.0, 0.5])
@pytest.mark.parametrize("pairing", ["session", "identity"])
def test_the_random_split_leaks_what_plain_loops_count(overlap, pairing):
    found = media({f"v{i}": 3 for i in range(8)}, seconds=20.0, face_videos={"v1": 90, "w": 9})
    pairs = plan(found, split_by="pair", pairing=pairing, window_overlap=overlap)
    train = [p for p in pairs if p.split == "train"]
    videos = {p.session for p in train} | {p.face.session for p in train}
    for split, leak in count_leaks(pairs, WINDOW).items():
        here = [p for p in pairs if p.split == split]
        assert leak.pairs == len(here) > 0
        assert leak.same_video == sum(p.session in videos or p.face.session in videos for p in here)
        shared = {
            one.key
            for one, other in itertools.product(here, train)
            if one.window.path == other.window.path
            and range(
                max(one.window.start_samples, other.window.start_samples),
                min(one.window.start_samples, other.window.start_samples) + WINDOW,
            )
        }
        assert leak.same_audio == len(shared)


def test_a_split_by_videos_leaks_nothing():
    leaks = count_leaks(plan(media({f"v{i}": 9 for i in range(9)}, seconds=9.0)), WINDOW)
    assert {(leak.same_video, leak.same_audio) for leak in leaks.values()} == {(0, 0)}


def test_leaks_of_people_are_summed_and_printed():
    one = {"validation": Leak(10, 5, 0), "test": Leak(0, 0, 0)}
    total = sum_leaks([one, one])
    assert total == {"validation": Leak(20, 10, 0), "test": Leak(0, 0, 0)}
    assert leakage_lines(total) == [
        "of 20 validation pairs, 10 (50%) are of a video that is also in training, and 0 (0%) "
        "share audio samples with it"
    ]
    assert leakage_lines(sum_leaks([])) == []
    assert leakage_lines({"test": Leak(3, 0, 0)}) == [
        "no video and no audio sample of test is in training"
    ]


def test_copies_of_training_are_no_absence_of_leakage():
    assert leakage_lines({"test": Leak(4, 0, 0, same_content=3)}) == [
        "of 4 test pairs, 0 (0%) are of a video that is also in training, and 0 (0%) share audio "
        "samples with it; 3 (75%) have a copy of an image or clip of training"
    ]
