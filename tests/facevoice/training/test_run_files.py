"""The files of a run whose figures cannot be drawn."""

from __future__ import annotations

import json

from facevoice.reports import evaluation_figures, media_figures
from facevoice.training.fit import TrainedModel
from facevoice.training.run_files import write_run
from tests.tools import untrained_run
from tfdata import load_manifest


def test_a_figure_that_fails_does_not_cost_the_run(data_set, tmp_path, monkeypatch, capsys):
    network = untrained_run("linear_image", data_set, tmp_path / "first")
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    settings = {"model": "linear_image", "data": str(data_set)}
    (run_dir / "settings.json").write_text(json.dumps(settings))

    def fail(*args):
        raise ValueError("Expected end of text, found '$'")

    monkeypatch.setattr(evaluation_figures, "confusion_matrix", fail)
    monkeypatch.setattr(media_figures, "example_grid", fail)
    trained = TrainedModel(network, {}, 0, 1.0)
    write_run(run_dir, data_set, load_manifest(data_set), settings, trained)
    error = capsys.readouterr().err
    for name in ("confusion.png", "samples.png"):
        assert f"warning: {name} could not be drawn (ValueError: Expected end" in error
        assert not (run_dir / name).exists()
    assert error.count("warning: ") == 2
    names = {path.name for path in run_dir.iterdir()}
    assert {"metrics.json", "report.html", "model.keras", "robustness.png"} <= names
    assert json.loads((run_dir / "metrics.json").read_text())["test"]["pairs"] > 0
