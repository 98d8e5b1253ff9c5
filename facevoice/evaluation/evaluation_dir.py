"""The folder of one evaluation, RUN/evaluation-SPLIT: what goes into it.

`metrics.json`, `report.html`, pictures, and `scores.npz`: every figure can be recomputed from its
arrays, and they hold no picture and no sound.

    classes                              str [classes], the people whom the model knows
    labels, probabilities, embeddings, identities, sessions, clips, window_starts, keys
                                         a row an example, see `predictions.Answers`
    confusion                            int64 [classes, classes], who it was by who was named
    pair_first, pair_second              int32 [pairs], rows of the examples that are compared
    pair_same, pair_scores               bool and float32 [pairs], one person or two, cosine
    trial_lines, trial_same, trial_scores
                                         of --trials; lines count from 1
    unknown_scores, unknown_identities, unknown_keys
                                         of --unknown, a row an example
    face_margin, voice_margin            float64, nats, of a product of experts, see
                                         `fusion_analysis`; of examples whose label is not -1
    right, other_right                   of --compare: bool, of the examples whose label is not -1
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.evaluators import Part
from facevoice.evaluation.predictions import Answers
from facevoice.evaluation.runs import Run
from facevoice.reports.evaluation_report import evaluation_report
from tfdata.storage.files import check_no_links, create_file, replace_file

SCORES_NAME, METRICS_NAME, REPORT_NAME = "scores.npz", "metrics.json", "report.html"
PICTURE_NAMES = (
    "confusion.png",
    "confused.png",
    "weighing.png",
    "robustness.png",
    "reliability.png",
    "det.png",
    "trials_det.png",
)
THRESHOLD_NAME = "threshold.json"


def check_folder(folder: Path, *, named: bool) -> None:
    """Refuses a folder with what no evaluation has left there.

    Args:
      folder: to be written to.
      named: whether the user named it, who may name a symbolic link.

    Raises:
      EvaluationError: names the folder.
    """
    if folder.is_symlink() and not named:
        raise EvaluationError(
            f"{folder} is a symbolic link, which is not followed; remove it, or name the folder "
            f"with --output."
        )
    if not folder.exists():
        return
    try:
        check_no_links(folder)
    except OSError as error:
        raise EvaluationError(f"{folder} cannot be written: {error.strerror}.") from None
    if not folder.is_dir():
        raise EvaluationError(f"{folder} is not a folder; name a new one with --output.")
    own = {SCORES_NAME, METRICS_NAME, REPORT_NAME, *PICTURE_NAMES}
    found = {path.name for path in folder.iterdir()}
    if strange := sorted(found - own):
        raise EvaluationError(
            f"{folder} holds {strange[0]}, which is not of an evaluation; name a new folder with "
            f"--output."
        )


def write_folder(folder: Path, run: Run, answers: Answers, parts: Iterable[Part]) -> dict[str, Any]:
    """Writes an evaluation, over an earlier one in the same folder; returns its metrics.

    The same arguments give the same bytes. `metrics.json` comes last: a folder with it is whole.
    """
    metrics: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {"classes": np.array(run.people)}
    arrays |= {field.name: getattr(answers, field.name) for field in fields(answers)}
    pictures: dict[str, bytes] = {}
    for part in parts:
        metrics |= part.metrics
        arrays |= part.arrays
        pictures |= part.pictures
    folder.mkdir(parents=True, exist_ok=True)
    for name in (METRICS_NAME, REPORT_NAME, SCORES_NAME, *PICTURE_NAMES):
        (folder / name).unlink(missing_ok=True)
    with create_file(folder / SCORES_NAME) as file:
        np.savez_compressed(file, **arrays)
    for name, png in pictures.items():
        replace_file(folder / name, png)
    html = evaluation_report(metrics, pictures)
    replace_file(folder / REPORT_NAME, html.encode())
    _write_json(folder / METRICS_NAME, metrics)
    return metrics


def write_threshold(run: Run, unknown: dict[str, Any]) -> Path:
    """Keeps the threshold of 'nobody I know' with the run, for whoever asks it later.

    An answer whose largest probability is not above `threshold` is nobody whom the model knows.
    """
    path = run.folder / THRESHOLD_NAME
    _write_json(
        path,
        {
            "score": "max_probability",
            "threshold": unknown["threshold"],
            "false_accept_rate": unknown["false_accept_rate"],
            "unknown_people": unknown["people"],
            "unknown_examples": unknown["false_accepts"]["total"],
        },
    )
    return path


def _write_json(path: Path, values: dict[str, Any]) -> None:
    text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
    replace_file(path, text.encode())
