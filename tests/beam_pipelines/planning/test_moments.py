"""Moments of videos: their windows, pairs, spares and splits."""

from __future__ import annotations

from collections import Counter

import pytest

from beam_pipelines.corpus.listing import PersonMedia, Video
from beam_pipelines.corpus.people import Person
from beam_pipelines.planning.leakage import count_leaks
from beam_pipelines.planning.moments import cut_moments
from beam_pipelines.planning.plan import plan_person
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.planning.windows import Grid
from facevoice.features import VideoFacts
from tests.references import media as files_of
from tfdata.schema import SPLITS

GRID = Grid(16000, 16000)
ANN = Person("Ann", "", "", video_folder="Ann")


def video(name, seconds=10.0, audio_start=0.0, pictures=None):
    facts = VideoFacts(48000, audio_start, seconds, *(pictures or (0.0, seconds)))
    return Video(f"Ann/{name}.mp4", name, "1:1", facts)


def starts(*videos, grid=GRID, most=1000):
    return sorted(moment.start_samples for moment in cut_moments(videos, grid, 0, most))


def plan(videos, clips=None, **settings):
    media = PersonMedia(ANN, (), (), (), videos=tuple(videos))
    if clips:
        files = files_of(clips)
        media = PersonMedia(ANN, files.faces, files.clips, (), videos=tuple(videos))
    return plan_person(media, PlanSettings(pairing="moment", **settings), GRID)


def test_windows_are_cut_from_the_beginning_of_the_sound():
    assert starts(video("a", 3.9)) == [0, 16000, 32000]
    assert starts(video("a", 3.9, audio_start=1.5)) == [24000, 40000]
    assert starts(video("a", 3.0), grid=Grid(16000, 16000, 0.5)) == [0, 8000, 16000, 24000, 32000]


def test_a_sound_that_is_shorter_than_a_window_has_one():
    assert starts(video("a", 0.8)) == [0]


def test_there_are_pictures_in_the_middle_of_each_window():
    assert starts(video("a", 5.0, pictures=(1.6, 3.4))) == [32000]
    assert starts(video("a", 5.0, pictures=(1.4, 3.6))) == [16000, 32000, 48000]
    assert starts(video("a", 5.0, pictures=(7.0, 9.0))) == []


def test_a_few_moments_of_a_long_video_are_from_all_of_it():
    found = starts(video("a", 3600.0), most=100)
    assert len(found) == 100
    assert found[10] < 1000 * 16000
    assert found[-10] > 2600 * 16000


def test_face_and_window_of_a_pair_are_one_moment_and_so_are_its_spares():
    pairs = plan([video("a"), video("b"), video("c", 5.0)], pairs_per_person=10)
    assert len(pairs) == 10
    used = [pair.window for pair in pairs]
    for pair in pairs:
        assert pair.face is pair.window
        assert pair.spare_faces == pair.spare_windows
        assert pair.key == f"{pair.face.path}|{pair.face.path}@{pair.window.start_samples}"
        used += pair.spare_windows
    assert len(set(used)) == len(used) > 20


def test_pairs_are_spread_over_the_videos():
    videos = [video(name) for name in "abcde"]
    pairs = plan(videos, pairs_per_person=10, split_fractions=(100.0, 0.0, 0.0))
    assert Counter(pair.session for pair in pairs) == dict.fromkeys("abcde", 2)


def test_the_order_of_the_videos_does_not_matter():
    videos = [video(name) for name in "abc"]
    assert plan(videos[::-1]) == plan(videos)


@pytest.mark.parametrize("split_by", ["session", "pair"])
def test_spares_are_of_the_same_split(split_by):
    pairs = plan([video(name, 30.0) for name in "abcde"], split_by=split_by, pairs_per_person=20)
    assert Counter(pair.split for pair in pairs) == {"train": 16, "validation": 2, "test": 2}
    if split_by == "session":
        sessions = {split: set() for split in SPLITS}
        for pair in pairs:
            sessions[pair.split] |= {
                window.session for window in (pair.window, *pair.spare_windows)
            }
        assert sum(map(len, sessions.values())) == len(set.union(*sessions.values()))
        leaks = count_leaks(pairs, GRID.window_samples)
        assert not any(leak.same_video or leak.same_audio for leak in leaks.values())


def test_a_person_with_one_video_has_spares_of_the_same_file():
    pairs = plan([video("a")], pairs_per_person=2)
    assert [len(pair.spare_windows) for pair in pairs] == [4, 4]


def test_images_and_clips_are_paired_with_each_other_beside_moments():
    clips = {"v": 3, "w": 3}
    pairs = plan([video("a", 4.0), video("v", 2.0)], clips)
    assert Counter(pair.is_moment for pair in pairs) == {True: 6, False: 6}
    for pair in pairs:
        assert all(window.is_moment == pair.is_moment for window in pair.spare_windows)
        assert pair.is_moment == (pair.face is pair.window)
    by_session = {}
    for pair in pairs:
        by_session.setdefault(pair.session, set()).add(pair.split)
    assert all(len(splits) == 1 for splits in by_session.values())


def test_a_split_file_assigns_videos_by_their_names():
    utterances = {"a": "train", "b": "test", "c": "validation"}
    person = Person("Ann", "", "", {}, utterances, "Ann")
    media = PersonMedia(person, (), (), (), videos=tuple(video(name) for name in "abc"))
    pairs = plan_person(media, PlanSettings(pairing="moment", split_by="file"), GRID)
    assert {(pair.session, pair.split) for pair in pairs} == set(utterances.items())
    assert len(pairs) == 30
