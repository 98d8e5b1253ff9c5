"""Parts of an evaluation that show where a model's answers come from, and when they fail."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.evaluators import Part
from facevoice.evaluation.fusion_analysis import count, expert_logits, fitted_weights, margins
from facevoice.evaluation.metrics import confusion_matrix
from facevoice.evaluation.predictions import Answers
from facevoice.evaluation.robustness import robustness
from facevoice.evaluation.runs import Run
from facevoice.features import band_centres_hz
from facevoice.reports import error_analysis_figures, media_figures
from facevoice.reports.media_figures import Shown
from tfdata.record_reader import read_shard
from tfdata.schema import IMAGE, KEY, SPECTROGRAM, Manifest

MOST_PAIRS_SHOWN = 4

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Confusion:
    """Two people whom a model takes for one another.

    Attributes:
      person, named: the two; the first is taken for the second at least as often as the reverse.
      pairs, reverse: examples of the first named the second, and of the second named the first.
      mistaken: row of the example of the first that is most surely named the second.
      beside: row of the example of the second that the model is surest of.
    """

    person: str
    named: str
    pairs: int
    reverse: int
    mistaken: int
    beside: int


def strength_parts(
    run: Run, data_dir: Path, manifest: Manifest, split: str, known: Answers, *, robust: bool = True
) -> Iterator[Part]:
    """All parts of this file, of a run's answers about people whom it knows, one or more.

    Without `robust` the model is asked nothing again.
    """
    yield confused_part(run, data_dir, manifest, split, known)
    yield weighing_part(run, known)
    if robust:
        yield robustness_part(run, data_dir, manifest, split, known)


def robustness_part(
    run: Run, data_dir: Path, manifest: Manifest, split: str, known: Answers
) -> Part:
    """How much accuracy is left when evidence is missing, or damaged."""
    found = [asdict(measured) for measured in robustness(run, data_dir, manifest, split, known)]
    return Part(
        {"robustness": found},
        pictures={"robustness.png": error_analysis_figures.robustness_curves(found)},
    )


def weighing_part(run: Run, known: Answers) -> Part:
    """How a product of experts weighs face and voice; nothing of other models."""
    if not run.takes_halves:
        return Part({"weighing": None})
    face, voice = expert_logits(run, known)
    face_margin, voice_margin = margins(face, voice, known.labels)
    found = {"weights": fitted_weights(run), **asdict(count(face, voice, known.labels))}
    return Part(
        {"weighing": found},
        {"face_margin": face_margin, "voice_margin": voice_margin},
        {"weighing.png": error_analysis_figures.margin_scatter(face_margin, voice_margin)},
    )


def confused_part(run: Run, data_dir: Path, manifest: Manifest, split: str, known: Answers) -> Part:
    """The people most often taken for one another, shown with both media."""
    found = confusions(known, run.people)
    if not found:
        return Part({"confused": []})
    wanted = {known.keys[row] for each in found for row in (each.mistaken, each.beside)}
    media = _media(run, data_dir, manifest, split, wanted)
    metrics, shown = [], []
    for each in found:
        values: dict[str, Any] = asdict(each)
        for name in ("mistaken", "beside"):
            values[name] = str(known.keys[values[name]])
        metrics.append(values)
        words = f"taken for the other: {each.pairs} of {_total(known, each.person)}"
        back = f"taken for the other: {each.reverse} of {_total(known, each.named)}"
        shown.append(
            (
                Shown(each.person, words, *media[values["mistaken"]]),
                Shown(each.named, back, *media[values["beside"]]),
            )
        )
    picture = media_figures.confused_pairs(
        shown, band_centres_hz(run.features), run.features.window_seconds
    )
    return Part({"confused": metrics}, pictures={"confused.png": picture})


def confusions(
    known: Answers, people: tuple[str, ...], most: int = MOST_PAIRS_SHOWN
) -> list[Confusion]:
    """The pairs of people most often confused, both directions added, most confused first.

    People without an example cannot be shown, so their pairs are left out.
    """
    named = known.probabilities.argmax(axis=1)
    counts = confusion_matrix(known.labels, named, len(people))
    asked = np.isin(np.arange(len(people)), known.labels)
    both_ways = np.triu(counts + counts.T, k=1) * np.outer(asked, asked)
    order = np.argsort(-both_ways, axis=None, kind="stable")[:most]
    found = []
    for one, other in zip(*np.unravel_index(order, both_ways.shape), strict=True):
        if not both_ways[one, other]:
            break
        a, b = (one, other) if counts[one, other] >= counts[other, one] else (other, one)
        rows_of_b = np.flatnonzero(known.labels == b)
        mistaken = np.flatnonzero((known.labels == a) & (named == b))
        surest = [rows[known.probabilities[rows, b].argmax()] for rows in (mistaken, rows_of_b)]
        pairs, reverse = int(counts[a, b]), int(counts[b, a])
        found.append(Confusion(people[a], people[b], pairs, reverse, *map(int, surest)))
    return found


def _total(known: Answers, person: str) -> int:
    return int((known.identities == person).sum())


def _media(
    run: Run, data_dir: Path, manifest: Manifest, split: str, keys: set[Any]
) -> dict[str, tuple[Bytes, Bytes]]:
    """Face [height, width, 3] and levels [bands, frames] of each of some examples, by key."""
    found: dict[str, tuple[Bytes, Bytes]] = {}
    read = partial(read_shard, data_dir, manifest)
    shards = manifest.splits[split].shards
    records: Iterator[Any] = itertools.chain.from_iterable(map(read, shards))
    for record in records:
        if (key := record[KEY].decode()) in keys:
            face, levels = (np.frombuffer(record[x], np.uint8) for x in (IMAGE, SPECTROGRAM))
            found[key] = face.reshape(run.image_shape), levels.reshape(run.spectrogram_shape[:2])
            if len(found) == len(keys):
                break
    return found
