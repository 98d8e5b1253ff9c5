from __future__ import annotations

from facevoice.reports.comparison import comparison_page, comparison_text
from tests.facevoice.reports.metrics import run_metrics
from tests.html_pages import Page, check_accessible, check_self_contained
from tfdata.manifest import Leak


def results_of(*models):
    test = {"accuracy": 0.75, "correct": 45, "low": 0.5, "high": 0.875, "pairs": 60}
    return {
        model: run_metrics(model=model, test=test, chance=0.25, people=4, epochs=0)
        for model in models
    }


def test_models_are_bars_with_intervals_from_0_to_1_and_a_line_for_chance():
    html = comparison_page(results_of("cnn_image", "resnet_fusion"), Leak(60, 0, 0))
    page = Page(html)
    assert len(page.all("i", style="width:75.00%")) == 2
    assert len(page.all("s", style="left:50.00%;width:37.50%")) == 2
    assert len(page.all("u", style="left:25.00%")) == 2
    assert page.all("a", href="resnet_fusion/report.html")
    assert "the line is chance, 25.0%" in page.text
    assert "No video and no audio sample of the test split is in training." in page.text
    assert page.headings == [
        (1, "Comparison of 2 models"),
        (2, "Test accuracy"),
        (2, "All results"),
        (2, "Caveats for interpreting the metrics"),
    ]
    check_accessible(page)
    check_self_contained(html)


def test_published_results_are_shown_for_the_models_of_the_study_only():
    results = results_of("cnn_image", "resnet_fusion")
    text = comparison_text(results)
    head, published, other, caveat = text.splitlines()
    assert published.split()[-2:] == ["100.0%", "84.5%"]
    assert other.split()[-2:] == ["-", "-"]
    assert len(head) == len(published)
    assert caveat.startswith("The study's accuracies are not comparable")
    assert "tudy" not in comparison_text(results_of("resnet_fusion"))
    other_page = Page(comparison_page(results_of("resnet_fusion"), Leak(60, 0, 0)))
    assert "tudy" not in other_page.text
    assert [len(row) for row in other_page.rows] == [8, 8]
    page = Page(comparison_page(results, Leak(60, 2, 1)))
    assert next(row for row in page.rows if row[0] == "cnn_image")[-2:] == ["100.0%", "84.5%"]
    assert "Of the 60 test pairs, 2 are from a video that is also in training" in page.text
    assert caveat in page.text
