"""Computes metrics by condition: trials within a video, and by columns of the metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.scoring import TrialScores, score_metrics

Bools = NDArray[np.bool_]
Texts = NDArray[np.str_]

MOST_VALUES = 8  # of a column of the metadata, those of the most trials


def condition_metrics(
    same: Bools,
    people: tuple[Texts, Texts],
    scores: TrialScores,
    meta: Mapping[str, Mapping[str, str]],
    same_video: Bools | None = None,
) -> dict[str, dict[str, Any]]:
    """Returns the metrics of the conditions that have trials of both kinds.

    Args:
      same: bool [trials], whether a trial is of one person.
      people: two arrays str [trials], the people of both sides; '' if unknown.
      scores: of the trials.
      meta: person to the columns of the metadata file.
      same_video: bool [trials], whether both sides are of one video; None if that is not known.
    """
    found = {
        name: score_metrics(same[mask], scores.where(mask))
        for name, mask in _masks(same, people, meta, same_video)
    }
    return {name: metrics for name, metrics in found.items() if metrics}


def _masks(
    same: Bools,
    people: tuple[Texts, Texts],
    meta: Mapping[str, Mapping[str, str]],
    same_video: Bools | None,
) -> Iterator[tuple[str, Bools]]:
    """Yields (name, bool [trials]) of each condition.

    A condition selects among the trials of one kind, and keeps all trials of the other kind where
    these cannot meet it: two people are never in one video, and one person never has two genders.
    """
    if same_video is not None:
        yield "same video", ~same | same_video
    columns = dict.fromkeys(column for values in meta.values() for column in values)
    for column in columns:
        value_of = {person: values.get(column, "") for person, values in meta.items()}
        one, other = (
            np.array([value_of.get(person, "") for person in side.tolist()], np.str_)
            for side in people
        )
        stated = (one != "") & (other != "")
        if not (stated & ~same & (one == other)).any() or not (stated & (one != other)).any():
            continue  # such as an id, or one value for all people
        yield f"same {column}", stated & (one == other)
        yield f"different {column}", stated & (same | (one != other))
        values, counts = np.unique(one[stated & (one == other)], return_counts=True)
        for value in values[np.argsort(-counts, kind="stable")][:MOST_VALUES]:
            yield f"{column} {value}", stated & (one == value) & (other == value)
