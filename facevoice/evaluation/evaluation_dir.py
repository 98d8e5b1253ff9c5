"""Writes evaluation directories, RUN/evaluation-SPLIT.

They hold `metrics.json`, `report.html`, figures, and `scores.npz`, and with --trials
`trial_scores.txt`, a line "score path path" for each trial that was scored. All metrics can be
recomputed from the arrays of `scores.npz`, which contain no media:

    classes                              str [classes], the identities of the model's classes
    labels, probabilities, embeddings, identities, sessions, clips, window_starts, keys
                                         one row per example, see `predictions.Predictions`
    confusion                            int64 [classes, classes], true by predicted class
    pair_first, pair_second              int32 [pairs], rows of the compared examples
    pair_same, pair_scores               bool and float32 [pairs], same person and cosine
    pair_as_norm, pair_raw_llr, pair_as_norm_llr
                                         float64 [pairs], see `scoring.TrialScores`; as far as there
                                         are a cohort and a calibration
    trial_lines, trial_same, trial_scores, trial_as_norm, trial_raw_llr, trial_as_norm_llr
                                         for --trials; line numbers start at 1
    unknown_scores, unknown_identities, unknown_keys
                                         for --unknown, one row per example
    face_margin, voice_margin            float64, nats, for a product of experts, see
                                         `fusion_analysis`; for examples whose label is not -1
    <system>_embeddings, faces, clips, face_videos, voice_videos
                                         for --encoders, instead of the rows of predictions; systems
                                         are face, voice and fusion
    <system>_pair_..., trial_<system>_...
                                         as above
    right, other_right                   for --compare: bool, correct predictions, for examples
                                         whose label is not -1
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.predictions import Predictions
from facevoice.evaluation.results import Result
from facevoice.evaluation.runs import Run
from facevoice.evaluation.verification_results import TRIAL_SCORES_NAMES
from facevoice.reports.drawing import DrawFigure, draw_figures
from facevoice.reports.evaluation_report import evaluation_report
from tfdata.storage.files import check_no_links, is_clutter, replace_file

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


def check_output_dir(folder: Path, *, named: bool) -> None:
    """Checks that a directory can be written and holds nothing but an earlier evaluation.

    Args:
      folder: the output directory.
      named: whether the user chose it with --output; then it may be a symbolic link.

    Raises:
      EvaluationError: the directory cannot be used.
    """
    if folder.is_symlink() and not named:
        raise EvaluationError(
            f"{folder} is a symbolic link, which is not followed; remove it, or choose a directory "
            f"with --output."
        )
    if not folder.exists():
        return
    try:
        check_no_links(folder)
    except OSError as error:
        raise EvaluationError(f"{folder} cannot be written: {error.strerror}.") from None
    if not folder.is_dir():
        raise EvaluationError(f"{folder} is not a directory; choose another one with --output.")
    expected = {SCORES_NAME, METRICS_NAME, REPORT_NAME, *TRIAL_SCORES_NAMES, *PICTURE_NAMES}
    found = {path.name for path in folder.iterdir() if not is_clutter(path.name)}
    if others := sorted(found - expected):
        raise EvaluationError(
            f"{folder} contains {others[0]}, which is not part of an evaluation; choose another "
            f"directory with --output."
        )


def write_evaluation(
    folder: Path, run: Run, predictions: Predictions, results: Iterable[Result]
) -> dict[str, Any]:
    """Writes an evaluation, replacing an earlier one, and returns its metrics.

    The same arguments give the same bytes. `metrics.json` is written last and marks a complete
    evaluation.

    Args:
      folder: the output directory.
      run: the run.
      predictions: its predictions.
      results: results of the evaluators.
    """
    arrays: dict[str, NDArray[Any]] = {"classes": np.array(run.people)}
    arrays |= {field.name: getattr(predictions, field.name) for field in fields(predictions)}
    return write_results(folder, [Result({}, arrays), *results], evaluation_report)


def write_results(
    folder: Path,
    results: Iterable[Result],
    render: Callable[[Mapping[str, Any], Mapping[str, bytes]], str],
) -> dict[str, Any]:
    """Writes the results of evaluators; see `write_evaluation`.

    Args:
      folder: the output directory.
      results: of the evaluators.
      render: returns the report for the metrics and the figures.
    """
    metrics: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    figures: dict[str, DrawFigure] = {}
    texts: dict[str, str] = {}
    for result in results:
        metrics |= result.metrics
        arrays |= result.arrays
        figures |= result.pictures
        texts |= result.texts
    pictures = draw_figures(figures)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (METRICS_NAME, REPORT_NAME, SCORES_NAME, *TRIAL_SCORES_NAMES, *PICTURE_NAMES):
        (folder / name).unlink(missing_ok=True)
    scores = io.BytesIO()
    np.savez_compressed(scores, **arrays)
    replace_file(folder / SCORES_NAME, scores.getvalue())
    for name, png in pictures.items():
        replace_file(folder / name, png)
    for name, text in texts.items():
        replace_file(folder / name, text.encode())
    replace_file(folder / REPORT_NAME, render(metrics, pictures).encode())
    _write_json(folder / METRICS_NAME, metrics)
    return metrics


def write_threshold(run: Run, unknown: dict[str, Any]) -> Path:
    """Writes the threshold for unknown people to the run directory; returns its path.

    A prediction whose largest probability is not above `threshold` is an unknown person.

    Args:
      run: the run.
      unknown: the metrics of `evaluators.evaluate_open_set`.
    """
    path = run.run_dir / THRESHOLD_NAME
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
