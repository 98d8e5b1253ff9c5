"""Evaluates a trained model and writes the files of its run directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tfdata
from facevoice.encoders.exposure import exposures
from facevoice.evaluation.error_analysis import analyze_errors
from facevoice.evaluation.evaluators import MOST_DRAWN, frequent_confusions
from facevoice.evaluation.metrics import confusion_matrix, split_metrics
from facevoice.evaluation.predictions import predict_splits
from facevoice.evaluation.runs import Run, read_run
from facevoice.features import FeatureSettings, band_centres_hz
from facevoice.reports import evaluation_figures, media_figures, training_figures
from facevoice.reports.drawing import DrawFigure, draw_figures
from facevoice.reports.figure_text import figure_name, numbered_names
from facevoice.reports.run_report import run_report
from facevoice.run_layout import METRICS_NAME, MODEL_NAME
from facevoice.training.checkpoint import Checkpoint, save_model
from facevoice.training.fit import TrainedModel
from models import MODELS
from tfdata.loader import MODALITIES
from tfdata.manifest import Manifest
from tfdata.schema import IMAGE, MANIFEST_NAME, SPECTROGRAM, SPLITS
from tfdata.storage.files import replace_file

SAMPLES_SHOWN = 12


def write_run(
    run_dir: Path,
    data_dir: Path,
    manifest: Manifest,
    settings: Mapping[str, Any],
    trained: TrainedModel,
) -> dict[str, Any]:
    """Evaluates a model on all splits, writes the files of its run, and returns the metrics.

    The files are `model.keras`, `dataset.json` (a copy of the manifest), `metrics.json`,
    `report.html`, and the figures that apply: `curves.png`, `confusion.png`, `confused.png`,
    `weighing.png`, `robustness.png` and `samples.png`. A figure that cannot be drawn is left out.
    """
    people = list(manifest.people)
    model = MODELS[settings["model"]]
    save_model(trained.model, run_dir / MODEL_NAME)
    replace_file(run_dir / MANIFEST_NAME, manifest.to_json().encode())
    # The model as it was saved, on one device: each GPU of a strategy would predict a whole batch.
    run = read_run(run_dir)
    known = predict_splits(run, data_dir, manifest, ["test"]).known
    predicted = {
        split: predict_classes(run, data_dir, manifest, split, model.reads)
        for split in ("train", "validation")
    }
    predicted["test"] = known.labels, known.probabilities.argmax(axis=1)
    confusions = {split: confusion_matrix(*predicted[split], len(people)) for split in SPLITS}

    metrics = {
        "model": settings["model"],
        "people": len(people),
        "chance": 1 / len(people),
        **{split: asdict(split_metrics(confusions[split], people)) for split in SPLITS},
        "parameters": trained.model.count_params(),
        "epochs": len(trained.history.get("loss", ())),
        "best_epoch": trained.best_epoch,
        "seconds": round(trained.seconds, 1),
        "confusions": frequent_confusions(confusions["test"], people),
    }
    if run.on_embeddings:
        metrics["exposures"] = [asdict(each) for each in exposures(manifest, run.used_encoders)]
    if numbered := numbered_names(people):
        metrics["numbered_names"] = numbered
    draw: dict[str, DrawFigure] = {
        "samples.png": partial(_samples, data_dir, manifest, model.modality)
    }
    if len(people) <= MOST_DRAWN:
        draw["confusion.png"] = partial(
            evaluation_figures.confusion_matrix, confusions["test"], people
        )
    if trained.history:
        draw["curves.png"] = partial(
            training_figures.learning_curves,
            trained.history,
            trained.best_epoch,
            augmented=bool(settings.get("augment")),
        )
    for result in analyze_errors(run, data_dir, manifest, "test", known):
        metrics |= result.metrics
        draw |= result.pictures
    pictures = draw_figures(draw)
    for name, png in pictures.items():
        replace_file(run_dir / name, png)
    html = run_report(
        model.description,
        model.modality,
        metrics,
        settings,
        manifest.features,
        manifest.leakage["test"],
        pictures,
    )
    replace_file(run_dir / "report.html", html.encode())
    text = json.dumps(metrics, indent=1, ensure_ascii=False) + "\n"
    replace_file(run_dir / METRICS_NAME, text.encode())  # last, as it marks a finished run
    Checkpoint(run_dir).remove()
    return metrics


def predict_classes(
    run: Run, data_dir: Path, manifest: Manifest, split: str, reads: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the labels and the predicted classes of a split, in stored order."""
    labels, classes = [], []
    for inputs, label in tfdata.load(data_dir, split, reads, manifest=manifest):
        batch = inputs if isinstance(inputs, dict) else {reads: inputs}
        labels.append(label.numpy())
        classes.append(run.predict(batch)[0].argmax(axis=1))
    return np.concatenate(labels), np.concatenate(classes)


def _samples(data_dir: Path, manifest: Manifest, modality: str) -> bytes:
    """Returns a figure with one test example of each of the first people.

    It shows the inputs of the modality only.
    """
    names = list(manifest.people)
    wanted = sorted(who for who in names if manifest.people[who].pairs["test"])[:SAMPLES_SHOWN]
    found: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}
    for inputs, labels in tfdata.load(data_dir, "test", "pair", manifest=manifest):
        for image, levels, label in zip(
            inputs[IMAGE].numpy(), inputs[SPECTROGRAM].numpy(), labels.numpy(), strict=True
        ):
            found.setdefault(names[label], (image, levels[..., 0]))
        if found.keys() >= set(wanted):
            break
    settings = FeatureSettings(**manifest.features)
    media = MODALITIES[modality]
    shown = [
        (
            figure_name(name, manifest.people[name].label),
            found[name][0] if IMAGE in media else None,
            found[name][1] if SPECTROGRAM in media else None,
        )
        for name in wanted
    ]
    return media_figures.example_grid(shown, band_centres_hz(settings), settings.window_seconds)
