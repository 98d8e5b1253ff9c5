"""Continues a run with another number of epochs, where its schedule allows that.

With a constant learning rate, a run of 50 epochs begins like one of 25, so the result is that of an
uninterrupted run. A schedule that depends on the number of epochs has no such beginning.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facevoice.evaluation.evaluation_dir import THRESHOLD_NAME
from facevoice.run_layout import METRICS_NAME, MODEL_NAME
from facevoice.training.callbacks import HISTORY_NAME
from facevoice.training.checkpoint import Checkpoint
from facevoice.training.run_settings import EPOCHS
from facevoice.training.train_state import Progress
from models import ModelError
from models.loading import load_model
from tfdata.manifest_reader import load_manifest
from tfdata.text import counted


def why_not_unfinished(run_dir: Path, settings: Mapping[str, Any]) -> str | None:
    """Returns why an unfinished run cannot have the epochs of these settings; None if it can."""
    if reason := _schedule_reason(settings):
        return reason
    progress = Checkpoint(run_dir).read_progress() or Progress()
    if progress.epoch > settings[EPOCHS]:
        return f"it has trained for {counted(progress.epoch, 'epoch')} already"
    return None


def why_not_finished(
    run_dir: Path, metrics: Mapping[str, Any], settings: Mapping[str, Any]
) -> str | None:
    """Returns why a finished run cannot be continued to more epochs; None if it can.

    Args:
      run_dir: directory of the run.
      metrics: of the run.
      settings: with the new number of epochs.
    """
    if reason := _schedule_reason(settings):
        return reason
    if metrics[EPOCHS] > settings[EPOCHS]:
        return f"it has trained for {counted(metrics[EPOCHS], 'epoch')} already"
    try:
        trained = load_model(run_dir / MODEL_NAME, compile=True)
        steps = int(trained.optimizer.iterations)
        pairs = load_manifest(run_dir, check_shards=False).splits["train"].pairs
        _history(run_dir, metrics["best_epoch"])
    except (ModelError, AttributeError, OSError, ValueError, KeyError):
        return "its model or its history cannot be read"
    if steps != metrics["best_epoch"] * math.ceil(pairs / settings["batch_size"]):
        return "an earlier version did not keep the optimiser of its best epoch"
    return None


def stopped_early(metrics: Mapping[str, Any], saved: Mapping[str, Any], epochs: int) -> bool:
    """Returns whether a finished run ended by early stopping, within another number of epochs.

    Args:
      metrics: of the run.
      saved: its settings.
      epochs: the other maximum number of epochs.
    """
    trained, patience = metrics[EPOCHS], saved.get("patience")
    exhausted = patience is not None and trained - metrics["best_epoch"] >= patience
    return exhausted and trained <= epochs and saved.get("schedule") == "constant"


def reopen(run_dir: Path, metrics: Mapping[str, Any]) -> None:
    """Makes a finished run an unfinished one, after its best epoch; see `why_not_finished`.

    Its threshold for unknown people, which belongs to the present model, is removed.
    """
    progress = Progress(
        epoch=metrics["best_epoch"],
        best_epoch=metrics["best_epoch"],
        seconds=metrics["seconds"],
        history=_history(run_dir, metrics["best_epoch"]),
    )
    Checkpoint(run_dir).begin(run_dir / MODEL_NAME, progress)
    (run_dir / METRICS_NAME).unlink()
    (run_dir / THRESHOLD_NAME).unlink(missing_ok=True)


def _schedule_reason(settings: Mapping[str, Any]) -> str | None:
    schedule = settings.get("schedule")
    if schedule == "constant":
        return None
    if schedule is None:
        return "its experts are separate runs"
    return f"its {schedule} schedule depends on the number of epochs"


def _history(run_dir: Path, epochs: int) -> dict[str, list[float]]:
    """Reads the metrics of the first epochs.

    Raises:
      OSError, ValueError: the file cannot be read, or has fewer epochs.
    """
    with (run_dir / HISTORY_NAME).open(newline="") as file:
        rows = list(csv.DictReader(file))[:epochs]
    if len(rows) != epochs or not rows:
        raise ValueError(f"it has {counted(len(rows), 'epoch')}")
    names = [name for name in rows[0] if name != "epoch"]
    return {name: [float(row[name]) for row in rows] for name in names}
