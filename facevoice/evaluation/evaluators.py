"""The parts of an evaluation: from answers to figures, the arrays behind them, and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.comparison import compare
from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.identification import (
    averaged,
    calibration,
    ranks,
    shares_by,
    shares_by_meta,
    top_shares,
)
from facevoice.evaluation.metrics import confusion_matrix
from facevoice.evaluation.open_set import Rejection, rejection, scores_of
from facevoice.evaluation.predictions import Answers
from facevoice.evaluation.runs import Run
from facevoice.evaluation.trials import Embedded, Trials
from facevoice.evaluation.verification import cosine_scores, curve_of, pairs_of, verified
from facevoice.reports import evaluation_figures, figures
from tfdata.schema import Manifest

MOST_CONFUSIONS = 20
# A confusion matrix of more people than this is not drawn; its commonest confusions are listed.
MOST_DRAWN = 60


@dataclass(frozen=True)
class Part:
    """What one question about a run has come to.

    Attributes:
      metrics: for metrics.json.
      arrays: for scores.npz, from which other software can recompute the metrics.
      pictures: file name to PNG.
    """

    metrics: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)


def head_part(run: Run, data_dir: Path, split: str, answers: Answers) -> Part:
    """What was asked, and what of it the model may have met before."""
    strangers = answers.strangers
    asked = zip(answers.identities.tolist(), answers.sessions.tolist(), strict=True)
    return Part(
        {
            "run": str(run.folder),
            "model": run.model,
            "data": str(data_dir),
            "split": split,
            "pairs": len(answers.keys),
            "pairs_of_seen_videos": sum(video in run.videos for video in asked),
            "unknown_people": len(set(strangers.identities.tolist())),
            "unknown_pairs": len(strangers.keys),
        }
    )


def identification_part(run: Run, known: Answers, manifest: Manifest) -> Part:
    """Who is it, asked about people whom the model knows."""
    if not len(known.keys):
        return Part({"identification": None})
    probabilities, labels = known.probabilities, known.labels
    right = ranks(probabilities, labels) == 0
    levels: dict[str, tuple[NDArray[Any], NDArray[np.int64]]] = {"pairs": (probabilities, labels)}
    if run.modality != "image":  # each face is a file of its own
        clips = (known.identities, known.clips)
        levels["clips"] = averaged(probabilities, labels, clips)
    levels["videos"] = averaged(probabilities, labels, (known.identities, known.sessions))
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), len(run.people))
    calibrated = calibration(probabilities, labels)
    meta = {who: person.meta for who, person in manifest.people.items()}
    metrics = {
        "chance": 1 / len(run.people),
        "levels": {
            level: {name: asdict(share) for name, share in top_shares(*found).items()}
            for level, found in levels.items()
        },
        "calibration": asdict(calibrated),
        "by_person": _dicts(shares_by(right, known.identities.tolist())),
        "by_meta": {
            name: _dicts(shares)
            for name, shares in shares_by_meta(right, known.identities, meta).items()
        },
        "confusions": _confusions(confusion, run.people),
    }
    diagram = evaluation_figures.reliability_diagram(
        calibrated.counts, calibrated.confidence, calibrated.accuracy
    )
    pictures = {"reliability.png": diagram}
    if len(run.people) <= MOST_DRAWN:
        pictures["confusion.png"] = figures.confusion_matrix(confusion, run.people)
    return Part({"identification": metrics}, {"confusion": confusion}, pictures)


def verification_part(run: Run, answers: Answers) -> Part:
    """Are these two the same person, asked about all pairs of examples, known people or not.

    `across_videos` leaves out pairs of one person in one video: those share a microphone, a room
    and a light, so they can be told without knowing the person.
    """
    people, n = set(answers.identities.tolist()), len(answers.keys)
    if len(people) in (1, n):  # no pair of two people, or of one
        return Part({"verification": None})
    first, second = pairs_of(answers.identities)
    scores = cosine_scores(answers.embeddings, first, second)
    same = answers.identities[first] == answers.identities[second]
    apart = ~same | (answers.sessions[first] != answers.sessions[second])
    found = {
        "all": verified(same, scores),
        "across_videos": verified(same[apart], scores[apart]),
    }
    metrics = {
        "people": len(people),
        "trained_people": len(people & set(run.people)),
        "possible_pairs": n * (n - 1) // 2,
        "pairs": len(first),
        **{name: asdict(measures) if measures else None for name, measures in found.items()},
    }
    curves = {"all pairs": curve_of(same, scores)}
    if found["across_videos"]:
        curves["across videos"] = curve_of(same[apart], scores[apart])
    return Part(
        {"verification": metrics},
        {
            "pair_first": first.astype(np.int32),
            "pair_second": second.astype(np.int32),
            "pair_same": same,
            "pair_scores": scores,
        },
        {"det.png": _drawn(curves)},
    )


def trials_part(run: Run, trials: Trials, embedded: Embedded) -> Part:
    """Are these two the same person, asked about listed files.

    Raises:
      EvaluationError: what can be used of them is of one kind.
    """
    readable = np.array([file not in embedded.unreadable for file in trials.files])
    kept = readable[trials.first] & readable[trials.second]
    same = trials.same[kept]
    scores = cosine_scores(embedded.embeddings, trials.first[kept], trials.second[kept])
    measures = verified(same, scores)
    if measures is None:
        raise EvaluationError(
            "Without the files that cannot be used, all trials are of one kind; error rates need "
            "both."
        )
    names = set(run.people) | {facts["id"] for facts in run.meta.values() if "id" in facts}
    metrics = {
        "trials": len(trials.same),
        "left_out": int((~kept).sum()),
        "files": len(trials.files),
        "unreadable": embedded.unreadable,
        "windows_passed_over": embedded.passed_over,
        "people": len(trials.speakers),
        "trained_people": len(trials.speakers & names),
        **asdict(measures),
    }
    return Part(
        {"trials": metrics},
        {"trial_lines": trials.lines[kept], "trial_same": same, "trial_scores": scores},
        {"trials_det.png": _drawn({"listed trials": curve_of(same, scores)})},
    )


def unknown_part(run: Run, known: Answers, strangers: Answers, false_accept_rate: float) -> Part:
    """Nobody I know, asked about people of either kind.

    Raises:
      EvaluationError: there is nobody whom the model knows.
    """
    if not len(known.keys):
        raise EvaluationError(
            f"{run.folder} knows nobody of --data, so known people cannot be told from unknown "
            f"ones; leave --unknown out, or name a data set of people whom it knows."
        )
    scores = scores_of(strangers.probabilities)
    found: Rejection = rejection(
        scores_of(known.probabilities),
        ranks(known.probabilities, known.labels) == 0,
        scores,
        strangers.identities,
        false_accept_rate,
    )
    arrays: dict[str, NDArray[Any]] = {
        "unknown_scores": scores,
        "unknown_identities": strangers.identities,
        "unknown_keys": strangers.keys,
    }
    return Part({"unknown": asdict(found)}, arrays)


def comparison_part(run: Run, known: Answers, other: Run, others: Answers) -> Part:
    """Which of two models is better, asked about the same examples.

    Raises:
      EvaluationError: they do not know the same people, or nobody of these.
    """
    if set(run.people) != set(other.people):
        raise EvaluationError(
            f"{run.folder} and {other.folder} do not know the same people, so their answers cannot "
            f"be compared; train both on one data set."
        )
    if not len(known.keys):
        raise EvaluationError(
            f"{run.folder} and {other.folder} know nobody of --data, so there is nothing to "
            f"compare; leave --compare out."
        )
    right = ranks(known.probabilities, known.labels) == 0
    also_right = ranks(others.probabilities, others.labels) == 0
    found = compare(right, also_right, (known.identities, known.sessions))
    metrics = {"with": other.model, "run": str(other.folder), **asdict(found)}
    return Part({"comparison": metrics}, {"right": right, "other_right": also_right})


def _confusions(confusion: NDArray[np.int64], people: tuple[str, ...]) -> list[dict[str, Any]]:
    """The commonest mistakes, most frequent first."""
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    places = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [
        {"person": people[row], "named": people[column], "pairs": int(wrong[row, column])}
        for row, column in places
        if wrong[row, column]
    ]


def _drawn(curves: Mapping[str, Any]) -> bytes:
    return evaluation_figures.det_curve(
        {name: (curve.false_accepts, curve.misses) for name, curve in curves.items()}
    )


def _dicts(shares: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asdict(share) for name, share in shares.items()}
