"""Tests of planning against counts by hand."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from beam_pipelines.corpus.listing import PersonMedia, session_of
from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.plan import shard_index, shard_order
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.planning.splits import Supply, pair_quotas, split_sessions
from tests.references import WINDOW, media, plan, split_counts


def test_ten_equal_videos_are_split_eight_one_one():
    pairs = plan(media({f"v{i}": 5 for i in range(10)}))
    assert split_counts(pairs) == {"train": 40, "validation": 5, "test": 5}
    videos = {(pair.split, pair.session) for pair in pairs}
    assert Counter(split for split, _ in videos) == {"train": 8, "validation": 1, "test": 1}


def test_quotas_are_met_if_there_are_more_pairs_than_needed():
    pairs = plan(media({f"v{i}": 50 for i in range(8)}), pairs_per_person=100)
    assert split_counts(pairs) == {"train": 80, "validation": 10, "test": 10}


def test_one_large_video_goes_to_training():
    for seed in range(20):
        videos = {"large": 200} | {f"v{i}": 5 for i in range(9)}
        pairs = plan(media(videos), seed=seed)
        assert split_counts(pairs) == {"train": 80, "validation": 10, "test": 10}
        assert {p.split for p in pairs if p.session == "large"} == {"train"}


def test_uneven_videos_are_split_as_close_to_the_quotas_as_possible():
    videos = {f"v{i}": count for i, count in enumerate([8, 7, 6, 6, 5, 5, 4, 4, 3, 2])}
    for seed in range(20):
        counts = split_counts(plan(media(videos), seed=seed))
        assert sum(counts.values()) == 50
        assert abs(counts["train"] - 40) <= 4
        assert 1 <= counts["validation"] <= 9
        assert 1 <= counts["test"] <= 9


@pytest.mark.parametrize(
    ("videos", "expected"),
    [
        ({"a": 17, "b": 17, "c": 17}, {"train": 17, "validation": 17, "test": 17}),
        ({"a": 30, "b": 10}, {"train": 30, "validation": 0, "test": 10}),
        ({"a": 30}, {"train": 30, "validation": 0, "test": 0}),
    ],
)
def test_few_videos_go_to_training_then_test_then_validation(videos, expected):
    assert split_counts(plan(media(videos))) == expected


@pytest.mark.parametrize("seed", range(10))
def test_no_video_is_in_two_splits_and_nothing_is_used_twice(seed):
    draw = random.Random(seed)
    faces = {f"v{i}": draw.randint(0, 30) for i in range(12)}
    voices = {f"v{i}": draw.randint(0, 9) for i in range(3, 15)}
    found = media(voices, seconds=7.0, face_videos=faces)
    pairs = plan(found, seed=seed)
    splits = {}
    for pair in pairs:
        for video in (pair.face.session, pair.session):
            assert splits.setdefault(video, pair.split) == pair.split
    assert len({pair.face.path for pair in pairs}) == len(pairs)
    assert len({pair.key for pair in pairs}) == len(pairs)
    assert len({(p.window.clip.path, p.window.start_samples) for p in pairs}) == len(pairs)


def test_pairs_are_of_one_video_if_it_has_both_modalities():
    pairs = plan(media({"a": 4, "b": 4, "c": 4}, face_videos={"a": 4, "b": 4, "c": 4}))
    assert all(pair.face.session == pair.session for pair in pairs)


def test_videos_with_one_modality_are_paired_within_their_split():
    faces = {f"f{i}": 2 for i in range(10)}
    voices = {f"w{i}": 2 for i in range(10)}
    pairs = plan(media(voices, face_videos=faces))
    assert split_counts(pairs) == {"train": 16, "validation": 2, "test": 2}


def test_pairs_are_spread_evenly_over_videos():
    pairs = plan(media({f"v{i}": 40 for i in range(5)}), split_fractions=(100.0, 0.0, 0.0))
    assert set(Counter(pair.session for pair in pairs).values()) == {20}


def test_first_windows_of_all_clips_come_before_second_ones():
    found = media({"a": 4}, seconds=9.5, face_videos={"a": 6})
    pairs = plan(found, split_fractions=(100.0, 0.0, 0.0))
    assert Counter(pair.window.start_samples for pair in pairs) == {0: 4, WINDOW: 2}


def test_the_number_of_windows_depends_on_seconds_and_not_on_the_sample_rate():
    found = media({"a": 1}, seconds=9.5, native_hz=44100, face_videos={"a": 9})
    starts = [p.window.start_samples for p in plan(found, split_fractions=(100.0, 0.0, 0.0))]
    assert starts == [0, WINDOW, 2 * WINDOW]


def test_a_clip_shorter_than_a_window_has_one_window():
    assert len(plan(media({"a": 1}, seconds=1.0))) == 1


def test_the_order_of_a_listing_does_not_matter():
    found = media({f"v{i}": 6 for i in range(7)}, seconds=8.0)
    shuffled = PersonMedia(
        found.person,
        tuple(random.Random(1).sample(found.faces, len(found.faces))),
        tuple(random.Random(2).sample(found.clips, len(found.clips))),
        (),
    )
    assert sorted(p.key for p in plan(found)) == sorted(p.key for p in plan(shuffled))
    assert {p.key: p.split for p in plan(found)} == {p.key: p.split for p in plan(shuffled)}


def test_another_seed_gives_other_pairs():
    found = media({f"v{i}": 6 for i in range(7)})
    assert {p.key: p.split for p in plan(found)} != {p.key: p.split for p in plan(found, seed=1)}


def test_a_random_split_keeps_the_fractions():
    pairs = plan(media({"a": 50, "b": 50}), split_by="pair")
    assert split_counts(pairs) == {"train": 80, "validation": 10, "test": 10}
    assert {p.session for p in pairs if p.split == "train"} == {"a", "b"}


def test_a_shard_has_whole_videos_independent_of_other_people():
    settings = PlanSettings(num_shards=4)
    few = plan(media({f"v{i}": 6 for i in range(7)}))
    many = plan(media({f"v{i}": 6 for i in range(9)}))
    of = {pair.session: shard_index(pair, settings) for pair in few}
    for pair in few + many:
        if pair.session in of:
            assert shard_index(pair, settings) == of[pair.session]


def test_the_order_within_a_shard_depends_on_keys_only():
    pairs = plan(media({f"v{i}": 6 for i in range(3)}))
    assert shard_order(pairs, 0) == shard_order(reversed(pairs), 0)
    assert shard_order(pairs, 0) != shard_order(pairs, 1)


def test_rank_is_blake2b_of_the_joined_key():
    # printf '7\x1fa\x1fb' | b2sum -l 64
    assert f"{rank(7, 'a', 'b'):016x}" == "8fb2f956d2f5f546"
    assert rank(0, "ab", "c") != rank(0, "a", "bc")


@pytest.mark.parametrize(
    ("pairs", "fractions", "expected"),
    [
        (100, (80, 10, 10), (80, 10, 10)),
        (50, (80, 10, 10), (40, 5, 5)),
        (7, (80, 10, 10), (5, 1, 1)),
        (3, (80, 10, 10), (1, 1, 1)),
        (2, (80, 10, 10), (1, 0, 1)),
        (1, (80, 10, 10), (1, 0, 0)),
        (0, (80, 10, 10), (0, 0, 0)),
        (100, (100, 0, 0), (100, 0, 0)),
        (10, (50, 0, 50), (5, 0, 5)),
    ],
)
def test_pair_quotas(pairs, fractions, expected):
    quotas = pair_quotas(pairs, fractions)
    assert tuple(quotas[s] for s in ("train", "validation", "test")) == expected


def test_a_video_that_training_needs_is_skipped():
    supply = {"big": Supply(80, 80), "a": Supply(10, 10), "b": Supply(10, 10)}
    quotas = {"train": 80, "validation": 10, "test": 10}
    split_of = split_sessions(supply, quotas, ["big", "a", "b"])
    assert split_of == {"big": "train", "a": "test", "b": "validation"}


@pytest.mark.parametrize(
    ("path", "session"),
    [
        ("1.6/-abc_DEF123/0000025.jpg", "-abc_DEF123"),
        ("abc/00001.wav", "abc"),
        ("portrait.png", "portrait"),
        ("1.6/portrait.png", "1.6"),
        ("2.0/video/1.png", "video"),
        ("./video//1.png", "video"),  # as keys of a bucket may be
    ],
)
def test_folders_below_an_identity_name_the_video(path, session):
    assert (
        session_of(path, crop_folder=path.partition("/")[0] if path[0] in "12" else "") == session
    )
