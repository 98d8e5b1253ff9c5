"""Evaluates the encoders of a dataset by verification, without a trained model.

Systems are the face, the voice, and the fusion of both. The cohort is the training split, and the
calibrations are fitted on the validation split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from facevoice.encoders.exposure import exposures
from facevoice.evaluation.encoded import FACE, FUSION, VOICE, Encoded, by_clip, read_encoded
from facevoice.evaluation.encoder_trials import embed_listed
from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.results import Result
from facevoice.evaluation.run_scoring import MAX_EXAMPLES
from facevoice.evaluation.scoring import Scorer, has_both_kinds
from facevoice.evaluation.trials import Trials
from facevoice.evaluation.verification_results import (
    count_listed,
    drawn_det,
    evaluate_listed,
    evaluate_pairs,
    people_of_files,
)
from tfdata.manifest import Manifest
from tfdata.schema import SPLITS


def evaluate_encoders(
    data_dir: Path,
    manifest: Manifest,
    split: str,
    top: int,
    trials: Trials | None = None,
    media: Path | None = None,
    named_encoders: Mapping[str, str | None] | None = None,
) -> Iterator[Result]:
    """Yields the results of the encoders of a dataset.

    Args:
      data_dir: the dataset.
      manifest: its manifest.
      split: the split whose pairs are evaluated.
      top: number of cohort scores for AS-norm; 0 for none.
      trials: a list to evaluate as well.
      media: directory that its paths are relative to; None to look its files up in the dataset.
      named_encoders: 'image' and 'audio' to names of encoders that the user gave.

    Raises:
      DatasetError: the dataset cannot be read.
      EvaluationError: it has no embeddings or no pairs in this split, or the list cannot be used.
    """
    meta = {identity: person.meta for identity, person in manifest.people.items()}
    tested = read_encoded(data_dir, manifest, [split])
    if not len(tested):
        raise EvaluationError(
            f"{data_dir} has no {split} pairs; choose another --split of {', '.join(SPLITS)}."
        )
    training = read_encoded(data_dir, manifest, ["train"], MAX_EXAMPLES)
    validation = None
    if split != "validation":
        validation = read_encoded(data_dir, manifest, ["validation"], MAX_EXAMPLES)
    yield Result(
        {
            "data": str(data_dir),
            "split": split,
            "pairs": len(tested),
            "encoders": {each: asdict(found) for each, found in manifest.encoders.items()},
            "exposures": [asdict(each) for each in exposures(manifest)],
        },
        {
            **{f"{each}_embeddings": rows for each, rows in tested.embeddings.items()},
            "identities": tested.people,
            "face_videos": tested.videos[FACE],
            "voice_videos": tested.videos[VOICE],
            "faces": tested.faces,
            "clips": tested.clips,
        },
    )
    yield _evaluate_split(tested, _scorers(training, validation, top), meta)
    if trials:
        everything = read_encoded(data_dir, manifest, SPLITS)
        people = people_of_files(trials.files, meta)
        listed, unreadable = embed_listed(
            trials.files, people, everything, manifest, media, named_encoders or {}
        )
        of_clips = _scorers(by_clip(training), validation and by_clip(validation), top)
        yield _evaluate_list(trials, listed, unreadable, of_clips, meta)


def _scorers(training: Encoded, validation: Encoded | None, top: int) -> dict[str, Scorer]:
    """Returns the scorer of each system; without a cohort, there is none of the fusion."""
    found = {}
    for system in training.systems:
        complete = training.complete(system)
        if system == FUSION and not has_both_kinds(complete.people):
            continue  # the scales of face and voice are not known
        scorer = Scorer(complete.examples(system) if len(complete) else {}, top)
        if validation is not None:
            known = validation.complete(system)
            scorer = scorer.calibrated_on(known.examples(system), known.videos_of(system))
        found[system] = scorer
    return found


def _evaluate_split(
    tested: Encoded, scorers: Mapping[str, Scorer], meta: Mapping[str, Mapping[str, str]]
) -> Result:
    systems: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    compared = {}
    for system, scorer in scorers.items():
        found = evaluate_pairs(tested.examples(system), tested.videos_of(system), scorer, meta)
        systems[system] = found and found.metrics
        if found is None:
            continue
        arrays |= {f"{system}_{name}": array for name, array in found.arrays.items()}
        if found.metrics["across_videos"]:
            same, scores = found.arrays["pair_same"], found.arrays["pair_scores"]
            across = found.arrays["pair_across_videos"]
            compared[f"{system}, across videos"] = same[across], scores[across]
    draw = drawn_det(compared)
    return Result({"systems": systems}, arrays, {"det.png": draw} if draw else {})


def _evaluate_list(
    trials: Trials,
    listed: Encoded,
    unreadable: Mapping[str, str],
    scorers: Mapping[str, Scorer],
    meta: Mapping[str, Mapping[str, str]],
) -> Result:
    """Evaluates a list.

    Raises:
      EvaluationError: no system has usable trials of both kinds.
    """
    people = listed.people.tolist()
    systems: dict[str, Any] = {}
    combined = Result({})
    compared = {}
    for system, scorer in scorers.items():
        usable = listed.has(system)
        kept = usable[trials.first] & usable[trials.second]
        if not 0 < trials.same[kept].sum() < kept.sum():
            systems[system] = None
            continue
        found = evaluate_listed(trials, kept, listed.examples(system), scorer, meta, system)
        systems[system] = found.metrics
        combined = replace(
            combined,
            arrays=combined.arrays | found.arrays,
            texts=combined.texts | found.texts,
        )
        same, scores = (found.arrays[f"trial_{system}_{name}"] for name in ("same", "scores"))
        compared[system] = same, scores
    if not compared:
        raise EvaluationError(
            "The files of the trials that can be used have no trials of both kinds; error rates "
            "need trials of the same person and of different people."
        )
    metrics = {
        **count_listed(trials, people),
        "people": len(set(people) - {""}),
        "unreadable": dict(unreadable),
        "systems": systems,
    }
    draw = drawn_det(compared)
    pictures = {"trials_det.png": draw} if draw else {}
    return replace(combined, metrics={"trials": metrics}, pictures=pictures)
