"""Run directories: choosing, locking and resuming them, and their metrics."""

from __future__ import annotations

import fcntl
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facevoice.plugins import short_name
from facevoice.reports.results import RunMetrics
from facevoice.run_layout import METRICS_NAME, RUNS, SETTINGS_NAME
from facevoice.training import extension
from facevoice.training.errors import TrainingError
from facevoice.training.run_settings import (
    DATASET,
    EPOCHS,
    describe,
    differences,
    is_software,
    read_settings,
    write_settings,
)
from facevoice.training.run_settings import run_settings as run_settings
from models import MODELS
from tfdata.command_line import say
from tfdata.fields import MAX_INT64
from tfdata.schema import SPLITS
from tfdata.storage.files import check_no_links, is_clutter, read_json
from tfdata.text import counted

# A temporary file of an interrupted start.
_TEMPORARY_FILE = re.compile(rf"{re.escape(SETTINGS_NAME)}(\.[0-9a-f]{{32}})?\.tmp")


def find_finished(wanted: Path | None, settings: Mapping[str, Any]) -> Path | None:
    """Returns the directory of a finished run whose result is that of these settings.

    Versions of packages do not count. Neither does the number of epochs of a run that stopped
    early.

    Args:
      wanted: the directory; None searches runs/MODEL, runs/MODEL-2, ...
      settings: of `run_settings`.
    """
    for run_dir in _candidates(wanted, settings):
        if not run_dir.is_dir():
            return None
        saved = read_settings(run_dir)
        if saved is None or not is_finished(run_dir):
            continue
        changed = differences(saved, settings)
        if is_software(changed):
            return run_dir
        if changed.keys() == {EPOCHS}:
            metrics = read_metrics(run_dir)
            if extension.stopped_early(metrics, saved, settings[EPOCHS]):
                return run_dir
    return None


def finished_line(run_dir: Path, settings: Mapping[str, Any]) -> str:
    """Returns a line about a finished run, for `find_finished`."""
    changed = differences(read_settings(run_dir) or {}, settings)
    line = f"{settings['model']} is finished in {run_dir}"
    if EPOCHS in changed:
        epochs = counted(read_metrics(run_dir)[EPOCHS], "epoch")
        return f"{line}; it stopped early after {epochs}, so --epochs changes nothing."
    return f"{line}, trained with other packages ({describe(changed)})." if changed else f"{line}."


def open_run_dir(wanted: Path | None, settings: Mapping[str, Any]) -> Path:
    """Returns a run directory for these settings: one to resume or to extend, or a new one.

    Results of finished runs are kept, except if only the number of epochs is larger.

    Args:
      wanted: the directory; None uses the first suitable one of runs/MODEL, runs/MODEL-2, ...
      settings: of `run_settings`.

    Raises:
      TrainingError: the wanted directory has other contents; the dataset of the unfinished run has
        changed; the unfinished run contains a symbolic link; or the directory cannot be written.
    """
    passed: list[tuple[int, str]] = []  # number of differences, and a sentence
    for run_dir in _candidates(wanted, settings):
        if _begins(run_dir, settings):
            if passed:
                say(f"Starting a new run in {run_dir}, because {min(passed)[1]}.")
            return run_dir
        difference, count = _why_not_resumed(run_dir, settings)
        if not difference:
            _check_links(run_dir)
            return run_dir
        if wanted:
            raise TrainingError(
                f"--output {wanted} is not empty and has no unfinished run with these settings "
                f"({difference}); choose a new directory."
            )
        passed.append((count, f"{run_dir} has a run with other settings ({difference})"))
    raise AssertionError("unreachable: there is always another name")


def _begins(run_dir: Path, settings: Mapping[str, Any]) -> bool:
    """Begins a run in a directory that is missing or empty; returns False for another directory.

    Raises:
      TrainingError: the directory cannot be written.
    """
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        if read_settings(run_dir) is not None or _contents(run_dir):
            return False
        write_settings(run_dir, settings)
    except OSError as error:
        raise TrainingError(f"{run_dir} cannot be written: {error.strerror}.") from None
    return True


def _contents(run_dir: Path) -> list[str]:
    """Returns the names of the files in a directory that are not left by an interrupted start."""
    names = (path.name for path in run_dir.iterdir() if not is_clutter(path.name))
    return [name for name in names if not _TEMPORARY_FILE.fullmatch(name)]


def _why_not_resumed(run_dir: Path, settings: Mapping[str, Any]) -> tuple[str, int]:
    """Returns why a directory has no run to resume or to extend, "" if it has one.

    The number is that of the settings that differ.

    Raises:
      TrainingError: the dataset of the unfinished run has changed.
    """
    saved = read_settings(run_dir)
    if saved is None:
        return f"it contains {_contents(run_dir)[0]}", 0
    changed, finished = differences(saved, settings), is_finished(run_dir)
    if changed.keys() == {EPOCHS}:
        reason = _why_not_extended(run_dir, settings, finished)
        return f"{describe(changed)}; {reason}" if reason else "", len(changed)
    if not (changed or finished):
        return "", 0
    if not finished and changed.keys() <= DATASET:
        raise TrainingError(
            f"The dataset {settings['data']} has changed since the run in {run_dir} started; "
            f"delete that directory, or choose a new --output."
        )
    return describe(changed) if changed else "its run is finished", len(changed)


def adopt_settings(run_dir: Path, settings: Mapping[str, Any]) -> None:
    """Prepares a locked run directory of `open_run_dir` for these settings.

    Extends a run with fewer epochs, and records where the dataset is now.

    Raises:
      TrainingError: the directory cannot be written.
    """
    saved = read_settings(run_dir) or settings
    adopted = {**saved, "data": settings["data"]}
    try:
        if EPOCHS in settings and saved[EPOCHS] != settings[EPOCHS]:
            adopted[EPOCHS] = settings[EPOCHS]
            say(
                f"Continuing the run in {run_dir} with {counted(settings[EPOCHS], 'epoch')} "
                f"instead of {saved[EPOCHS]}."
            )
            if is_finished(run_dir):
                extension.reopen(run_dir, read_metrics(run_dir))
        if adopted != saved:
            write_settings(run_dir, adopted)
    except OSError as error:
        path = error.filename or run_dir
        raise TrainingError(f"{path} cannot be written: {error.strerror}.") from None


def _why_not_extended(run_dir: Path, settings: Mapping[str, Any], finished: bool) -> str | None:
    """Returns why a run cannot have the epochs of these settings; None if it can."""
    if finished:
        return extension.why_not_finished(run_dir, read_metrics(run_dir), settings)
    return extension.why_not_unfinished(run_dir, settings)


def _candidates(wanted: Path | None, settings: Mapping[str, Any]) -> Iterator[Path]:
    """Yields the wanted directory, or runs/MODEL, runs/MODEL-2, ..."""
    if wanted:
        yield wanted
        return
    model = short_name(settings["model"])
    yield RUNS / model
    yield from (RUNS / f"{model}-{number}" for number in itertools.count(2))


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


def _check_links(run_dir: Path) -> None:
    """Checks that a run to resume, which may come from someone else, has no symbolic links."""
    try:
        check_no_links(run_dir)
    except OSError as error:
        raise TrainingError(f"{run_dir} cannot be written: {error.strerror}.") from None
