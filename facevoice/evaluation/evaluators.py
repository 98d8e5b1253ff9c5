"""Evaluates predictions: metrics, the arrays they are computed from, and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.encoders.exposure import exposure, exposures, is_id
from facevoice.evaluation.comparison import compare
from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.identification import (
    average_by_group,
    calibration,
    ranks,
    shares_by,
    shares_by_meta,
    top_shares,
)
from facevoice.evaluation.metrics import confusion_matrix, macro_average, wilson_interval
from facevoice.evaluation.open_set import max_probability, open_set_metrics
from facevoice.evaluation.predictions import Predictions
from facevoice.evaluation.results import Result
from facevoice.evaluation.run_scoring import model_examples
from facevoice.evaluation.runs import Run
from facevoice.evaluation.scoring import Scorer
from facevoice.evaluation.trials import TrialEmbeddings, Trials
from facevoice.evaluation.verification_results import (
    count_listed,
    evaluate_listed,
    evaluate_pairs,
    people_of_files,
)
from facevoice.reports import evaluation_figures
from facevoice.reports.drawing import DrawFigure
from facevoice.reports.figure_text import numbered_names
from tfdata.manifest import Manifest

MOST_CONFUSIONS = 20
# With more people, the confusion matrix is not drawn; its most frequent confusions are listed.
MOST_DRAWN = 60


def summarize_data(
    run: Run, data_dir: Path, split: str, predictions: Predictions, manifest: Manifest
) -> Result:
    """Counts the examples, those of unknown people, of training videos and known to encoders."""
    unknown = predictions.unknown
    seen = exposures(manifest, run.used_encoders)
    videos = zip(predictions.identities.tolist(), predictions.sessions.tolist(), strict=True)
    return Result(
        {
            "run": str(run.run_dir),
            "model": run.model,
            "data": str(data_dir),
            "split": split,
            "pairs": len(predictions.keys),
            "pairs_of_seen_videos": sum(video in run.videos for video in videos),
            "unknown_people": len(set(unknown.identities.tolist())),
            "unknown_pairs": len(unknown.keys),
            **({"exposures": [asdict(each) for each in seen]} if seen else {}),
        }
    )


def evaluate_identification(run: Run, known: Predictions, manifest: Manifest) -> Result:
    """Evaluates closed-set identification on known people."""
    if not len(known.keys):
        return Result({"identification": None})
    probabilities, labels = known.probabilities, known.labels
    correct = ranks(probabilities, labels) == 0
    levels: dict[str, tuple[NDArray[Any], NDArray[np.int64]]] = {"pairs": (probabilities, labels)}
    if run.modality != "image":
        clips = (known.identities, known.clips)
        levels["clips"] = average_by_group(probabilities, labels, clips)
    videos = (known.identities, known.sessions)
    levels["videos"] = average_by_group(probabilities, labels, videos)
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), len(run.people))
    calibrated = calibration(probabilities, labels)
    by_person = shares_by(correct, known.identities.tolist())
    meta = {identity: person.meta for identity, person in manifest.people.items()}
    metrics = {
        "chance": 1 / len(run.people),
        "levels": {
            level: {name: asdict(share) for name, share in top_shares(*found).items()}
            for level, found in levels.items()
        },
        "macro_accuracy": macro_average(each.share for each in by_person.values()),
        "calibration": asdict(calibrated),
        "by_person": _dicts(by_person),
        "by_meta": {
            name: _dicts(shares)
            for name, shares in shares_by_meta(correct, known.identities, meta).items()
        },
        "confusions": frequent_confusions(confusion, run.people),
    }
    pictures: dict[str, DrawFigure] = {
        "reliability.png": partial(
            evaluation_figures.reliability_diagram,
            calibrated.counts,
            calibrated.accuracy,
            [
                wilson_interval(round(share * count), count) if count else (0.0, 0.0)
                for share, count in zip(calibrated.accuracy, calibrated.counts, strict=True)
            ],
        )
    }
    if len(run.people) <= MOST_DRAWN:
        pictures["confusion.png"] = partial(
            evaluation_figures.confusion_matrix, confusion, run.people
        )
    numbered = numbered_names(run.people)
    found = {"identification": metrics, **({"numbered_names": numbered} if numbered else {})}
    return Result(found, {"confusion": confusion}, pictures)


def evaluate_verification(
    run: Run, predictions: Predictions, scorer: Scorer, manifest: Manifest
) -> Result:
    """Evaluates verification on pairs of examples of known and unknown people.

    `across_videos` excludes pairs of one person in one video. These share microphone, room and
    lighting, which makes them easy.
    """
    meta = {identity: person.meta for identity, person in manifest.people.items()}
    found = evaluate_pairs(
        model_examples(predictions.embeddings, predictions.identities),
        [predictions.sessions],
        scorer,
        meta,
    )
    if found is None:
        return Result({"verification": None})
    trained = set(predictions.identities.tolist()) & set(run.people)
    metrics = {"trained_people": len(trained), **found.metrics}
    return replace(found, metrics={"verification": metrics})


def evaluate_trials(
    run: Run, trials: Trials, embedded: TrialEmbeddings, scorer: Scorer, manifest: Manifest
) -> Result:
    """Evaluates verification on listed trials.

    `trained_people` is None if the paths do not tell whether people are in the training data.

    Args:
      run: the run.
      trials: the list.
      embedded: embeddings of its files.
      scorer: scores trials.
      manifest: of the dataset of the scorer's cohort.

    Raises:
      EvaluationError: the usable trials are all of one kind.
    """
    readable = np.array([file not in embedded.unreadable for file in trials.files])
    kept = readable[trials.first] & readable[trials.second]
    meta = {identity: person.meta for identity, person in manifest.people.items()} | dict(run.meta)
    people = people_of_files(trials.files, meta)
    examples = model_examples(embedded.embeddings, np.array(people))
    found = evaluate_listed(trials, kept, examples, scorer, meta)
    trained = set(people) & set(run.people)
    in_paths = sorted({part for file in trials.files for part in file.split("/") if is_id(part)})
    seen = [exposure(each.name, key, in_paths) for key, each in run.used_encoders.items()]
    metrics = {
        **count_listed(trials, people),
        "unreadable": embedded.unreadable,
        "windows_passed_over": embedded.skipped_windows,
        "people": len(set(people) - {""} if trained or all(people) else trials.speakers),
        "trained_people": len(trained) if trained or all(people) else None,
        **({"exposures": [asdict(each) for each in seen]} if seen else {}),
        **found.metrics,
    }
    return replace(found, metrics={"trials": metrics})


def evaluate_open_set(
    run: Run, known: Predictions, unknown: Predictions, false_accept_rate: float
) -> Result:
    """Evaluates open-set identification on known and unknown people.

    Raises:
      EvaluationError: there are no known people.
    """
    if not len(known.keys):
        raise EvaluationError(
            f"{run.run_dir} was trained on none of the people of --data, but --unknown needs known "
            f"people, too; omit --unknown, or use a dataset with people of the training."
        )
    scores = max_probability(unknown.probabilities)
    found = open_set_metrics(
        max_probability(known.probabilities),
        ranks(known.probabilities, known.labels) == 0,
        scores,
        unknown.identities,
        false_accept_rate,
    )
    arrays: dict[str, NDArray[Any]] = {
        "unknown_scores": scores,
        "unknown_identities": unknown.identities,
        "unknown_keys": unknown.keys,
    }
    return Result({"unknown": asdict(found)}, arrays)


def evaluate_comparison(
    run: Run, known: Predictions, other: Run, other_known: Predictions
) -> Result:
    """Compares two runs on the same examples of known people.

    Raises:
      EvaluationError: the runs have different classes, or there are no known people.
    """
    if set(run.people) != set(other.people):
        raise EvaluationError(
            f"{run.run_dir} and {other.run_dir} were trained on different people and cannot be "
            f"compared; train both on one dataset."
        )
    if not len(known.keys):
        raise EvaluationError(
            f"{run.run_dir} and {other.run_dir} were trained on none of the people of --data, so "
            f"there is nothing to compare; omit --compare."
        )
    correct = ranks(known.probabilities, known.labels) == 0
    other_correct = ranks(other_known.probabilities, other_known.labels) == 0
    found = compare(correct, other_correct, (known.identities, known.sessions))
    metrics = {"with": other.model, "run": str(other.run_dir), **asdict(found)}
    return Result({"comparison": metrics}, {"right": correct, "other_right": other_correct})


def frequent_confusions(
    confusion: NDArray[np.int64], people: Sequence[str]
) -> list[dict[str, Any]]:
    """Returns the most frequent confusions, most frequent first."""
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    cells = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [
        {"person": people[row], "named": people[column], "pairs": int(wrong[row, column])}
        for row, column in cells
        if wrong[row, column]
    ]


def _dicts(shares: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asdict(share) for name, share in shares.items()}
