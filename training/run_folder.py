"""The folder of one run: what goes into it, and where it may be."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

import tfdata
from features import FeatureSettings, band_centres_hz
from models import MODELS
from reports import figures
from reports.page import picture_address
from reports.run_report import run_report
from tfdata.schema import IMAGE, MANIFEST_NAME, SPECTROGRAM, Manifest
from training.evaluate import answers_on
from training.fit import Fitted, Recipe, TrainingError
from training.measure import Measured, confusion_matrix, measure

SAMPLES_SHOWN = 12
# What a run's figures can depend on.
DECIDING_PACKAGES = ("facevoice", "keras", "numpy", "tensorflow")


def new_run_dir(wanted: Path | None, model: str) -> Path:
    """Makes the folder of a new run; an earlier run is never written over.

    Raises:
      TrainingError: the wanted folder holds something, or cannot be made.
    """
    if wanted is not None:
        if wanted.exists() and (not wanted.is_dir() or any(wanted.iterdir())):
            raise TrainingError(f"--output {wanted} is not empty; name a new folder.")
        candidates = iter([wanted])
    else:
        names = itertools.chain([model], (f"{model}-{i}" for i in itertools.count(2)))
        candidates = (Path("runs") / name for name in names)
    for run_dir in candidates:
        try:
            run_dir.mkdir(parents=True, exist_ok=wanted is not None)
        except FileExistsError:
            continue
        except OSError as error:
            raise TrainingError(f"{run_dir} cannot be made: {error.strerror}.") from None
        return run_dir
    raise AssertionError("unreachable: there is always another name")


def write_run(
    run_dir: Path, data_dir: Path, manifest: Manifest, recipe: Recipe, fitted: Fitted
) -> Measured:
    """Measures the model on validation and test and writes the folder's files.

    `model.keras`, `dataset.json` (the manifest that it was trained on), `settings.json`,
    `metrics.json`, `curves.png`, `confusion.png`, `samples.png`, `report.html`.
    """
    people = list(manifest.people)
    modality = MODELS[recipe.model].modality
    measured, confusions = {}, {}
    for split in ("validation", "test"):
        labels, answers = answers_on(fitted.model, data_dir, split, modality, recipe.batch_size)
        confusions[split] = confusion_matrix(labels, answers, len(people))
        measured[split] = measure(confusions[split], people)

    metrics = {
        "people": len(people),
        "chance": 1 / len(people),
        "train_accuracy": fitted.history["accuracy"][fitted.best_epoch - 1],
        **{split: asdict(values) for split, values in measured.items()},
        "parameters": fitted.model.count_params(),
        "epochs": len(fitted.history["loss"]),
        "best_epoch": fitted.best_epoch,
        "seconds": round(fitted.seconds, 1),
    }
    manifest_text = manifest.to_json()
    settings = asdict(recipe) | {
        "data": str(data_dir.absolute()),
        "manifest_sha256": hashlib.sha256(manifest_text.encode()).hexdigest(),
        "split_by": manifest.plan["split_by"],
        "optimizer": fitted.model.optimizer.name,
        "backend": keras.backend.backend(),
        "software": {name: metadata.version(name) for name in DECIDING_PACKAGES},
    }
    fitted.model.save(run_dir / "model.keras")
    (run_dir / MANIFEST_NAME).write_text(manifest_text, encoding="utf-8")
    (run_dir / "settings.json").write_text(json.dumps(settings, indent=1) + "\n")
    pictures = {
        "curves.png": figures.learning_curves(fitted.history, fitted.best_epoch),
        "confusion.png": figures.confusion(confusions["test"], people),
        "samples.png": _samples(data_dir, manifest),
    }
    for name, png in pictures.items():
        (run_dir / name).write_bytes(png)
    html = run_report(
        recipe.model,
        metrics,
        settings,
        manifest.features,
        manifest.leakage["test"],
        {name: picture_address(png) for name, png in pictures.items()},
    )
    (run_dir / "report.html").write_text(html, encoding="utf-8")
    text = json.dumps(metrics, indent=1, ensure_ascii=False) + "\n"
    (run_dir / "metrics.json").write_text(text, encoding="utf-8")  # last: a run with it is whole
    return measured["test"]


def _samples(data_dir: Path, manifest: Manifest) -> bytes:
    """One test example of each of the first people; reads on only until it has them."""
    names = list(manifest.people)
    wanted = sorted(who for who in names if manifest.people[who].pairs["test"])[:SAMPLES_SHOWN]
    found: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}
    for inputs, labels in tfdata.load(data_dir, "test", "pair"):
        for image, levels, label in zip(
            inputs[IMAGE].numpy(), inputs[SPECTROGRAM].numpy(), labels.numpy(), strict=True
        ):
            found.setdefault(names[label], (image, levels[..., 0]))
        if found.keys() >= set(wanted):
            break
    settings = FeatureSettings(**manifest.features)
    shown = [(name, *found[name]) for name in wanted]
    return figures.samples(shown, band_centres_hz(settings), settings.window_seconds)
