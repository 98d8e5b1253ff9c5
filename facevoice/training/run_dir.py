"""The folder of one run: what goes into it, and where it may be."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

import tfdata
from facevoice.evaluation.error_analysis import strength_parts
from facevoice.evaluation.evaluators import MOST_DRAWN
from facevoice.evaluation.metrics import confusion_matrix, measure
from facevoice.evaluation.predictions import read_answers
from facevoice.evaluation.runs import METRICS_NAME, MODEL_NAME, SETTINGS_NAME, read_run
from facevoice.features import FeatureSettings, band_centres_hz
from facevoice.inspection.examples import feature_settings
from facevoice.reports import figures, media_figures
from facevoice.reports.run_report import run_report
from facevoice.training.checkpoint import Checkpoint
from facevoice.training.errors import TrainingError
from facevoice.training.evaluate import answers_on
from facevoice.training.fit import Fitted
from facevoice.training.recipes import Execution
from models import MODELS
from tfdata.schema import IMAGE, MANIFEST_NAME, SPECTROGRAM, SPLITS, Manifest
from tfdata.storage.files import check_no_links, read_json, replace_file

SAMPLES_SHOWN = 12
# What a start that was killed may leave.
_UNFINISHED = re.compile(rf"{re.escape(SETTINGS_NAME)}(\.[0-9a-f]{{32}})?\.tmp")
# What a run's figures can depend on.
DECIDING_PACKAGES = ("facevoice", "keras", "numpy", "tensorflow")


def open_run_dir(wanted: Path | None, settings: Mapping[str, Any]) -> Path:
    """The folder for a run with these settings: an unfinished one to go on with, or a new one.

    Without a wanted folder it is the first of runs/MODEL, runs/MODEL-2, ... that is either; a
    finished run is never written over.

    Raises:
      TrainingError: the wanted folder holds something else; the data set of the unfinished run has
        changed; the unfinished run contains a symbolic link; or the folder cannot be made.
    """
    model = settings["model"]
    names = itertools.chain([model], (f"{model}-{i}" for i in itertools.count(2)))
    candidates = iter([wanted]) if wanted else (Path("runs") / name for name in names)
    for run_dir in candidates:
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            begun = _settings_of(run_dir)
            left = [path for path in run_dir.iterdir() if not _UNFINISHED.fullmatch(path.name)]
            if begun is None and not left:
                text = json.dumps(settings, indent=1) + "\n"
                replace_file(run_dir / SETTINGS_NAME, text.encode())
                return run_dir
        except OSError as error:
            raise TrainingError(f"{run_dir} cannot be written: {error.strerror}.") from None
        if begun is not None and not is_finished(run_dir):
            other = _differing(begun, settings)
            if not other:
                _check_links(run_dir)
                return run_dir
            if other == {"manifest_sha256"}:
                raise TrainingError(
                    f"The data set {settings['data']} has changed since the run in {run_dir} "
                    f"began; delete that folder, or name a new --output."
                )
        if wanted:
            raise TrainingError(
                f"--output {wanted} is not empty, and holds no unfinished run of these settings; "
                f"name a new folder."
            )
    raise AssertionError("unreachable: there is always another name")


@contextmanager
def held(run_dir: Path) -> Iterator[None]:
    """Keeps other trainings out of a run folder; the system lets go of it if this one is killed.

    Raises:
      TrainingError: another is at work there.
    """
    folder = os.open(run_dir, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise TrainingError(
            f"Another training is at work in {run_dir}; wait for it, or name another --output."
        ) from None
    finally:
        os.close(folder)


def finished_metrics(run_dir: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The metrics of a run that has come to its end with these settings, if it has."""
    begun = _settings_of(run_dir)
    if not is_finished(run_dir) or begun is None or _differing(begun, settings):
        return None
    return read_metrics(run_dir)


def read_metrics(run_dir: Path) -> dict[str, Any]:
    """Returns the metrics of a finished run.

    Raises:
      TrainingError: the file is damaged.
    """
    path = run_dir / METRICS_NAME
    try:
        metrics: dict[str, Any] = read_json(path)
        _check_metrics(metrics)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise TrainingError(
            f"{path} is damaged; delete {run_dir}, and the same command trains it again."
        ) from None
    return metrics


def _check_metrics(metrics: Mapping[str, Any]) -> None:
    """Raises KeyError, TypeError or ValueError if a comparison could not show these metrics."""
    numbers = [metrics[name] for name in ("people", "chance", "parameters", "epochs", "seconds")]
    for split in SPLITS:
        shares = metrics[split]
        numbers += [shares[name] for name in ("accuracy", "correct", "pairs", "low", "high")]
    if not all(type(number) in (int, float) for number in numbers):
        raise TypeError("a figure is not a number")
    if metrics["model"] not in MODELS:
        raise ValueError("the model is unknown")


def is_finished(run_dir: Path) -> bool:
    return (run_dir / METRICS_NAME).is_file()


def run_settings(
    model: str,
    data_dir: Path,
    manifest: Manifest,
    recipe: Mapping[str, Any],
    execution: Execution,
) -> dict[str, Any]:
    """All that a run depends on, and where its data were: what `settings.json` says.

    Raises:
      DatasetError: the settings of the data set make no sense.
    """
    feature_settings(manifest)
    manifest_text = manifest.to_json()
    return {
        "model": model,
        **recipe,
        **asdict(execution),
        "data": str(data_dir.absolute()),
        "manifest_sha256": hashlib.sha256(manifest_text.encode()).hexdigest(),
        "split_by": manifest.plan.get("split_by"),
        "backend": keras.backend.backend(),
        "software": {name: metadata.version(name) for name in DECIDING_PACKAGES},
    }


def _check_links(run_dir: Path) -> None:
    """Checks that resuming a run, which somebody else may have begun, writes to no other folder."""
    try:
        check_no_links(run_dir)
    except OSError as error:
        raise TrainingError(f"{run_dir} cannot be written: {error.strerror}.") from None


def _differing(begun: Mapping[str, Any], settings: Mapping[str, Any]) -> set[str]:
    """The names of the settings that differ; where the data lie, and who reads, does not count."""
    return {name for name in settings if begun.get(name) != settings[name]} - {"data", "service"}


def _settings_of(run_dir: Path) -> dict[str, Any] | None:
    """What the settings of a run say; None if it has none that can be read."""
    try:
        settings = read_json(run_dir / SETTINGS_NAME)
    except (FileNotFoundError, ValueError):
        return None
    return settings if isinstance(settings, dict) else None


def write_run(
    run_dir: Path,
    data_dir: Path,
    manifest: Manifest,
    settings: Mapping[str, Any],
    fitted: Fitted,
) -> dict[str, Any]:
    """Measures the model on all splits and writes the folder's files; returns the metrics.

    `model.keras`, `dataset.json` (the manifest that it was trained on), `metrics.json`,
    `report.html`, and its pictures: `curves.png`, `confusion.png`, `confused.png`,
    `weighing.png`, `robustness.png`, `samples.png`, those that there is something for.
    """
    people = list(manifest.people)
    model = MODELS[settings["model"]]
    (run_dir / MODEL_NAME).unlink(missing_ok=True)  # it may be a hard link, which stays as it is
    fitted.model.save(run_dir / MODEL_NAME)
    replace_file(run_dir / MANIFEST_NAME, manifest.to_json().encode())
    run = read_run(run_dir)  # as it was saved: what is measured is what anybody can open
    known = read_answers(run, data_dir, manifest, ["test"]).known
    named = {
        "train": answers_on(fitted.model, data_dir, manifest, "train", model.modality),
        "validation": answers_on(fitted.model, data_dir, manifest, "validation", model.modality),
        "test": (known.labels, known.probabilities.argmax(axis=1)),
    }
    confusions = {split: confusion_matrix(*named[split], len(people)) for split in SPLITS}

    metrics = {
        "model": settings["model"],
        "people": len(people),
        "chance": 1 / len(people),
        **{split: asdict(measure(confusions[split], people)) for split in SPLITS},
        "parameters": fitted.model.count_params(),
        "epochs": len(fitted.history.get("loss", ())),
        "best_epoch": fitted.best_epoch,
        "seconds": round(fitted.seconds, 1),
    }
    pictures = {"samples.png": _samples(data_dir, manifest)}
    if len(people) <= MOST_DRAWN:
        pictures["confusion.png"] = figures.confusion_matrix(confusions["test"], people)
    if fitted.history:
        curves = figures.learning_curves(fitted.history, fitted.best_epoch)
        pictures["curves.png"] = curves
    for part in strength_parts(run, data_dir, manifest, "test", known):
        metrics |= part.metrics
        pictures |= part.pictures
    for name, png in pictures.items():
        replace_file(run_dir / name, png)
    html = run_report(
        model.description,
        metrics,
        settings,
        manifest.features,
        manifest.leakage["test"],
        pictures,
    )
    replace_file(run_dir / "report.html", html.encode())
    text = json.dumps(metrics, indent=1, ensure_ascii=False) + "\n"
    replace_file(run_dir / METRICS_NAME, text.encode())  # last: a run with it is whole
    Checkpoint(run_dir).remove()
    return metrics


def _samples(data_dir: Path, manifest: Manifest) -> bytes:
    """One test example of each of the first people; reads on only until it has them."""
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
    shown = [(name, *found[name]) for name in wanted]
    return media_figures.example_grid(shown, band_centres_hz(settings), settings.window_seconds)
