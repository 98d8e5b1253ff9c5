from __future__ import annotations

from facevoice.reports.evaluation_report import evaluation_report
from facevoice.reports.evaluation_text import evaluation_text
from tests.facevoice.reports.metrics import PNG, evaluation_metrics
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
        "Most confused people",
        "Per-person accuracy",
        "Fusion analysis",
        "Robustness to corruptions",
        "Calibration",
        "Detection error tradeoff (DET)",
        "Detection error tradeoff (DET), listed trials",
        "Metrics",
        "Identification",
        "Robustness to corruptions",
        "Comparison of models",
        "Verification",
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
        "10 pairs of the same person, 30 of different people; at a cosine of 0.500",
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
