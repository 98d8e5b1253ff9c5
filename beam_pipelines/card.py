"""Writes the card of a new dataset: selects the examples and finds them in the shards."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields
from pathlib import Path

from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.shards.stores import Place, store_at
from facevoice.features import FeatureSettings, band_centres_hz
from facevoice.reports.card import card
from tfdata.examples import Example, decode_example
from tfdata.manifest import Manifest, Shard
from tfdata.record_reader import read_records
from tfdata.schema import SPLITS

MAX_PEOPLE = 12


def card_html(output: Place, manifest: Manifest) -> str:
    """Returns the card of a dataset, which depends on its manifest and records only.

    Raises:
      DatasetError: a shard is missing or damaged.
    """
    settings = FeatureSettings(**manifest.features)
    descriptions = {
        field.name: field.metadata["help"]
        for kind in (FeatureSettings, PlanSettings)
        for field in fields(kind)
    }
    return card(manifest, examples(output, manifest), band_centres_hz(settings), descriptions)


def examples(output: Place, manifest: Manifest) -> list[tuple[str, Example]]:
    """Returns split and example of the people of lowest rank, in the order of their labels.

    The example is of the train split, or of the first split that has one.
    """
    seed = manifest.plan["seed"]
    ranked = sorted(manifest.people, key=lambda identity: (rank(seed, "card", identity), identity))
    found: dict[str, tuple[str, Example]] = {}
    for split in SPLITS:
        missing = {
            identity
            for identity in ranked[:MAX_PEOPLE]
            if identity not in found and manifest.people[identity].pairs[split]
        }
        expected = _people_by_shard(missing, split, manifest)
        shards = list(manifest.splits[split].shards)
        while shards and missing:
            # Starts with the shard of most people and stops early, because shards can be large.
            shard = max(shards, key=lambda shard: len(expected[_index(shard)] & missing))
            shards.remove(shard)
            enough = expected[_index(shard)] & missing or missing
            with store_at(output).near(shard.file) as path:
                found |= _first_examples(path, missing, enough, split, manifest)
            missing -= found.keys()
    return [found[identity] for identity in manifest.people if identity in found]


def _people_by_shard(people: set[str], split: str, manifest: Manifest) -> dict[int, set[str]]:
    """Returns index of a shard to the people whose videos it should contain (see `shard_index`).

    A pair whose clip was replaced may be in another shard.
    """
    seed, num_shards = manifest.plan["seed"], manifest.plan["num_shards"]
    expected: dict[int, set[str]] = defaultdict(set)
    for identity in people:
        for session in manifest.splits[split].sessions.get(identity, ()):
            expected[rank(seed, "shard", identity, session) % num_shards].add(identity)
    return expected


def _index(shard: Shard) -> int:
    """Returns the index in a shard's name, such as train-00003-of-00008-86f0d0e3a1b2.tfrecord."""
    return int(shard.file.split("-")[1])


def _first_examples(
    path: Path, people: set[str], enough: set[str], split: str, manifest: Manifest
) -> dict[str, tuple[str, Example]]:
    """Returns the first example of each of `people` in a shard; stops when it has `enough`."""
    found: dict[str, tuple[str, Example]] = {}
    for record in read_records(path):
        example = decode_example(record, manifest)
        identity = example.identity
        if identity in people and identity not in found:
            found[identity] = (split, example)
        if enough <= found.keys():
            break
    return found
