"""Error analysis: confused people, contributions of the experts, and robustness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from facevoice.evaluation.fusion_analysis import (
    count_correct,
    expert_logits,
    expert_weights,
    margins,
)
from facevoice.evaluation.metrics import confusion_matrix
from facevoice.evaluation.predictions import Predictions
from facevoice.evaluation.results import Result
from facevoice.evaluation.robustness import evaluate_robustness
from facevoice.evaluation.runs import Run
from facevoice.features import band_centres_hz
from facevoice.reports import error_analysis_figures, media_figures
from facevoice.reports.drawing import DrawFigure
from facevoice.reports.error_analysis_text import CORRUPTIONS
from facevoice.reports.figure_text import figure_name
from tfdata.examples import Example, read_examples
from tfdata.loader import MODALITIES
from tfdata.manifest import Manifest

MOST_PAIRS_SHOWN = 4


@dataclass(frozen=True)
class Confusion:
    """Two people that a model confuses.

    Attributes:
      person, named: the two people; `person` is predicted as `named` at least as often as the
        reverse.
      pairs: number of examples of `person` predicted as `named`.
      reverse: number of examples of `named` predicted as `person`.
      mistaken: row of the example of `person` with the highest probability of `named`.
      beside: row of the example of `named` with the highest probability of `named`.
    """

    person: str
    named: str
    pairs: int
    reverse: int
    mistaken: int
    beside: int


def analyze_errors(
    run: Run,
    data_dir: Path,
    manifest: Manifest,
    split: str,
    known: Predictions,
    *,
    robust: bool = True,
) -> Iterator[Result]:
    """Yields all results of the error analysis.

    Args:
      run: the run.
      data_dir: the dataset.
      manifest: its manifest.
      split: name of the split.
      known: predictions for known people, at least one.
      robust: whether to evaluate robustness, which runs the model about ten times.
    """
    yield analyze_confusions(run, data_dir, manifest, split, known)
    yield analyze_fusion(run, known)
    if robust:
        yield analyze_robustness(run, data_dir, manifest, split, known)


def analyze_robustness(
    run: Run, data_dir: Path, manifest: Manifest, split: str, known: Predictions
) -> Result:
    """Evaluates the accuracy with missing or corrupted inputs."""
    results = evaluate_robustness(run, data_dir, manifest, split, known)
    found = [asdict(result) for result in results]
    pictures: dict[str, DrawFigure] = {}
    if any(result.kind in CORRUPTIONS for result in results):
        pictures["robustness.png"] = partial(error_analysis_figures.robustness_curves, found)
    return Result({"robustness": found}, pictures=pictures)


def analyze_fusion(run: Run, known: Predictions) -> Result:
    """Analyses the contributions of face and voice in a product of experts."""
    if not run.accepts_missing:
        return Result({"weighing": None})
    face, voice = expert_logits(run, known.embeddings)
    face_margin, voice_margin = margins(face, voice, known.labels)
    found = {"weights": expert_weights(run), **asdict(count_correct(face, voice, known.labels))}
    return Result(
        {"weighing": found},
        {"face_margin": face_margin, "voice_margin": voice_margin},
        {"weighing.png": partial(error_analysis_figures.margin_scatter, face_margin, voice_margin)},
    )


def analyze_confusions(
    run: Run, data_dir: Path, manifest: Manifest, split: str, known: Predictions
) -> Result:
    """Finds the most confused pairs of people and draws an example of each person."""
    found = confusions(known, run.people)
    if not found:
        return Result({"confused": []})
    wanted = {known.keys[row] for each in found for row in (each.mistaken, each.beside)}
    examples = _examples(data_dir, manifest, split, wanted)
    names = {who: figure_name(who, label) for label, who in enumerate(run.people)}
    metrics, shown = [], []
    for each in found:
        values: dict[str, Any] = asdict(each)
        for name in ("mistaken", "beside"):
            values[name] = str(known.keys[values[name]])
        metrics.append(values)
        first = f"predicted as the other: {each.pairs} of {_total(known, each.person)}"
        second = f"predicted as the other: {each.reverse} of {_total(known, each.named)}"
        shown.append(
            (
                (names[each.person], examples[values["mistaken"]], first),
                (names[each.named], examples[values["beside"]], second),
            )
        )
    draw = partial(
        media_figures.confused_pairs,
        shown,
        band_centres_hz(run.features),
        run.features.window_seconds,
        MODALITIES[run.modality],
    )
    return Result({"confused": metrics}, pictures={"confused.png": draw})


def confusions(
    known: Predictions, people: tuple[str, ...], most: int = MOST_PAIRS_SHOWN
) -> list[Confusion]:
    """Returns the most confused pairs of people, sorted by the sum of both directions.

    Pairs with a person without examples are skipped, because they cannot be shown.

    Args:
      known: predictions for known people.
      people: identity of each class.
      most: maximum number of pairs.
    """
    predicted = known.probabilities.argmax(axis=1)
    counts = confusion_matrix(known.labels, predicted, len(people))
    has_examples = np.isin(np.arange(len(people)), known.labels)
    sums = np.triu(counts + counts.T, k=1) * np.outer(has_examples, has_examples)
    order = np.argsort(-sums, axis=None, kind="stable")[:most]
    found = []
    for one, other in zip(*np.unravel_index(order, sums.shape), strict=True):
        if not sums[one, other]:
            break
        a, b = (one, other) if counts[one, other] >= counts[other, one] else (other, one)
        rows_of_b = np.flatnonzero(known.labels == b)
        mistaken = np.flatnonzero((known.labels == a) & (predicted == b))
        surest = [rows[known.probabilities[rows, b].argmax()] for rows in (mistaken, rows_of_b)]
        pairs, reverse = int(counts[a, b]), int(counts[b, a])
        found.append(Confusion(people[a], people[b], pairs, reverse, *map(int, surest)))
    return found


def _total(known: Predictions, person: str) -> int:
    """Returns the number of examples of a person."""
    return int((known.identities == person).sum())


def _examples(data_dir: Path, manifest: Manifest, split: str, keys: set[Any]) -> dict[str, Example]:
    """Returns the examples with the given keys, by key."""
    found: dict[str, Example] = {}
    for example in read_examples(data_dir, manifest, manifest.splits[split].shards):
        if example.key in keys:
            found[example.key] = example
            if len(found) == len(keys):
                break
    return found
