from __future__ import annotations

import pytest

from facevoice.reports.encoder_report import encoder_report, encoder_text
from facevoice.reports.evaluation_report import evaluation_report
from facevoice.reports.evaluation_text import evaluation_text
from tests.facevoice.reports.metrics import PNG, RATES, SHARE, evaluation_metrics
from tests.html_pages import Page, check_accessible, check_self_contained

FIGURES = dict.fromkeys(
    (
        "confusion.png",
        "confused.png",
        "weighing.png",
        "robustness.png",
        "reliability.png",
        "det.png",
        "trials_det.png",
    ),
    PNG,
)
HEADER = ["metric", "value", "details"]
LITTLE = {
    "identification": None,
    "verification": None,
    "pairs_of_seen_videos": 0,
    "unknown_people": 0,
}


def little():
    """Metrics without any optional part."""
    metrics = evaluation_metrics(**LITTLE)
    for name in ("confused", "weighing", "robustness", "comparison", "trials", "unknown"):
        del metrics[name]
    return metrics


def test_headings_are_the_standard_terms():
    page = Page(evaluation_report(evaluation_metrics(), FIGURES))
    assert [text for _, text in page.headings] == [
        "resnet_fusion, test split",
        "Caveats for interpreting the metrics",
        "Confusion matrix",
        "Per-person accuracy",
        "Most confused people",
        "Reliability diagram",
        "Fusion analysis",
        "Robustness",
        "Accuracy by input",
        "Verification",
        "Verification of listed trials",
        "Metrics",
        "Identification",
        "Robustness",
        "Comparison of models",
        "Verification",
        "Verification of listed trials",
        "Open-set identification",
    ]
    assert len(page.images) == len(FIGURES)


def test_page_and_text_have_the_same_metrics_and_caveats():
    metrics = evaluation_metrics()
    page, text = Page(evaluation_report(metrics, FIGURES)), evaluation_text(metrics)
    rows = {row[0]: row[1:] for row in page.rows}
    assert rows["top 1, pairs"] == ["75.0%", "3 of 4; 95% interval 30.0% to 95.0%"]
    assert rows["expected calibration error"] == ["3.1%", "3 bins"]
    assert rows["equal error rate, all pairs"] == [
        "12.5%",
        "40 pairs of the same person, 30 of different people; at a cosine of 0.500",
    ]
    assert rows["minDCF, listed trials"] == ["0.900", "target prior 0.01; both costs 1"]
    assert rows["top 1, minus cnn_audio"][0] == "+25.0%"
    assert rows["AUROC, known or unknown"][0] == "0.875"
    assert rows["unknown, accepted"][0] == "75.0%"
    assert "top 1, gender f" in rows
    assert "top 1, nationality UK" not in rows  # the only value
    lines = text.splitlines()
    metrics_rows = [row for row in page.rows[page.rows.index(HEADER) :] if row != HEADER]
    assert len(metrics_rows) > 20
    for row in metrics_rows:
        assert any(all(cell in line for cell in row) for line in lines), row
    for caveat in (
        "5 of 60 pairs are from videos in the training data, so the metrics are optimistic.",
        "2 people with 7 pairs are not known to the model and are left out of identification.",
        "6 of the 8 people compared are in the training data, so verification metrics are",
        "40 of 100 possible comparisons were sampled, half of them of the same person.",
        "None of the 5 people named in the trial list are in the training data.",
        "1 listed file of 20 could not be used (the first is a.wav: silent), so 3 trials of 50",
        "2 windows without usable audio were skipped.",
        "The open-set threshold was chosen on 2 unknown people; others may be accepted more",
    ):
        assert caveat in page.text
        assert caveat in text


def test_levels_with_equal_accuracies_are_shown_once():
    metrics = evaluation_metrics()
    levels = metrics["identification"]["levels"]
    levels["clips"], levels["videos"] = levels["pairs"], {"top_1": SHARE | {"total": 3}}
    page = Page(evaluation_report(metrics, FIGURES))
    names = [row[0] for row in page.rows if row[0].startswith("top 1, ")]
    assert names[:2] == ["top 1, pairs and clips", "top 1, videos"]
    assert "top-1 accuracy of pairs and clips" in page.text
    assert "top 1, pairs and clips" in evaluation_text(metrics)
    levels["clips"] = {"top_1": SHARE | {"correct": 2}}
    assert "top 1, clips" in evaluation_text(metrics)
    metrics["verification"]["across_videos"] = dict(RATES)
    assert "across videos" not in evaluation_text(metrics)


@pytest.mark.parametrize(("same", "shown"), [(29, False), (30, True)])
def test_error_rates_of_fewer_than_30_pairs_of_one_person_are_left_out(same, shown):
    metrics = evaluation_metrics()
    for rates in (metrics["verification"], metrics["trials"]):
        rates.update({name: {**RATES, "same": same} for name in ("all", "across_videos")})
        rates["same"] = same
    page = Page(evaluation_report(metrics, {}))
    for text in (page.text, evaluation_text(metrics)):
        assert ("minDCF, all pairs" in text) is ("minDCF, listed trials" in text) is shown
        assert "minDCF, pairs across videos" not in text
        for pairs in ("all pairs", "listed trials"):
            assert (
                f"Error rates of {pairs} are not shown: they need at least 30 pairs of the same "
                f"person, but there are 29." in text
            ) is not shown
    assert ("equal error rate of verification" in page.text) is shown
    assert ("Verification" in [text for _, text in page.headings]) is shown


def test_what_was_not_evaluated_is_left_out():
    html = evaluation_report(little(), {})
    page = Page(html)
    assert [text for _, text in page.headings] == [
        "resnet_fusion, test split",
        "Caveats for interpreting the metrics",
    ]
    assert "Verification needs two people, and two pairs of one of them." in page.text
    assert evaluation_text(little()) == (
        "Verification needs two people, and two pairs of one of them."
    )
    assert page.images == page.rows == []
    check_accessible(page)


def test_a_threshold_of_one_unknown_person_has_a_caveat():
    unknown = evaluation_metrics()["unknown"] | {"people": 1, "held_out": None}
    text = evaluation_text(evaluation_metrics(unknown=unknown))
    assert "chosen on 1 unknown person alone and may not generalize" in text
    assert "unknown, accepted" not in text


def test_names_are_escaped():
    name = "<script>\x07\x1b]0;"
    metrics = evaluation_metrics(run=name, data=name, model=name)
    metrics["identification"]["by_person"] = {name: metrics["unknown"]["accepted"]}
    metrics["identification"]["by_meta"] = {"gender": {name: metrics["unknown"]["accepted"]}}
    metrics["trials"]["unreadable"] = {name: name}
    html = evaluation_report(metrics, FIGURES)
    assert not {"\x07", "\x1b"} & set(html)
    check_self_contained(html)
    assert Page(html).text.count("<script>\\x07\\x1b]0;") == 7
    assert not {"\x07", "\x1b"} & set(evaluation_text(metrics))


def test_the_page_is_accessible_and_self_contained():
    html = evaluation_report(evaluation_metrics(), FIGURES)
    check_accessible(Page(html))
    check_self_contained(html)


def test_conditions_of_few_pairs_and_those_that_equal_others_have_no_row():
    metrics = evaluation_metrics(trials=None)
    rates = RATES | {"min_cllr": 0.1}
    metrics["verification"] |= {
        "all": rates,
        "across_videos": rates,
        "conditions": {
            "same video": rates,
            "same gender": rates | {"same": 30, "threshold": 0.4},
            "gender f": rates | {"same": 29},
        },
    }
    page = Page(evaluation_report(metrics, {}))
    shown = [row[0] for row in page.rows if "raw" in row]
    assert shown == ["all pairs", "same gender"]


def test_error_rates_of_encoders_from_few_pairs_are_named_as_not_shown():
    rates = RATES | {"same": 29, "min_cllr": 0.1, "as_norm": None}
    voice = {"all": rates, "across_videos": None, "conditions": {"gender f": rates}, "cohort": None}
    metrics = {
        "split": "test",
        "pairs": 60,
        "data": "data/sample",
        "encoders": {},
        "exposures": [],
        "systems": {"voice": voice},
    }
    sentence = "Error rates of voice, all pairs are not shown: they need at least 30 pairs of the"
    assert sentence in encoder_text(metrics)
    page = Page(encoder_report(metrics, {}))
    assert sentence in page.text
    assert "12.5" not in page.text
    assert page.rows == []
    check_accessible(page)
