"""The corpus of VoxCeleb1's numbers: its counts, its files, and that they are usable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import voxceleb_corpus
from voxceleb_corpus import make_corpus, plan_corpus

from beam_pipelines.corpus.people import find_people
from facevoice.evaluation.trials import read_trials
from facevoice.features import FeatureSettings, probe_audio, read_face, read_window

SCALE = 0.002


@pytest.fixture(scope="module")
def people():
    return plan_corpus(SCALE, seed=0)


@pytest.fixture(scope="module")
def corpus(people, tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("voxceleb") / "corpus", people, 0, processes=1)


def test_the_whole_corpus_has_the_numbers_of_voxceleb1():
    people = plan_corpus(1, seed=0)
    videos = [video for person in people for video in person.videos]
    assert len(people) == 1_251
    assert len(videos) == 22_496 == len({video.name for video in videos})
    assert sum(video.clips for video in videos) == 153_516
    assert sum(video.frames for video in videos) == 22_496 * 53
    assert min(len(person.videos) for person in people) == 8
    assert max(len(person.videos) for person in people) == 36


def test_parts_that_cannot_have_the_sum_are_refused():
    with pytest.raises(ValueError, match="30 cannot be divided into 2 parts of 1 to 9"):
        voxceleb_corpus.uneven_parts(30, 2, 1, 9, voxceleb_corpus.np.random.default_rng(0))


def test_files_are_as_many_as_planned_and_distinct(people, corpus):
    videos = [video for person in people for video in person.videos]
    images = list(corpus.faces.rglob("*.jpg"))
    clips = list(corpus.audio.rglob("*.flac"))
    assert len(images) == sum(video.frames for video in videos)
    assert len(clips) == sum(video.clips for video in videos)
    contents = {file.read_bytes() for file in (*images, *clips)}
    assert len(contents) == len(images) + len(clips)


def test_files_are_usable(corpus):
    settings = FeatureSettings()
    image, clip = (min(tree.rglob("*.*[cg]")) for tree in (corpus.faces, corpus.audio))
    assert read_face(image, settings).std() > 10
    assert probe_audio(clip).samples == 49_600
    assert read_window(clip, 0, settings).std() > 0


def test_the_metadata_joins_the_trees(people, corpus):
    found = find_people(corpus.faces, corpus.audio, corpus.meta)
    assert [person.identity for person in found.people] == [person.name for person in people]


def test_half_of_the_trials_are_of_one_person(corpus):
    trials = read_trials(corpus.trials)
    assert len(trials.same) == 90  # of 37,720, for 3 of 1,251 people
    assert trials.same.sum() == 45
    assert all((corpus.audio / file).is_file() for file in trials.files)
