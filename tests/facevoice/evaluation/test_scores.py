"""Score normalisation, calibration and intervals, by plain loops and by other libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from sklearn.metrics import roc_curve

from facevoice.evaluation.error_rate_interval import equal_error_rate_interval
from facevoice.evaluation.score_calibration import cllr, fit_calibration, min_cllr
from facevoice.evaluation.score_normalization import PersonEmbeddings, as_norm
from facevoice.evaluation.scoring import Scorer
from facevoice.evaluation.verification import cosine_scores, verification_metrics


@pytest.fixture
def draw():
    return np.random.default_rng(5)


@pytest.fixture
def trials(draw):
    """Overlapping scores of trials, some of them equal."""
    same = draw.random(600) < 0.3
    return same, np.round(draw.normal(same * 1.5, 1.0), 1)


def people_around_centres(draw, people, count, size=8):
    names = np.repeat([f"person {i}" for i in range(people)], count)
    centres = np.repeat(draw.normal(size=(people, size)), count, axis=0)
    return PersonEmbeddings(centres + draw.normal(size=centres.shape), names)


def cosine(a, b):
    dot = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(float(x) ** 2 for x in a) * sum(float(x) ** 2 for x in b))


@pytest.mark.parametrize("top", [12, 25, 1000])
def test_as_norm_is_recomputed_by_plain_loops(draw, top):
    examples = people_around_centres(draw, 5, 4)
    cohort = people_around_centres(draw, 7, 6)  # persons 0 to 4 are in the trials as well
    first, second = np.triu_indices(20, 1)
    scores = cosine_scores(examples.embeddings, first, second)
    found = as_norm(scores, examples, first, second, cohort, top)
    for trial in range(0, len(first), 7):
        sides = (int(first[trial]), int(second[trial]))
        persons = {str(examples.people[side]) for side in sides}
        score = cosine(*(examples.embeddings[side] for side in sides))
        total = 0.0
        for side in sides:
            others = [
                cosine(examples.embeddings[side], row)
                for row, person in zip(cohort.embeddings, cohort.people, strict=True)
                if str(person) not in persons
            ]
            highest = sorted(others, reverse=True)[:top]
            mean = sum(highest) / len(highest)
            std = math.sqrt(sum((x - mean) ** 2 for x in highest) / len(highest))
            total += (score - mean) / std / 2
        assert found[trial] == pytest.approx(total, rel=1e-4)


def test_as_norm_does_not_depend_on_the_order_of_sides_or_trials(draw):
    examples, cohort = people_around_centres(draw, 4, 5), people_around_centres(draw, 9, 5)
    first, second = np.triu_indices(20, 1)
    scores = cosine_scores(examples.embeddings, first, second)
    found = as_norm(scores, examples, first, second, cohort, 15)
    order = draw.permutation(len(first))
    mirrored = as_norm(scores[order], examples, second[order], first[order], cohort, 15)
    np.testing.assert_allclose(mirrored, found[order])


def test_as_norm_needs_a_cohort_of_other_people(draw):
    examples = people_around_centres(draw, 3, 4)
    first, second = np.triu_indices(12, 1)
    scores = cosine_scores(examples.embeddings, first, second)
    assert as_norm(scores, examples, first, second, people_around_centres(draw, 3, 9)) is None
    assert as_norm(scores, examples, first, second, people_around_centres(draw, 3, 10)) is not None
    unnamed = PersonEmbeddings(examples.embeddings, np.array([""] * 12))
    assert as_norm(scores, unnamed, first, second, people_around_centres(draw, 2, 5)) is not None


def test_the_fusion_of_a_cohort_with_equal_scores_is_finite():
    equal = PersonEmbeddings(np.ones((4, 3)), np.array(["a", "a", "b", "b"]))
    examples = {"face": equal, "voice": equal}
    scores = Scorer(examples, top=0)(examples, np.array([0, 0]), np.array([1, 2]))
    assert np.isfinite(scores.raw).all()


def test_cllr_by_a_plain_loop_and_of_known_cases(trials):
    same, ratios = trials
    targets = [math.log2(1 + math.exp(-r)) for s, r in zip(same, ratios, strict=True) if s]
    others = [math.log2(1 + math.exp(r)) for s, r in zip(same, ratios, strict=True) if not s]
    expected = (sum(targets) / len(targets) + sum(others) / len(others)) / 2
    assert cllr(same, ratios) == pytest.approx(expected)
    assert cllr(same, np.zeros(len(same))) == pytest.approx(1)
    assert cllr(same, np.where(same, np.inf, -np.inf)) == 0.0


def pav_by_hand(same, scores):
    """Pools adjacent violators of trials sorted by score; returns one posterior for each trial."""
    blocks = []
    for score in sorted(set(scores.tolist())):
        of_score = same[scores == score]
        blocks.append([float(of_score.sum()), len(of_score)])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            hits, count = blocks.pop()
            blocks[-1] = [blocks[-1][0] + hits, blocks[-1][1] + count]
    return np.concatenate([np.full(count, hits / count) for hits, count in blocks])


def test_the_minimum_cllr_is_recomputed_by_pooling_adjacent_violators(trials):
    same, scores = trials
    order = np.argsort(scores, kind="stable")
    posterior = pav_by_hand(same, scores)
    prior = same.mean()
    with np.errstate(divide="ignore"):
        ratios = np.log(posterior / (1 - posterior)) - math.log(prior / (1 - prior))
    assert min_cllr(same, scores) == pytest.approx(cllr(same[order], ratios))
    assert min_cllr(same, scores) == pytest.approx(min_cllr(same, np.exp(3 * scores)))
    assert min_cllr(same, np.where(same, 1.0, 0.0)) == 0.0
    assert min_cllr(same, np.zeros(len(same))) == pytest.approx(1.0)


def test_no_calibration_is_better_than_the_minimum(trials):
    same, scores = trials
    lowest = min_cllr(same, scores)
    for slope in (0.2, 0.5, 1, 1.5, 3):
        for intercept in (-2, -1, 0, 1):
            assert cllr(same, slope * scores + intercept) >= lowest - 1e-12


@pytest.mark.parametrize("prior", [0.5, 0.05])
def test_the_calibration_is_the_minimum_of_the_weighted_cross_entropy(trials, prior):
    same, scores = trials
    offset = math.log(prior / (1 - prior))

    def cost(line):
        ratios = line[0] * scores + line[1] + offset
        missed = np.log1p(np.exp(-ratios[same])).mean()
        return prior * missed + (1 - prior) * np.log1p(np.exp(ratios[~same])).mean()

    expected = minimize(cost, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-7}).x
    found = fit_calibration(same, scores, prior)
    assert (found.slope, found.intercept) == pytest.approx(tuple(expected), rel=2e-3, abs=2e-3)
    assert (found.same, found.different) == (same.sum(), (~same).sum())


def test_calibrated_scores_of_normal_distributions_are_their_likelihood_ratios(draw):
    """Of N(1, 1) and N(-1, 1), the log-likelihood ratio of x is 2 x."""
    same = draw.random(60_000) < 0.1
    scores = draw.normal(np.where(same, 1, -1), 1)
    found = fit_calibration(same, scores * 0.01 + 5)
    ratios = found(scores * 0.01 + 5)
    np.testing.assert_allclose(ratios, 2 * scores, atol=0.2)
    assert cllr(same, ratios) == pytest.approx(min_cllr(same, scores), abs=0.01)


def test_scores_that_do_not_overlap_have_a_finite_calibration():
    same = np.array([True] * 5 + [False] * 5)
    found = fit_calibration(same, np.where(same, 0.8, 0.2))
    assert np.isfinite([found.slope, found.intercept]).all()
    assert cllr(same, found(np.where(same, 0.8, 0.2))) < 0.01


def test_a_calibration_needs_both_kinds_of_trials_and_different_scores():
    same = np.array([True, True, False])
    assert fit_calibration(same[:2], np.array([0.1, 0.2])) is None
    assert fit_calibration(same, np.zeros(3)) is None


def test_the_equal_error_rate_agrees_with_the_root_of_the_roc_curve(trials):
    same, scores = trials
    accepts, hits, _ = roc_curve(same, scores, drop_intermediate=False)
    expected = brentq(lambda x: 1 - x - np.interp(x, accepts, hits), 0, 1)
    assert verification_metrics(same, scores).equal_error_rate == pytest.approx(expected, abs=1e-6)


def test_the_interval_is_recomputed_by_repeating_the_trials_of_people(draw):
    people = draw.integers(0, 6, (300, 2))
    same = people[:, 0] == people[:, 1]
    scores = np.round(draw.normal(same * 1.0, 1.0), 1)
    first, second = people.astype(str).T
    random = np.random.default_rng(3)
    rates = []
    for _ in range(40):
        drawn = random.integers(6, size=6).tolist()
        repeated = []
        for trial, (a, b) in enumerate(people.tolist()):
            times = drawn.count(a) if a == b else drawn.count(a) * drawn.count(b)
            repeated += [trial] * times
        rates.append(verification_metrics(same[repeated], scores[repeated]).equal_error_rate)
    found = equal_error_rate_interval(scores, first, second, resamples=40, seed=3)
    assert found == pytest.approx(tuple(np.percentile(rates, [2.5, 97.5])))


def test_the_interval_of_few_people_is_wider(draw):
    """Trials of one person are correlated: 400 trials of 5 people say less than of 100 people."""
    widths = []
    for people in (5, 100):
        pairs = draw.integers(0, people, (400, 2))
        pairs[:200, 1] = pairs[:200, 0]
        offsets = draw.normal(0, 1, people)[pairs].mean(axis=1)
        same = pairs[:, 0] == pairs[:, 1]
        scores = draw.normal(same * 1.5 + offsets, 0.5)
        low, high = equal_error_rate_interval(scores, *pairs.astype(str).T)
        widths.append(high - low)
        assert low <= verification_metrics(same, scores).equal_error_rate <= high
    assert widths[0] > 1.5 * widths[1]
