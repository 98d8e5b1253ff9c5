"""Search and thresholds against brute force and independent computations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics.pairwise import cosine_similarity

from facevoice.gallery import thresholds
from facevoice.gallery.gallery import AUDIO, IMAGE, Gallery, GalleryError
from facevoice.gallery.impostors import Impostors, fused
from facevoice.gallery.search import PersonScores, Search, best_matches
from facevoice.gallery.thresholds import calibrate, default_threshold
from tests.facevoice.gallery.galleries import ENCODERS, random_gallery, random_samples

COUNTS = {"Ann": 3, "Bob": 1, "Cy": 5, "Dee": 2}
IMPOSTORS = {"faces": Impostors(0.5, 0.1), "voices": Impostors(0.2, 0.2)}


def brute_force(samples, queries):
    """Returns the mean cosine of each query with the samples of each person, as a dict."""
    cosines = cosine_similarity(queries, samples.embeddings)
    names = np.array(samples.names)
    return {name: cosines[:, names == name].mean(axis=1) for name in sorted(set(samples.names))}


def test_scores_are_mean_cosines():
    samples = random_samples(COUNTS)
    queries = random_samples({"query": 7}, seed=4).embeddings
    scores, expected = PersonScores(samples), brute_force(samples, queries)
    assert scores.names == tuple(expected)
    np.testing.assert_allclose(scores(queries), np.stack([*expected.values()], 1), atol=1e-6)


def test_scores_of_enrolled_samples_leave_themselves_out():
    samples = random_samples(COUNTS)
    scores = PersonScores(samples)
    names = np.array(samples.names)
    own = scores.of_own(samples)
    others = scores.of_others(samples.embeddings, np.arange(len(names)))
    for row, name in enumerate(names):
        rest = (names == name) & (np.arange(len(names)) != row)
        if rest.any():
            cosines = samples.embeddings[rest] @ samples.embeddings[row]
            assert own[row] == pytest.approx(cosines.mean(), abs=1e-6)
        else:
            assert np.isnan(own[row])
        assert np.isnan(others[row, scores.names.index(name)])
        assert np.isfinite(others[row]).sum() == len(COUNTS) - 1


def test_fusion_adds_normalised_scores_and_a_missing_modality_counts_as_the_mean():
    faces = random_samples(COUNTS)
    voices = random_samples({"Ann": 2, "Eve": 3}, AUDIO, seed=1)
    search = Search(
        Gallery({IMAGE: faces, AUDIO: voices}),
        (IMAGE, AUDIO),
        {IMAGE: IMPOSTORS["faces"], AUDIO: IMPOSTORS["voices"]},
    )
    queries = {
        IMAGE: random_samples({"query": 4}, seed=5).embeddings,
        AUDIO: random_samples({"query": 4}, AUDIO, seed=6).embeddings,
    }
    by_face, by_voice = brute_force(faces, queries[IMAGE]), brute_force(voices, queries[AUDIO])
    found = search(queries)
    assert search.names == ("Ann", "Bob", "Cy", "Dee", "Eve")
    for column, name in enumerate(search.names):
        face = (by_face[name] - 0.5) / 0.1 if name in by_face else 0
        voice = (by_voice[name] - 0.2) / 0.2 if name in by_voice else 0
        np.testing.assert_allclose(found[:, column], (face + voice) / np.sqrt(2), atol=1e-5)


def test_best_matches_are_sorted():
    scores = np.array([0.1, 0.9, 0.5, 0.9], np.float32)
    assert [name for name, _ in best_matches(("a", "b", "c", "d"), scores, 3)] == ["b", "d", "c"]


@pytest.mark.parametrize("rate", [0.5, 0.05, 0.02])
def test_the_threshold_of_a_gallery_is_the_quantile_of_its_best_impostor_scores(rate):
    gallery = random_gallery(people=20, count=8)
    search, threshold = calibrate(gallery, (IMAGE,), rate)
    samples = gallery.samples[IMAGE]
    best = []
    scores = brute_force(samples, samples.embeddings)
    for row, name in enumerate(samples.names):
        best.append(max(score[row] for other, score in scores.items() if other != name))
    assert threshold.impostor_scores == 160
    assert (np.array(best) > threshold.value + 1e-6).mean() <= rate
    assert threshold.value == pytest.approx(np.quantile(best, 1 - rate, method="higher"), abs=0.01)
    assert np.sort(best)[::-1][int(rate * 160)] == pytest.approx(threshold.value, abs=1e-6)
    assert "160 impostor scores of 20 people of the gallery" in threshold.source
    assert search.names == tuple(gallery.people)


def test_the_threshold_of_a_fusion_is_set_on_fused_scores():
    gallery = random_gallery(people=12, count=6)
    _, threshold = calibrate(gallery, (IMAGE, AUDIO), 0.1)
    normalised = []
    for modality in (IMAGE, AUDIO):
        samples = gallery.samples[modality]
        names = np.array(samples.names)
        scores = np.stack([*brute_force(samples, samples.embeddings).values()], 1)
        others = names[:, None] != np.unique(names)
        normalised.append((scores - scores[others].mean()) / scores[others].std())
    best = np.where(others, sum(normalised) / np.sqrt(2), -np.inf).max(axis=1)
    assert np.sort(best)[::-1][7] == pytest.approx(threshold.value, abs=1e-4)


@pytest.mark.parametrize(("people", "count", "rate"), [(9, 50, 0.5), (10, 9, 0.03), (3, 1, 0.01)])
def test_a_small_gallery_uses_the_default_of_the_encoder_and_says_so(
    monkeypatch, people, count, rate
):
    monkeypatch.setattr(thresholds, "ENCODER_IMPOSTORS", IMPOSTORS)
    gallery = random_gallery(people=people, count=count)
    _, threshold = calibrate(gallery, (IMAGE,), rate)
    needed = {0.5: 6, 0.03: 100, 0.01: 300}[rate]
    assert threshold.impostor_scores == 0
    assert threshold.source == (
        f"the default of faces, as the gallery has {people * count} impostor scores of {people} "
        f"people, and {needed} of 10 people are needed"
    )
    assert threshold.value == IMPOSTORS["faces"].exceeded_with(rate, people)


def test_the_default_threshold_agrees_with_a_simulation():
    distances = np.random.default_rng(0).gamma(16, 0.5 / 16, (200_000, 3))
    scores = 1 - distances
    for name, drawn in (("one", scores[:, 0]), ("best of 3", scores.max(axis=1))):
        impostors = Impostors(scores.mean(), scores.std())
        threshold = impostors.exceeded_with(0.02, 1 if name == "one" else 3)
        assert (drawn > threshold).mean() == pytest.approx(0.02, abs=0.002)
    shape = (0.5 / impostors.std) ** 2
    expected = 1 - scipy.stats.gamma(shape, scale=impostors.std**2 / 0.5).ppf(0.02)
    assert impostors.exceeded_with(0.02) == pytest.approx(expected, abs=0.003)
    assert Impostors(0.5, 0.1).exceeded_with(1) == -np.inf


def test_the_default_threshold_of_a_fusion_agrees_with_a_simulation():
    random = np.random.default_rng(0)
    face = -(random.gamma(25, 0.155 / 25, 300_000) - 0.155) / (0.155 / 5)
    voice = -(random.gamma(16, 0.45 / 16, 300_000) - 0.45) / (0.45 / 4)
    both = fused([Impostors(0.845, 0.155 / 5), Impostors(0.55, 0.45 / 4)])
    for rate in (0.05, 0.01):
        share = ((face + voice) / np.sqrt(2) > both.exceeded_with(rate)).mean()
        assert share == pytest.approx(rate, rel=0.1)


def test_an_encoder_without_default_has_no_threshold():
    threshold = default_threshold([ENCODERS[IMAGE]], 0.01, 4, "the gallery is small")
    assert threshold.value is None
    assert threshold.source == "faces has no default threshold, and the gallery is small"


def test_a_modality_without_samples_is_one_line():
    with pytest.raises(GalleryError, match="no samples of audio"):
        calibrate(random_gallery(modalities=(IMAGE,)), (IMAGE, AUDIO), 0.01)
