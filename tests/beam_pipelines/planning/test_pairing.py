"""Tests of pairing and spares."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from beam_pipelines.planning.pairing import MAX_SPARES
from beam_pipelines.planning.plan import count_lost_pairs, plan_person
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.planning.windows import Grid
from tests.references import RATE_HZ, WINDOW, media, plan
from tfdata.rejects import Reject

ALL_TRAIN = {"split_fractions": (100.0, 0.0, 0.0)}
WAYS = [
    {},
    {"pairing": "identity"},
    {"split_by": "pair"},
    {"split_by": "pair", "pairing": "identity", "window_overlap": 0.5},
]


def spans(pair):
    windows = (pair.window, *pair.spare_windows)
    return [(window.path, window.start_samples) for window in windows]


@pytest.mark.parametrize("settings", WAYS)
def test_each_medium_is_used_once_in_a_pair_or_as_a_spare(settings):
    found = media({f"v{i}": 4 + i for i in range(9)}, seconds=10.0)
    pairs = plan(found, pairs_per_person=20, **settings)
    assert len(pairs) == 20
    faces = [face.path for pair in pairs for face in (pair.face, *pair.spare_faces)]
    windows = [span for pair in pairs for span in spans(pair)]
    assert len(set(faces)) == len(faces) == sum(4 + i for i in range(9))
    assert len(set(windows)) == len(windows)


def test_spares_are_of_the_same_split():
    pairs = plan(media({f"v{i}": 9 for i in range(10)}, seconds=10.0), pairs_per_person=30)
    split_of = {pair.session: pair.split for pair in pairs}
    for pair in pairs:
        for spare in (*pair.spare_faces, *pair.spare_windows):
            assert split_of[spare.session] == pair.split


def test_spares_of_the_same_video_come_first():
    found = media({"a": 10, "b": 10})
    pairs = plan(found, pairs_per_person=8, **ALL_TRAIN)
    for pair in pairs:
        assert pair.spare_faces[0].session == pair.session
        assert pair.spare_windows[0].session == pair.session


def test_no_window_is_a_spare_for_another_of_the_same_clip():
    found = media({"a": 3, "b": 1}, seconds=60.0, face_videos={"a": 4, "b": 4})
    pairs = plan(found, pairs_per_person=6, **ALL_TRAIN)
    assert any(pair.spare_windows for pair in pairs)
    for pair in pairs:
        assert pair.window.path not in {spare.path for spare in pair.spare_windows}


def test_no_pair_has_more_than_the_maximum_of_spares():
    pairs = plan(media({"a": 300}), pairs_per_person=2, **ALL_TRAIN)
    assert [len(pair.spare_faces) for pair in pairs] == [MAX_SPARES, MAX_SPARES]


def test_pairing_by_identity_takes_all_videos_evenly_and_mixes_them():
    pairs = plan(media({f"v{i}": 20 for i in range(5)}), pairing="identity", **ALL_TRAIN)
    assert set(Counter(pair.face.session for pair in pairs).values()) == {20}
    assert set(Counter(pair.session for pair in pairs).values()) == {20}
    assert sum(pair.face.session != pair.session for pair in pairs) > 50


def test_pairing_by_identity_stays_within_a_split():
    pairs = plan(media({f"v{i}": 6 for i in range(10)}), pairing="identity")
    splits = {}
    for pair in pairs:
        for video in (pair.face.session, pair.session):
            assert splits.setdefault(video, pair.split) == pair.split


@pytest.mark.parametrize("pairing", ["session", "identity"])
def test_second_windows_come_after_the_first_windows_of_all_clips(pairing):
    found = media({"a": 1, "b": 9}, seconds=30.0, face_videos={"a": 9, "b": 9})
    pairs = plan(found, pairing=pairing, pairs_per_person=10, **ALL_TRAIN)
    assert Counter(pair.window.path for pair in pairs).most_common(1)[0][1] == 1
    assert {pair.window.start_samples for pair in pairs} == {0}


@pytest.mark.parametrize(
    ("overlap", "starts"),
    [
        (0.0, [0, WINDOW, 2 * WINDOW]),  # 9.5 s hold three windows of 3 s
        (0.5, [i * WINDOW // 2 for i in range(5)]),  # starts up to 6.5 s, each 1.5 s
        (0.9, [i * WINDOW // 10 for i in range(22)]),  # each 0.3 s
    ],
)
def test_overlapping_windows_are_inside_their_clip(overlap, starts):
    found = media({"a": 1}, seconds=9.5, face_videos={"a": 50})
    pairs = plan(found, window_overlap=overlap, **ALL_TRAIN)
    assert [pair.window.start_samples for pair in pairs] == starts


def test_a_header_that_claims_hours_gives_a_limited_number_of_windows():
    found = media({"a": 2}, seconds=1e7, face_videos={"a": 5})
    pairs = plan(found, pairs_per_person=5, window_overlap=0.99, **ALL_TRAIN)
    assert len(pairs) == 5


@pytest.mark.parametrize("seed", range(30))
def test_lost_pairs_are_those_of_a_corpus_without_broken_headers(seed):
    draw = random.Random(seed)
    whole = media({f"v{i}": draw.randint(1, 9) for i in range(draw.randint(1, 9))})
    broken = draw.sample(whole.clips, min(draw.randint(1, 3), len(whole.clips)))
    damaged = replace(
        whole,
        clips=tuple(clip for clip in whole.clips if clip not in broken),
        rejects=tuple(Reject("clip", clip.path, "unreadable", "") for clip in broken),
    )
    settings = PlanSettings(pairs_per_person=draw.choice([5, 20, 100]))
    grid = Grid(RATE_HZ, WINDOW)
    before, after = (plan_person(found, settings, grid) for found in (whole, damaged))
    assert count_lost_pairs(damaged, after, settings, grid) == max(0, len(before) - len(after))
    assert count_lost_pairs(whole, before, settings, grid) == 0


def test_a_directory_that_cannot_be_listed_is_a_reject_of_its_kind():
    found = media({"a": 6, "b": 6}, face_videos={"a": 6})
    hidden = replace(found, rejects=(Reject("face", "Ann/1.6/b", "unreadable", ""),))
    grid, settings = Grid(RATE_HZ, WINDOW), PlanSettings(split_fractions=(100.0, 0.0, 0.0))
    assert count_lost_pairs(hidden, plan_person(hidden, settings, grid), settings, grid) == 1


def test_no_pair_is_missing_if_a_broken_video_has_spares_in_others():
    pairs = plan(media({f"v{i}": 40 for i in range(15)}), **ALL_TRAIN)
    for pair in pairs:
        assert any(face.session != pair.session for face in pair.spare_faces)
        assert any(window.session != pair.session for window in pair.spare_windows)


def test_windows_of_a_video_without_faces_come_before_second_windows_of_others():
    found = media({"a": 1, "b": 3}, seconds=15.0, face_videos={"a": 5, "c": 3})
    pairs = plan(found, pairs_per_person=4, **ALL_TRAIN)
    assert [pair.window.start_samples for pair in pairs] == [0, 0, 0, 0]
