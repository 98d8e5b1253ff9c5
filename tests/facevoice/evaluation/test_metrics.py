"""Tests of the metrics by hand, by plain loops, and against SciPy and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics
from scipy.stats import binomtest
from sklearn.metrics import auc, roc_auc_score, top_k_accuracy_score

from facevoice.evaluation.comparison import compare
from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.identification import (
    average_by_group,
    calibration,
    ranks,
    share_of,
    shares_by,
    shares_by_meta,
    top_shares,
)
from facevoice.evaluation.metrics import split_metrics, wilson_interval
from facevoice.evaluation.open_set import open_set_metrics, threshold_at
from facevoice.evaluation.run_scoring import model_examples
from facevoice.evaluation.scoring import Scorer
from facevoice.evaluation.trials import WINDOWS, read_trials, spread_starts
from facevoice.evaluation.verification import (
    cosine_scores,
    det_curve,
    equal_error_rate,
    min_dcf,
    sample_pairs,
    verification_metrics,
)
from facevoice.evaluation.verification_results import evaluate_pairs
from facevoice.features import FeatureSettings
from facevoice.reports import evaluation_figures


@pytest.fixture
def draw():
    return np.random.default_rng(7)


@pytest.fixture
def probabilities(draw):
    return draw.dirichlet(np.ones(8), 200).astype(np.float32)


@pytest.fixture
def scores(draw):
    """Pairs and overlapping scores, some of them equal."""
    same = draw.random(500) < 0.3
    return same, np.round(draw.normal(same * 1.0, 1.0), 1)


def test_top_k_accuracy_equals_scikit_learn(probabilities, draw):
    labels = draw.integers(0, 8, 200)
    found = top_shares(probabilities, labels, (1, 5, 8))
    assert list(found) == ["top_1", "top_5"]
    for k in (1, 5):
        expected = top_k_accuracy_score(labels, probabilities, k=k, labels=range(8))
        assert found[f"top_{k}"].share == pytest.approx(expected)


def test_equal_probabilities_are_ranked_as_by_argmax():
    flat = np.full((3, 3), 1 / 3, np.float32)
    assert ranks(flat, np.array([0, 1, 2])).tolist() == [0, 1, 2]


def test_probabilities_of_a_group_are_averaged():
    answers = np.array([[0.6, 0.4], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    labels = np.array([1, 1, 0, 1])
    people, clips = np.array(["b", "b", "a", "b"]), np.array(["x", "x", "x", "y"])
    means, found = average_by_group(answers, labels, (people, clips))
    assert found.tolist() == [0, 1, 1]  # a's clip x, b's clip x, b's clip y
    assert means == pytest.approx(np.array([[0.8, 0.2], [0.35, 0.65], [0.3, 0.7]]))


def test_shares_by_person_and_by_metadata():
    right = np.array([True, False, True, True])
    people = np.array(["ann", "ann", "bob", "cem"])
    by_person = shares_by(right, people.tolist())
    assert {who: (s.correct, s.total) for who, s in by_person.items()} == {
        "ann": (1, 2),
        "bob": (1, 1),
        "cem": (1, 1),
    }
    meta = {"ann": {"gender": "f"}, "bob": {"gender": "m"}, "cem": {}}
    found = shares_by_meta(right, people, meta)
    assert list(found) == ["gender"]  # nobody's nationality is said
    assert {value: s.share for value, s in found["gender"].items()} == {
        "f": 0.5,
        "m": 1.0,
        "not said": 1.0,
    }


def test_calibration_error_by_hand():
    # Confidences .9 (right), .8 (wrong), .6 (right), .6 (right), two classes, five bins:
    # .8 belongs to the bin that it closes.
    answers = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.4, 0.6]])
    found = calibration(answers, np.array([0, 1, 0, 1]), bins=5)
    assert found.counts == [0, 0, 2, 1, 1]
    assert found.accuracy == [0, 0, 1, 0, 1]
    assert found.confidence == pytest.approx([0, 0, 0.6, 0.8, 0.9])
    assert found.error == pytest.approx((2 * 0.4 + 1 * 0.8 + 1 * 0.1) / 4)


def test_a_calibrated_model_has_no_calibration_error():
    answers = np.tile([0.75, 0.25], (4, 1))
    assert calibration(answers, np.array([0, 0, 0, 1])).error == pytest.approx(0)


def test_mcnemar_is_a_binomial_test_of_the_disagreements():
    first = np.array([True] * 9 + [False] * 2 + [True] * 5 + [False] * 3)
    second = np.array([False] * 9 + [True] * 2 + [True] * 5 + [False] * 3)
    groups = (np.arange(19).astype(str),)
    found = compare(first, second, groups)
    assert (found.only_first, found.only_second) == (9, 2)
    by_hand = 2 * sum(math.comb(11, k) for k in range(3)) / 2**11
    assert found.p_value == pytest.approx(by_hand)
    assert found.p_value == pytest.approx(binomtest(2, 11).pvalue)
    assert found.difference == pytest.approx(7 / 19)
    assert found.low < found.difference < found.high
    assert compare(first, first, groups).p_value == 1.0


def test_bootstrap_interval_approaches_the_normal_distribution(draw):
    first, second = draw.random(4000) < 0.7, draw.random(4000) < 0.6
    found = compare(first, second, (np.arange(4000).astype(str),))
    spread = 1.96 * np.std(first.astype(float) - second) / math.sqrt(4000)
    assert found.low == pytest.approx(found.difference - spread, abs=0.003)
    assert found.high == pytest.approx(found.difference + spread, abs=0.003)


def test_correlated_pairs_widen_the_interval():
    first = np.repeat([True, True, False, True], 50)
    second = np.repeat([True, False, True, False], 50)
    alone = compare(first, second, (np.arange(200).astype(str),))
    by_video = compare(first, second, (np.repeat(list("abcd"), 50),))
    assert by_video.high - by_video.low > 3 * (alone.high - alone.low)


def test_equal_error_rate_of_a_hand_made_case():
    same = np.array([True] * 4 + [False] * 4)
    scores = np.array([0.9, 0.8, 0.6, 0.3, 0.7, 0.4, 0.2, 0.1])
    rate, threshold = equal_error_rate(det_curve(same, scores))
    assert rate == pytest.approx(0.25)  # at 0.6: 0.3 is missed and 0.7 is taken
    assert threshold == 0.6
    apart = equal_error_rate(det_curve(same, np.where(same, 0.9, 0.1)))
    assert apart == (0.0, 0.9)
    alike = equal_error_rate(det_curve(same, np.zeros(8)))
    assert alike[0] == pytest.approx(0.5)


def test_det_curve_contains_the_points_of_scikit_learn(scores):
    same, values = scores
    curve = det_curve(same, values)
    points = set(zip(curve.false_accepts.round(9), curve.misses.round(9), strict=True))
    accepts, misses, _ = sklearn.metrics.det_curve(same, values)
    assert set(zip(accepts.round(9), misses.round(9), strict=True)) <= points
    assert 1 - auc(curve.false_accepts, curve.misses) == pytest.approx(roc_auc_score(same, values))


def test_equal_error_rate_and_costs_by_trying_every_threshold(scores):
    same, values = scores
    found = verification_metrics(same, values)
    rates = []
    for threshold in [*sorted(set(values.tolist())), math.inf]:
        taken = [v >= threshold for v in values.tolist()]
        missed = sum(s and not t for s, t in zip(same, taken, strict=True)) / same.sum()
        accepted = sum(t and not s for s, t in zip(same, taken, strict=True)) / (~same).sum()
        rates.append((missed, accepted))
    crossing = min(rates, key=lambda pair: abs(pair[0] - pair[1]))
    assert min(crossing) - 0.02 <= found.equal_error_rate <= max(crossing) + 0.02
    lowest = min(max(pair) for pair in rates)
    highest = max(min(pair) for pair in rates)
    assert highest <= found.equal_error_rate <= lowest
    for prior in (0.01, 0.05):
        cost = min(m * prior + a * (1 - prior) for m, a in rates) / prior
        assert found.min_dcf[f"{prior:g}"] == pytest.approx(cost)
    assert found.misses["0.1"] == pytest.approx(min(m for m, a in rates if a <= 0.1))


def test_rejecting_everything_costs_one():
    same = np.array([True, False, False, False])
    assert min_dcf(det_curve(same, np.array([0.0, 1, 1, 1])), 0.01) == 1.0


def test_verification_needs_both_kinds_of_pairs():
    assert verification_metrics(np.array([True, True]), np.array([0.1, 0.2])) is None
    assert verification_metrics(np.zeros(0, bool), np.zeros(0)) is None


def test_all_pairs_of_few_examples_are_used():
    first, second = sample_pairs(np.array(["a", "a", "b", "c"]))
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    assert pairs == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_pairs_of_many_examples_are_sampled_uniformly(draw):
    people = draw.permutation(np.repeat(list("abcde"), [2, 3, 10, 20, 25]))
    first, second = sample_pairs(people, most=1500)
    assert np.array_equal(sample_pairs(people, most=1500), (first, second))
    assert len(first) == len(second) == 1500
    assert (first != second).all()
    same = people[first] == people[second]
    assert same.sum() == 750
    # Of 539 pairs of one person, 300 are e's; of 1231 pairs of two, 875 have e in them.
    with_e = (people[first] == "e") | (people[second] == "e")
    assert with_e[same].mean() == pytest.approx(300 / 539, abs=0.05)
    assert with_e[~same].mean() == pytest.approx(875 / 1231, abs=0.05)


def test_cosine_scores_by_hand_and_of_zeros():
    vectors = np.array([[3.0, 4.0], [4.0, 3.0], [0.0, 0.0]])
    found = cosine_scores(vectors, np.array([0, 0]), np.array([1, 2]))
    assert found == pytest.approx([0.96, 0.0])


def test_the_threshold_keeps_the_chosen_rate_of_false_accepts(draw):
    unknown = np.round(draw.random(100), 1)  # many are equal
    for rate in (0.0, 0.05, 0.1, 0.5, 1.0):
        threshold = threshold_at(unknown, rate)
        assert (unknown > threshold).mean() <= rate
        if rate < 1:
            lower = unknown[unknown < threshold].max(initial=-1)
            assert (unknown > lower).mean() > rate
    assert threshold_at(unknown, 1.0) == 0.0


def test_open_set_metrics_by_hand():
    known, right = np.array([0.9, 0.8, 0.5]), np.array([True, False, True])
    unknown, people = np.array([0.7, 0.3, 0.6, 0.2]), np.array(["x", "x", "y", "y"])
    found = open_set_metrics(known, right, unknown, people, 0.25)
    assert found.auroc == pytest.approx((4 + 4 + 2) / 12)
    assert found.threshold == 0.6
    assert found.false_accepts == share_of(unknown > 0.6)
    assert found.accepted.correct == 2
    assert found.identified.correct == 1
    # y's scores choose 0.6 for x, of which 0.7 passes; x's choose 0.7 for y, which nobody passes.
    assert (found.people, found.held_out.correct) == (2, 1)
    assert open_set_metrics(known, right, unknown[:2], people[:2], 0.25).held_out is None


def test_windows_are_spread_from_the_start_of_a_clip_to_its_end():
    settings = FeatureSettings(window_seconds=1.0)
    assert spread_starts(8000, settings) == [0]
    assert spread_starts(16000, settings) == [0]
    assert spread_starts(16002, settings) == [0, 1, 2]
    starts = spread_starts(80000, settings)
    assert starts == [0, 16000, 32000, 48000, 64000]
    assert len(starts) == WINDOWS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 a b\n2 a b\n", ["line 2", "'2 a b'"]),
        ("\n1 a\n", ["line 2", "two paths"]),
        ("1 a b c\n", ["line 1"]),
        ("a b same\n", ["line 1", "target or nontarget"]),
        ("a b target\n", ["1 trial of the same person", "0 of different"]),
        ("1 a b\n1 a c\n", ["2 trials of the same person", "0 of different"]),
        ("", ["is empty"]),
    ],
)
def test_a_malformed_list_of_trials_is_a_one_line_error(tmp_path, text, words):
    path = tmp_path / "trials.txt"
    path.write_text(text)
    with pytest.raises(EvaluationError) as error:
        read_trials(path)
    for word in words:
        assert word in str(error.value)


def test_trials_are_read_as_listed(tmp_path):
    path = tmp_path / "trials.txt"
    path.write_text("1 p/v/1.wav p/w/2.wav\r\n\r\n0 p/v/1.wav q/x/3.wav\r\n")
    found = read_trials(path)
    assert found.files == ("p/v/1.wav", "p/w/2.wav", "q/x/3.wav")
    assert found.same.tolist() == [True, False]
    assert (found.first.tolist(), found.second.tolist()) == ([0, 0], [1, 2])
    assert found.lines.tolist() == [1, 3]
    assert found.speakers == {"p", "q"}


def test_trials_of_kaldi_are_read(tmp_path):
    path = tmp_path / "trials"
    path.write_text("p/1.wav p/2.wav target\np/1.wav q/3.wav nontarget\n0 q/3.wav p/2.wav\n")
    found = read_trials(path)
    assert found.same.tolist() == [True, False, False]
    assert found.files == ("p/1.wav", "p/2.wav", "q/3.wav")
    assert (found.first.tolist(), found.second.tolist()) == ([0, 0, 2], [1, 2, 1])


def test_an_interval_ends_at_0_and_1():
    for total in range(1, 200):
        assert wilson_interval(total, total)[1] <= 1.0
        assert wilson_interval(0, total)[0] >= 0.0


def test_the_macro_average_gives_each_person_the_same_weight():
    found = split_metrics(np.array([[9, 0, 0], [1, 1, 0], [0, 0, 0]]), ["ann", "bob", "cem"])
    assert found.accuracy == pytest.approx(10 / 11)
    assert found.macro_accuracy == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("videos", "curves"),
    [
        (["v"] * 8, None),  # 28 pairs of one person
        (["v"] * 9, {"all pairs"}),
        (["v", "w"] + ["v"] * 7, {"all pairs"}),  # 8 of 36 across videos
        (["v", "w"] * 5, {"all pairs"}),  # 25 of 45
        (["v", "w"] * 6, {"all pairs", "pairs across videos"}),  # 36 of 66
        ([str(i) for i in range(9)], {"all pairs"}),  # the pairs across videos are all pairs
    ],
)
def test_curves_need_thirty_pairs_of_one_person(monkeypatch, videos, curves):
    drawn = {}
    monkeypatch.setattr(evaluation_figures, "det_curve", drawn.update)
    n = len(videos)
    people = np.array(["a"] * n + ["b"])
    examples = model_examples(np.random.default_rng(0).normal(size=(n + 1, 4)), people)
    result = evaluate_pairs(examples, [np.array([*videos, "x"])], Scorer({}), {})
    assert result.metrics["all"]["same"] == n * (n - 1) // 2
    assert set(result.pictures) == ({"det.png"} if curves else set())
    for draw in result.pictures.values():
        draw()
    assert set(drawn) == (curves or set())
