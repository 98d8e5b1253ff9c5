"""Measures how well a gallery identifies people, and how fast it searches.

    python benchmarks/galleries.py DATASET

DATASET was built with --face_encoder and --voice_encoder. Each person's videos are divided at
random into two halves, with other divisions in each round. Printed are

- enrolment of 1, 3 and 10 samples a person, drawn from the first half: the share of the pairs of
  the second half that are identified correctly, by face, by voice and by both;
- the same people left out: in turn, each person is not enrolled, and its pairs are queries by
  unknown people. AUROC of the best score, of enrolled against unknown queries; and at the threshold
  of the gallery for FALSE_ACCEPT_RATE, the shares of both that get a name;
- a gallery with a planted duplicate, and with a planted wrong face: whether they are reported, and
  what else is;
- the time of a search among 10,000 people with 10 samples each, compared with the product of the
  query with all samples, and with the product of the query with the means of the people.

Everything but the division goes through the code of the galleries: `Gallery`, `calibrate`,
`Search`, `find_duplicates` and `find_outliers`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from embedded_dataset import main
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from facevoice.encoders.base import EncoderInfo
from facevoice.encoders.recorded import recorded_encoders
from facevoice.evaluation.encoded import FACE, VOICE, Encoded, read_encoded
from facevoice.gallery.gallery import AUDIO, IMAGE, Gallery, Sample, Samples
from facevoice.gallery.search import Search
from facevoice.gallery.survey import find_duplicates, find_outliers
from facevoice.gallery.thresholds import calibrate
from tfdata.manifest import Manifest
from tfdata.schema import SPLITS

ROUNDS = 8
SAMPLES = (1, 3, 10)
FALSE_ACCEPT_RATE = 0.01
QUERIES = {"face": (IMAGE,), "voice": (AUDIO,), "both": (IMAGE, AUDIO)}
SYSTEMS = {IMAGE: FACE, AUDIO: VOICE}
PEOPLE, SAMPLES_OF_EACH, REPEATS = 10_000, 10, 30

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Identification:
    """How well people are identified, over all rounds.

    Attributes:
      queries: number of queries by enrolled people.
      correct: share of them whose best score is that of the right person.
      auroc: of the best scores of queries by enrolled people, and by the same people left out.
      accepted, unknown_accepted: shares of both above the threshold.
    """

    queries: int
    correct: float
    auroc: float
    accepted: float
    unknown_accepted: float


def measure(dataset: Path, manifest: Manifest) -> None:
    """Prints all measurements."""
    encoders = recorded_encoders(manifest)
    encoded = read_encoded(dataset, manifest, SPLITS)
    print(f"{len(encoded)} pairs of {len(set(encoded.people.tolist()))} people; {ROUNDS} rounds")
    for count in SAMPLES:
        for name, modalities in QUERIES.items():
            found = identify(encoded, encoders, count, modalities)
            print(
                f"{count} samples, {name}: {found.correct:.2%} of {found.queries:,} queries "
                f"correct; left out: AUROC {found.auroc:.4f}; accepted at "
                f"{FALSE_ACCEPT_RATE:.0%}: {found.accepted:.1%} of enrolled, "
                f"{found.unknown_accepted:.1%} of unknown people"
            )
    for line in planted_mistakes(encoded, encoders):
        print(line)
    for line in search_times(encoders):
        print(line)


def identify(
    encoded: Encoded,
    encoders: Mapping[str, EncoderInfo],
    count: int,
    modalities: tuple[str, ...],
    rounds: int = ROUNDS,
) -> Identification:
    """Enrols `count` samples of each person, and identifies queries of other videos."""
    correct, known_best, unknown_best = [], [], []
    accepted: dict[str, list[bool]] = {"enrolled": [], "unknown": []}
    for seed in range(rounds):
        enrolled, queries = divide(encoded, count, seed)
        full = gallery_of(encoded, encoders, enrolled, modalities)
        search, threshold = calibrate(full, modalities, FALSE_ACCEPT_RATE)
        scores = search({each: encoded.embeddings[SYSTEMS[each]][queries] for each in modalities})
        named = np.array(search.names)[scores.argmax(axis=1)]
        correct += (named == encoded.people[queries]).tolist()
        known_best += scores.max(axis=1).tolist()
        assert threshold.value is not None
        accepted["enrolled"] += (scores.max(axis=1) > threshold.value).tolist()
        for person in full.people:
            found, threshold = calibrate(full.forget(person), modalities, FALSE_ACCEPT_RATE)
            own = queries[encoded.people[queries] == person]
            best = best_scores(found, encoded, own, modalities)
            unknown_best += best
            assert threshold.value is not None
            accepted["unknown"] += [score > threshold.value for score in best]
    is_known = [True] * len(known_best) + [False] * len(unknown_best)
    return Identification(
        queries=len(correct),
        correct=float(np.mean(correct)),
        auroc=float(roc_auc_score(is_known, known_best + unknown_best)),
        accepted=float(np.mean(accepted["enrolled"])),
        unknown_accepted=float(np.mean(accepted["unknown"])),
    )


def divide(encoded: Encoded, count: int, seed: int) -> tuple[Rows, Rows]:
    """Returns the rows of the samples, at most `count` of each person, and of the queries.

    No video of a sample, of its face or of its clip, is a video of a query.
    """
    random = np.random.default_rng(seed)
    enrolled, queries = [], []
    for person in np.unique(encoded.people):
        own = encoded.people == person
        videos = np.unique([encoded.videos[each][own] for each in (FACE, VOICE)])
        first = set(random.permutation(videos)[: len(videos) // 2].tolist())
        rows = np.flatnonzero(own)
        halves = [
            tuple(str(encoded.videos[each][row]) in first for each in (FACE, VOICE)) for row in rows
        ]
        samples = [row for row, half in zip(rows, halves, strict=True) if all(half)]
        queries += [row for row, half in zip(rows, halves, strict=True) if not any(half)]
        enrolled += random.permutation(samples)[:count].tolist()
    return np.array(enrolled), np.array(queries)


def gallery_of(
    encoded: Encoded,
    encoders: Mapping[str, EncoderInfo],
    rows: Rows,
    modalities: tuple[str, ...] = (IMAGE, AUDIO),
) -> Gallery:
    """Returns a gallery of some rows; one face or clip of several rows is one sample for each."""
    files = {IMAGE: encoded.faces, AUDIO: encoded.clips}
    new = {
        each: Samples(
            encoders[each],
            tuple(encoded.people[rows].tolist()),
            tuple(Sample(f"{files[each][row]} {row}", None, "") for row in rows),
            encoded.embeddings[SYSTEMS[each]][rows],
        )
        for each in modalities
    }
    return Gallery().enroll(new)


def best_scores(
    search: Search, encoded: Encoded, rows: Rows, modalities: tuple[str, ...]
) -> list[float]:
    """Returns the best score of each query."""
    queries = {each: encoded.embeddings[SYSTEMS[each]][rows] for each in modalities}
    return [float(score) for score in search(queries).max(axis=1)]


def planted_mistakes(encoded: Encoded, encoders: Mapping[str, EncoderInfo]) -> list[str]:
    """Returns what is reported of a person under two names, and of a face under a wrong name."""
    distinct = {
        IMAGE: np.unique(encoded.faces, return_index=True)[1],
        AUDIO: np.unique(encoded.clips, return_index=True)[1],
    }
    lines = []
    for modality, rows in distinct.items():
        samples = gallery_of(encoded, encoders, rows, (modality,)).samples[modality]
        name, people = SYSTEMS[modality], sorted(set(samples.names))
        lines.append(
            f"{name}: {len(samples)} samples as they are: {len(find_duplicates(samples))} "
            f"duplicates and {len(find_outliers(samples))} outliers reported"
        )
        found = others = 0
        for person in people:
            videos = {str(Path(source.media).parent) for source in samples.sources}
            second = set(sorted(videos)[::2])
            names = [
                f"{who} 2" if who == person and str(Path(source.media).parent) in second else who
                for who, source in zip(samples.names, samples.sources, strict=True)
            ]
            pairs = [each.names for each in find_duplicates(renamed(samples, names))]
            found += (person, f"{person} 2") in pairs
            others += len([pair for pair in pairs if pair != (person, f"{person} 2")])
        lines.append(
            f"{name}: half of a person's videos under another name: {found} of {len(people)} "
            f"found, {others} others reported"
        )
        found = others = 0
        random = np.random.default_rng(0)
        planted = random.permutation(len(samples))[:100].tolist()
        for row in planted:
            wrong = str(random.choice([who for who in people if who != samples.names[row]]))
            names = [wrong if i == row else who for i, who in enumerate(samples.names)]
            outliers = {(each.name, each.media) for each in find_outliers(renamed(samples, names))}
            is_found = (wrong, samples.sources[row].media) in outliers
            found += is_found
            others += len(outliers) - is_found
        lines.append(
            f"{name}: one sample under a wrong name: {found} of {len(planted)} found, "
            f"{others / len(planted):.2f} others reported each time"
        )
    return lines


def renamed(samples: Samples, names: list[str]) -> Samples:
    """Returns samples with other names, sorted by them."""
    order = sorted(range(len(names)), key=lambda row: names[row])
    return Samples(
        samples.encoder,
        tuple(names[row] for row in order),
        tuple(samples.sources[row] for row in order),
        samples.embeddings[order],
    )


def search_times(encoders: Mapping[str, EncoderInfo]) -> list[str]:
    """Returns the times of searches among many people, of random embeddings."""
    random = np.random.default_rng(0)
    names = tuple(f"{i:05}" for i in range(PEOPLE) for _ in range(SAMPLES_OF_EACH))
    samples, queries, means = {}, {}, {}
    for modality, encoder in encoders.items():
        rows = random.normal(size=(len(names), encoder.dimension)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        samples[modality] = Samples(encoder, names, (Sample("", None, ""),) * len(names), rows)
        queries[modality] = rows[:1].copy()
        means[modality] = rows.reshape(PEOPLE, SAMPLES_OF_EACH, -1).mean(axis=1)
    started = time.perf_counter()
    search, _ = calibrate(Gallery(samples), (IMAGE, AUDIO), FALSE_ACCEPT_RATE)
    prepared = time.perf_counter() - started
    times = {
        "search": lambda: search(queries),
        "product with all samples": lambda: [
            queries[each] @ samples[each].embeddings.T for each in samples
        ],
        "product with the means of the people": lambda: [
            queries[each] @ means[each].T for each in means
        ],
    }
    milliseconds = {name: median_milliseconds(call) for name, call in times.items()}
    return [
        f"{PEOPLE:,} people with {SAMPLES_OF_EACH} samples, one query with face and voice: "
        + ", ".join(f"{name} {value:.2f} ms" for name, value in milliseconds.items()),
        f"search: {milliseconds['search'] / milliseconds['product with all samples']:.2f} of the "
        f"product with all samples, "
        f"{milliseconds['search'] / milliseconds['product with the means of the people']:.2f} of "
        f"that with the means; preparing it and the threshold took {prepared:.1f} s",
    ]


def median_milliseconds(call: Callable[[], object]) -> float:
    """Returns the median time of a call, warm."""
    call()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return 1e3 * float(np.median(times))


if __name__ == "__main__":
    raise SystemExit(main(__doc__, measure))
