from __future__ import annotations

import pytest

from facevoice.reports.run_report import run_report
from tests.facevoice.reports.metrics import PNG, ROBUSTNESS, WEIGHING, run_metrics
from tests.html_pages import Page, check_accessible, check_self_contained
from tfdata.manifest import Leak

FIGURES = dict.fromkeys(("curves.png", "confusion.png", "samples.png"), PNG)
NO_LEAK = Leak(60, 0, 0)


FEATURES = {"image_size": 128, "bands": 64, "sample_rate_hz": 16000, "later": 1}


def report(
    metrics=None,
    figures=FIGURES,
    leak=NO_LEAK,
    description="faces",
    modality="image",
    **settings,
):
    settings.setdefault("data", "/data/sample")
    metrics = run_metrics() if metrics is None else metrics
    return run_report(description, modality, metrics, settings, FEATURES, leak, figures)


@pytest.mark.parametrize(
    ("leak", "sentence"),
    [
        (NO_LEAK, "No video and no audio sample of the test split is in training."),
        (
            Leak(60, 55, 7),
            "Of the 60 test pairs, 55 are from a video that is also in training and 7 share audio "
            "samples with training, so test metrics are optimistic.",
        ),
        (Leak(60, 0, 0, 4), "optimistic. 4 have a copy of an image or clip of training."),
    ],
)
def test_the_leakage_of_the_test_split_is_stated(leak, sentence):
    assert sentence in Page(report(leak=leak)).text


def test_the_training_is_summarized():
    text = Page(report(description="faces: rows of pixels")).text
    assert (
        "Faces: rows of pixels; 10 parameters. Trained on 400 pairs of 2 people of the dataset "
        "sample for 3 epochs in 1 s; the weights of epoch 2 were kept."
    ) in text
    assert "50.0% test accuracy (30 of 60; 95% interval 40.0% to 60.0%)" in text
    assert (
        "50.0% chance, for 2 people 50.0% validation accuracy 90.0% training accuracy, measured "
        "after training "
    ) in text
    fusion = Page(report(run_metrics(epochs=0, best_epoch=None, seconds=90))).text
    assert (
        "as two experts, in 1 min 30 s, combined with weights fitted on the validation split."
    ) in fusion


def test_headings_are_those_of_the_figures():
    names = ("curves", "confusion", "confused", "weighing", "robustness", "samples")
    figures = {f"{name}.png": PNG for name in names}
    page = Page(report(run_metrics(robustness=ROBUSTNESS, weighing=WEIGHING), figures))
    assert [text for _, text in page.headings] == [
        "cnn_image",
        "Learning curves",
        "Confusion matrix",
        "Per-person accuracy",
        "Most confused people",
        "Fusion analysis",
        "Robustness",
        "Accuracy by input",
        "Test examples",
        "Training settings",
        "Preprocessing",
    ]
    assert "both experts are correct on 3" in page.text
    assert len(page.images) == 6


def test_figures_that_are_missing_are_left_out():
    headings = [text for _, text in Page(report()).headings]
    assert "Robustness" not in headings
    assert "Fusion analysis" not in headings
    assert "Confusion matrix" in headings
    without_people = run_metrics()
    del without_people["test"]["by_person"]
    assert "Per-person accuracy" not in Page(report(without_people)).text


def test_accuracy_with_both_media_and_with_either_alone():
    figures = {**FIGURES, "robustness.png": PNG}
    page = Page(report(run_metrics(robustness=ROBUSTNESS), figures))
    text = page.text
    assert text.index("face and voice 75.0%") < text.index("voice alone 75.0%")
    assert text.index("voice alone 75.0%") < text.index("face alone 75.0%")
    assert len(page.all("li")) == 3
    assert not Page(report(run_metrics(robustness=ROBUSTNESS[:1]), figures)).all("li")


def test_of_many_people_those_with_the_lowest_accuracy_are_shown():
    by_person = {f"P{i:03d}": i / 100 for i in range(100)}

    def page(people):
        metrics = run_metrics()
        metrics["test"]["by_person"] = people
        metrics["test"]["pairs_by_person"] = {f"P{i:03d}": i or None for i in range(100)}
        metrics["test"]["pairs_by_person"]["P007"] = 8
        return Page(report(metrics))

    def people_in(page):
        return [row[0] for row in page.rows if row[0].startswith("P") and row[0][1:].isdecimal()]

    many = page(by_person)
    assert people_in(many) == [f"P{i:03d}" for i in reversed(range(20))]
    assert "The 20 people of 100 with the lowest accuracy:" in many.text
    some = page(dict(list(by_person.items())[:60]))
    assert len(people_in(some)) == 60
    assert "with the lowest accuracy" not in some.text
    assert ["P007", "", "7%", "8 pairs"] in some.rows
    assert ["P001", "", "1%", "1 pair"] in some.rows
    assert ["P000", "", "0%", ""] in some.rows  # metrics of earlier versions have no counts


@pytest.mark.parametrize(
    ("modality", "shown", "samples"),
    [
        ("image", {"image_size", "later"}, "A face image of each person."),
        ("audio", {"bands", "sample_rate_hz", "later"}, "A spectrogram of each person."),
        ("pair", set(FEATURES), "A face image of each person and the spectrogram"),
    ],
)
def test_a_model_of_one_medium_has_only_its_preprocessing(modality, shown, samples):
    page = Page(report(modality=modality))
    assert {row[0] for row in page.rows} & set(FEATURES) == shown
    assert samples in page.text


def test_training_accuracy_under_augmentation_is_told_from_the_one_measured_afterwards():
    augmented, plain = Page(report(augment=True)).text, Page(report(augment=False)).text
    assert "training accuracy, measured after training without augmentation" in augmented
    assert "Training values are means over an epoch, on augmented examples, while" in augmented
    assert "augment" not in plain.replace("augment False", "")
    experts = Page(report(experts={"resnet_image": {"augment": True}})).text
    assert "measured after training without augmentation" in experts


def test_captions_explain_only_what_is_drawn():
    figures = {"robustness.png": PNG}
    both = Page(report(run_metrics(robustness=ROBUSTNESS), figures, modality="pair")).text
    one = Page(report(run_metrics(robustness=ROBUSTNESS[:1] + ROBUSTNESS[4:]), figures)).text
    for text in (both, one):
        assert "The grey line is the accuracy on clean inputs." in text
    assert "The dashed line is the accuracy of the other input alone." in both
    assert "dashed" not in one


def test_without_a_confusion_matrix_the_most_frequent_confusions_are_listed():
    metrics = run_metrics(confusions=[{"person": "Ann_B", "named": "Bob", "pairs": 1200}])
    assert "Most frequent confusions" not in Page(report(metrics)).text
    page = Page(report(metrics, {}))
    assert ["True", "Predicted", "Pairs"] in page.rows
    assert ["Ann B", "Bob", "1,200"] in page.rows


def test_settings_of_settings_have_rows():
    nested = {"experts": {"a": {"rate": 1}, "b": {"rate": 2}}, "software": {"keras": "3"}}
    rows = Page(report(**nested, patience=None)).rows
    assert ["experts, b", "rate 2"] in rows
    assert ["software", "keras 3"] in rows
    assert ["patience", "none"] in rows
    assert ["image_size", "128 pixels"] in rows


def test_names_are_escaped():
    name = "<script>alert(1)</script>\x1b[2J\x00_&amp;"
    html = report(run_metrics(model=name, test=run_metrics()["test"] | {"by_person": {name: 1}}))
    check_self_contained(html)
    assert not {"\x1b", "\x00"} & set(html)
    page = Page(html)
    assert page.headings[0] == (1, "<script>alert(1)</script>\\x1b[2J\\x00_&amp;")
    assert ["<script>alert(1)</script>\\x1b[2J\\x00 &amp;", "", "100%", ""] in page.rows


def test_the_page_is_accessible_and_self_contained():
    html = report()
    check_accessible(Page(html))
    check_self_contained(html)
