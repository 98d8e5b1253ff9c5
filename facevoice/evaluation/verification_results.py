"""Evaluates verification: of pairs of examples, and of listed trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.conditions import condition_metrics
from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.results import Result
from facevoice.evaluation.scoring import (
    Examples,
    Floats,
    Scorer,
    TrialScores,
    has_both_kinds,
    same_video,
    score_metrics,
)
from facevoice.evaluation.trial_checks import count_label_conflicts, count_trials, find_people
from facevoice.evaluation.trials import Trials
from facevoice.evaluation.verification import det_curve, sample_pairs
from facevoice.reports import evaluation_figures
from facevoice.reports.drawing import DrawFigure
from facevoice.reports.results import MIN_SAME_PAIRS

TRIAL_SCORES_NAME = "trial_scores.txt"


def evaluate_pairs(
    examples: Examples,
    videos: Sequence[NDArray[np.str_]],
    scorer: Scorer,
    meta: Mapping[str, Mapping[str, str]],
) -> Result | None:
    """Evaluates verification on pairs of examples.

    Args:
      examples: by modality.
      videos: arrays str [examples], such as the videos of the faces and of the clips.
      scorer: scores pairs.
      meta: person to the columns of the metadata file.

    Returns:
      None without a pair of two people, or without one of one person.
    """
    identities = next(iter(examples.values())).people
    if not has_both_kinds(identities):
        return None
    n = len(identities)
    first, second = sample_pairs(identities)
    scores = scorer(examples, first, second)
    people = (identities[first], identities[second])
    same = people[0] == people[1]
    is_same_video = same_video(videos, first, second)
    across = ~(same & is_same_video)
    metrics = {
        "people": len(set(identities.tolist())),
        "possible_pairs": n * (n - 1) // 2,
        "pairs": len(first),
        "all": score_metrics(same, scores, people),
        "across_videos": score_metrics(
            same[across], scores.where(across), (people[0][across], people[1][across])
        ),
        "conditions": condition_metrics(same, people, scores, meta, is_same_video),
        **scorer.describe(),
    }
    compared = {"all pairs": np.ones_like(same)}
    if not across.all():
        compared["pairs across videos"] = across
    draw = drawn_det({name: (same[at], scores.raw[at]) for name, at in compared.items()})
    arrays = {
        "pair_first": first.astype(np.int32),
        "pair_second": second.astype(np.int32),
        "pair_same": same,
        "pair_across_videos": across,
        **_score_arrays("pair", scores),
    }
    return Result(metrics, arrays, {"det.png": draw} if draw else {})


def evaluate_listed(
    trials: Trials,
    kept: NDArray[np.bool_],
    examples: Examples,
    scorer: Scorer,
    meta: Mapping[str, Mapping[str, str]],
    system: str = "",
) -> Result:
    """Evaluates the usable trials of a list.

    Args:
      trials: the list.
      kept: bool [trials], which ones are usable.
      examples: one row for each file of the list, by modality.
      scorer: scores trials.
      meta: person to the columns of the metadata file.
      system: part of the names of arrays and files of scores, where there are several.

    Raises:
      EvaluationError: the usable trials are all of one kind.
    """
    same, first, second = trials.same[kept], trials.first[kept], trials.second[kept]
    scores = scorer(examples, first, second)
    names = next(iter(examples.values())).people
    people = (names[first], names[second])
    # Intervals need the people of all files, as the labels say.
    are_named = bool((people[0] != "").all() and ((people[0] == people[1]) == same).all())
    metrics = score_metrics(same, scores, people if are_named else None)
    if metrics is None:
        raise EvaluationError(
            "Without the files that cannot be used, all trials are of one kind; error rates need "
            "trials of the same person and of different people."
        )
    draw = drawn_det({"listed trials": (same, scores.raw)})
    prefix = f"trial_{system}" if system else "trial"
    return Result(
        {
            "left_out": int((~kept).sum()),
            **metrics,
            "conditions": condition_metrics(same, people, scores, meta),
            **scorer.describe(),
        },
        {
            f"{prefix}_lines": trials.lines[kept],
            f"{prefix}_same": same,
            **_score_arrays(prefix, scores),
        },
        {"trials_det.png": draw} if draw else {},
        {
            trial_scores_name(kind, system): _score_lines(trials, first, second, values)
            for kind, values in scores.items()
        },
    )


def count_listed(trials: Trials, people: Sequence[str]) -> dict[str, int]:
    """Returns the numbers of listed trials and files, and of what a clean list does not have.

    Args:
      trials: the list.
      people: the person of each file, '' if unknown.
    """
    listed = (trials.same, trials.first, trials.second)
    return {
        "trials": len(trials.same),
        "files": len(trials.files),
        **asdict(count_trials(*listed, trials.files)),
        "label_conflicts": count_label_conflicts(*listed, people),
    }


def people_of_files(files: Sequence[str], meta: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Returns the person of each listed file, '' if its path does not tell.

    Args:
      files: paths.
      meta: identity to the columns of the metadata file, such as `id`.
    """
    ids = {columns["id"]: identity for identity, columns in meta.items() if "id" in columns}
    return find_people(files, ids | {identity: identity for identity in meta})


def trial_scores_name(kind: str, system: str = "") -> str:
    """Returns the name of a file of scores of trials.

    Args:
      kind: 'raw', 'as_norm', 'raw_llr' or 'as_norm_llr'.
      system: 'face', 'voice' or 'fusion' where there are several, else ''.
    """
    parts = [Path(TRIAL_SCORES_NAME).stem, system, "" if kind == "raw" else kind]
    return "_".join(filter(None, parts)) + ".txt"


TRIAL_SCORES_NAMES = tuple(
    trial_scores_name(kind, system)
    for system in ("", "face", "voice", "fusion")
    for kind in ("raw", "as_norm", "raw_llr", "as_norm_llr")
)


def _score_arrays(prefix: str, scores: TrialScores) -> dict[str, NDArray[Any]]:
    """Returns the entries of scores.npz: `pair_scores`, `pair_as_norm`, `pair_raw_llr`, ..."""
    return {
        f"{prefix}_{'scores' if kind == 'raw' else kind}": values for kind, values in scores.items()
    }


def _score_lines(
    trials: Trials, first: NDArray[np.int64], second: NDArray[np.int64], scores: Floats
) -> str:
    """Returns a line "score path path" for each trial that was scored."""
    return "".join(
        f"{score:.9g} {trials.files[one]} {trials.files[other]}\n"
        for score, one, other in zip(scores.tolist(), first, second, strict=True)
    )


def drawn_det(
    compared: Mapping[str, tuple[NDArray[np.bool_], Floats]],
) -> DrawFigure | None:
    """Returns a function that draws DET curves; None if all have too few pairs of one person.

    Args:
      compared: description to bool [pairs], whether a pair is of one person, and its scores.
    """
    curves = {
        name: det_curve(same, scores)
        for name, (same, scores) in compared.items()
        if same.sum() >= MIN_SAME_PAIRS
    }
    rates = {name: (curve.false_accepts, curve.misses) for name, curve in curves.items()}
    return partial(evaluation_figures.det_curve, rates) if rates else None
