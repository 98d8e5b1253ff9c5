"""The card of a data set that was just built: which examples it shows, and where they lie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.shards.stores import store_at
from facevoice.features import FeatureSettings, band_centres_hz
from facevoice.reports.card import card
from facevoice.reports.examples import Example
from tfdata.record_reader import read_records
from tfdata.schema import (
    IDENTITY,
    IMAGE,
    SESSION,
    SPECTROGRAM,
    SPLITS,
    WINDOW_START,
    Manifest,
    Shard,
)
from tfdata.storage.base import Place

PEOPLE_SHOWN = 12


def card_html(output: Place, manifest: Manifest) -> str:
    """The page for the data set in a folder: a function of its manifest and records alone.

    Raises:
      DatasetError: a shard is missing or damaged.
    """
    settings = FeatureSettings(**manifest.features)
    kinds = (FeatureSettings, PlanSettings)
    meanings = {field.name: field.metadata["help"] for kind in kinds for field in fields(kind)}
    return card(manifest, examples(output, manifest), band_centres_hz(settings), meanings)


def examples(output: Place, manifest: Manifest) -> list[Example]:
    """One example of each of the people of lowest rank, in the order of their labels.

    Of training, as most are, or else of the first split that has one.
    """
    seed = manifest.plan["seed"]
    ranked = sorted(manifest.people, key=lambda who: (rank(seed, "card", who), who))
    shown = ranked[:PEOPLE_SHOWN]
    found: dict[str, Example] = {}
    for split in SPLITS:
        missing = {who for who in shown if who not in found and manifest.people[who].pairs[split]}
        homes = _homes(missing, split, manifest)
        shards = list(manifest.splits[split].shards)
        while shards and missing:
            # The shard of most of them, and no more of it than these need: shards can be large.
            shard = max(shards, key=lambda shard: len(homes[_index(shard)] & missing))
            shards.remove(shard)
            enough = homes[_index(shard)] & missing or missing
            with store_at(output).local_copy(shard.file) as path:
                found |= _first_of_each(path, missing, enough, split, manifest)
            missing -= found.keys()
    return [found[who] for who in manifest.people if who in found]


def _homes(people: set[str], split: str, manifest: Manifest) -> dict[int, set[str]]:
    """Number of a shard to the people whose videos belong into it (see `shard_index`).

    It says where to look first; a pair whose clip was replaced may lie elsewhere.
    """
    seed, num_shards = manifest.plan["seed"], manifest.plan["num_shards"]
    homes: dict[int, set[str]] = defaultdict(set)
    for who in people:
        for session in manifest.splits[split].sessions.get(who, ()):
            homes[rank(seed, "shard", who, session) % num_shards].add(who)
    return homes


def _index(shard: Shard) -> int:
    """The number in a shard's name, such as train-00003-of-00008-86f0d0e3a1b2.tfrecord."""
    return int(shard.file.split("-")[1])


def _first_of_each(
    path: Path, people: set[str], enough: set[str], split: str, manifest: Manifest
) -> dict[str, Example]:
    """The first record of each of some people, reading on only until it has enough of them."""
    found: dict[str, Example] = {}
    records: Iterator[Mapping[str, Any]] = read_records(path)
    for record in records:
        who = record[IDENTITY].decode()
        if who in people and who not in found:
            found[who] = _example(record, split, manifest)
        if enough <= found.keys():
            break
    return found


def _example(record: Mapping[str, Any], split: str, manifest: Manifest) -> Example:
    image = np.frombuffer(record[IMAGE], np.uint8).reshape(manifest.image_shape)
    levels = np.frombuffer(record[SPECTROGRAM], np.uint8).reshape(manifest.spectrogram_shape)
    return Example(
        person=record[IDENTITY].decode(),
        split=split,
        session=record[SESSION].decode(),
        start_seconds=record[WINDOW_START] / manifest.features["sample_rate_hz"],
        image=image,
        levels=levels,
    )
