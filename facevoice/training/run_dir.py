"""Run directories: choosing, locking and resuming them, their settings and metrics."""

from __future__ import annotations

import fcntl
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

from facevoice.evaluation.runs import METRICS_NAME, SETTINGS_NAME
from facevoice.inspection.examples import feature_settings
from facevoice.reports.results import RunMetrics
from facevoice.training.dataset import TrainingData
from facevoice.training.errors import TrainingError
from facevoice.training.recipes import Execution
from models import MODELS
from tfdata.fields import MAX_INT64
from tfdata.schema import SPLITS
from tfdata.storage.files import check_no_links, read_json, replace_file

# A temporary file of an interrupted start.
_TEMPORARY_FILE = re.compile(rf"{re.escape(SETTINGS_NAME)}(\.[0-9a-f]{{32}})?\.tmp")
# Packages whose versions can change the results of a run. FaceVoice is not among them: a release
# must not prevent runs from resuming.
RECORDED_PACKAGES = ("keras", "numpy", "tensorflow")


def open_run_dir(wanted: Path | None, settings: Mapping[str, Any]) -> Path:
    """Returns a run directory for these settings: an unfinished one to resume, or a new one.

    Finished runs are never overwritten.

    Args:
      wanted: the directory; None uses the first suitable one of runs/MODEL, runs/MODEL-2, ...
      settings: of `run_settings`.

    Raises:
      TrainingError: the wanted directory has other contents; the dataset of the unfinished run has
        changed; the unfinished run contains a symbolic link; or the directory cannot be written.
    """
    model = settings["model"]
    names = itertools.chain([model], (f"{model}-{i}" for i in itertools.count(2)))
    candidates = iter([wanted]) if wanted else (Path("runs") / name for name in names)
    for run_dir in candidates:
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            saved = _read_settings(run_dir)
            files = [path.name for path in run_dir.iterdir()]
            if saved is None and all(map(_TEMPORARY_FILE.fullmatch, files)):
                text = json.dumps(settings, indent=1) + "\n"
                replace_file(run_dir / SETTINGS_NAME, text.encode())
                return run_dir
        except OSError as error:
            raise TrainingError(f"{run_dir} cannot be written: {error.strerror}.") from None
        if saved is not None and not is_finished(run_dir):
            changed = _changed_settings(saved, settings)
            if not changed:
                _check_links(run_dir)
                return run_dir
            if changed <= {"manifest_sha256", "preprocessing_revision"}:
                raise TrainingError(
                    f"The dataset {settings['data']} has changed since the run in {run_dir} "
                    f"started; delete that directory, or choose a new --output."
                )
        if wanted:
            raise TrainingError(
                f"--output {wanted} is not empty and has no unfinished run with these settings; "
                f"choose a new directory."
            )
    raise AssertionError("unreachable: there is always another name")


@contextmanager
def lock_run_dir(run_dir: Path) -> Iterator[None]:
    """Locks a run directory; the operating system releases the lock if the process is killed.

    Raises:
      TrainingError: another training has locked the directory.
    """
    descriptor = os.open(run_dir, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise TrainingError(
            f"Another training is writing to {run_dir}; wait for it, or choose another --output."
        ) from None
    finally:
        os.close(descriptor)


def finished_metrics(run_dir: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the metrics of a finished run with these settings; None if there is none."""
    saved = _read_settings(run_dir)
    if not is_finished(run_dir) or saved is None or _changed_settings(saved, settings):
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
    """Checks the metrics that reports show.

    Raises:
      KeyError, TypeError, ValueError: a metric is missing or invalid.
    """
    numbers = [metrics[name] for name in ("people", "chance", "parameters", "epochs", "seconds")]
    for split in SPLITS:
        shares = metrics[split]
        numbers += [shares[name] for name in ("accuracy", "correct", "pairs", "low", "high")]
    for number in numbers:
        if type(number) not in (int, float) or not 0 <= number <= MAX_INT64:
            raise TypeError("a metric is not a number")
    RunMetrics.from_json(metrics)
    if metrics["model"] not in MODELS:
        raise ValueError("the model is unknown")


def is_finished(run_dir: Path) -> bool:
    """Returns whether a run is finished; its metrics are written last."""
    return (run_dir / METRICS_NAME).is_file()


def run_settings(
    model: str, data: TrainingData, recipe: Mapping[str, Any], execution: Execution
) -> dict[str, Any]:
    """Returns the contents of `settings.json`: everything that the results of a run depend on.

    Raises:
      DatasetError: the feature settings of the dataset are invalid.
    """
    feature_settings(data.manifest)
    return {
        "model": model,
        **recipe,
        **asdict(execution),
        "data": str(data.data_dir.absolute()),
        "manifest_sha256": data.manifest_sha256,
        "preprocessing_revision": getattr(data.manifest, "preprocessing_revision", 1),
        "split_by": data.manifest.plan.get("split_by"),
        "backend": keras.backend.backend(),
        "software": {name: metadata.version(name) for name in RECORDED_PACKAGES},
    }


def _check_links(run_dir: Path) -> None:
    """Checks that a run to resume, which may come from someone else, has no symbolic links."""
    try:
        check_no_links(run_dir)
    except OSError as error:
        raise TrainingError(f"{run_dir} cannot be written: {error.strerror}.") from None


def _changed_settings(saved: Mapping[str, Any], settings: Mapping[str, Any]) -> set[str]:
    """Returns the names of settings that differ, except for the location of the data."""
    before, now = _comparable(saved), _comparable(settings)
    return {name for name in now if before.get(name) != now[name]} - {"data", "service"}


def _comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings of any release as the current one writes them.

    Earlier releases wrote their own version and no preprocessing revision.
    """
    software = settings.get("software")
    if isinstance(software, dict):
        software = {name: version for name, version in software.items() if name != "facevoice"}
    return {"preprocessing_revision": 1, **settings, "software": software}


def _read_settings(run_dir: Path) -> dict[str, Any] | None:
    """Returns the settings of a run; None if there are none that can be read."""
    try:
        settings = read_json(run_dir / SETTINGS_NAME)
    except (FileNotFoundError, ValueError):
        return None
    return settings if isinstance(settings, dict) else None
