"""Builds the dataset card: selects examples from the shards and renders the page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

from beam_pipelines.corpus.listing import CLIP, FACE, VIDEO
from beam_pipelines.corpus.trees import Tree
from beam_pipelines.errors import BuildError
from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.shards.stores import store_at
from facevoice.features import FeatureSettings, MediaError
from facevoice.inspection.originals import jpeg, mark_face, read_original
from facevoice.inspection.sounds import page_mp3, read_sound
from facevoice.reports.card import dataset_card
from tfdata.examples import Example, decode_example
from tfdata.manifest import Manifest, Shard
from tfdata.record_reader import read_records
from tfdata.schema import SPLITS
from tfdata.storage.base import Place

NUM_EXAMPLES = 12
NUM_ORIGINALS, ORIGINAL_PX = 6, 480  # pictures with the detected face, and their longer side


def card_html(
    output: Place,
    manifest: Manifest,
    corpus: Mapping[str, Tree] | None = None,
    with_audio: bool = True,
) -> str:
    """Renders the card of a dataset. The same manifest, records and originals give the same page.

    Args:
      output: the output directory of the build.
      manifest: of the dataset.
      corpus: FACE, CLIP and VIDEO to their trees, for the originals of detected faces and the sound
        of windows; files that cannot be read are left out.
      with_audio: whether the page plays the windows of its examples.

    Raises:
      DatasetError: a shard is missing or damaged.
    """
    help_texts = {
        field.name: field.metadata["help"]
        for kind in (FeatureSettings, PlanSettings)
        for field in fields(kind)
    }
    settings = FeatureSettings(**manifest.features)
    examples = select_examples(output, manifest)
    shown = [example for _, example in examples]
    originals = _marked_originals(shown, corpus or {})
    sounds = _sounds(shown, settings, corpus or {}) if with_audio else {}
    return dataset_card(manifest, settings, examples, originals, sounds, help_texts)


def _marked_originals(
    examples: Iterable[Example], corpus: Mapping[str, Tree]
) -> list[tuple[Example, bytes]]:
    """Returns the first examples with a detected face, and its original with box and points."""
    found: list[tuple[Example, bytes]] = []
    for example in examples:
        kind = FACE if example.face_time_seconds is None else VIDEO
        if example.face is None or kind not in corpus or len(found) == NUM_ORIGINALS:
            continue
        try:
            source = corpus[kind].source(example.face_source)
            picture = read_original(source, example, ORIGINAL_PX)
        except (MediaError, BuildError):
            continue
        found.append((example, jpeg(mark_face(picture, example.face, ORIGINAL_PX))))
    return found


def _sounds(
    examples: Iterable[Example], settings: FeatureSettings, corpus: Mapping[str, Tree]
) -> dict[str, bytes]:
    """Returns the windows of examples as MP3, by key."""
    found = {}
    for example in examples:
        kind = CLIP if example.face_time_seconds is None else VIDEO
        if kind not in corpus:
            continue
        try:
            samples = read_sound(corpus[kind].source(example.audio_source), example, settings)
        except (MediaError, BuildError):
            continue
        found[example.key] = page_mp3(samples, settings.sample_rate_hz)
    return found


def select_examples(output: Place, manifest: Manifest) -> list[tuple[str, Example]]:
    """Selects one example of each of the people of lowest rank, in the order of their labels.

    Examples are from training, or from the first split that has one of the person.

    Returns:
      The split and the example of each person.
    """
    seed = manifest.plan["seed"]
    ranked = sorted(manifest.people, key=lambda person: (rank(seed, "card", person), person))
    selected = ranked[:NUM_EXAMPLES]
    found: dict[str, tuple[str, Example]] = {}
    for split in SPLITS:
        missing = {
            person
            for person in selected
            if person not in found and manifest.people[person].pairs[split]
        }
        people_by_shard = _people_by_shard(missing, split, manifest)
        shards = list(manifest.splits[split].shards)
        while shards and missing:
            # Start with the shard of the most people, and read only as far as they need.
            shard = max(shards, key=lambda shard: len(people_by_shard[_index(shard)] & missing))
            shards.remove(shard)
            expected = people_by_shard[_index(shard)] & missing or missing
            with store_at(output).local_copy(shard.file) as path:
                examples = _first_examples(path, missing, expected, manifest)
            found |= {person: (split, example) for person, example in examples.items()}
            missing -= found.keys()
    return [found[person] for person in manifest.people if person in found]


def _people_by_shard(people: set[str], split: str, manifest: Manifest) -> dict[int, set[str]]:
    """Maps the index of a shard to the people with videos in it (see `shard_index`).

    This is only a hint where to read first: pairs with a replaced clip may be in another shard.
    """
    seed, num_shards = manifest.plan["seed"], manifest.plan["num_shards"]
    found: dict[int, set[str]] = defaultdict(set)
    for person in people:
        for session in manifest.splits[split].sessions.get(person, ()):
            found[rank(seed, "shard", person, session) % num_shards].add(person)
    return found


def _index(shard: Shard) -> int:
    """Returns the index in a shard's name, such as train-00003-of-00008-86f0d0e3a1b2.tfrecord."""
    return int(shard.file.split("-")[1])


def _first_examples(
    path: Path, people: set[str], expected: set[str], manifest: Manifest
) -> dict[str, Example]:
    """Returns the first example of each person, reading only until the expected ones are found."""
    found: dict[str, Example] = {}
    for record in read_records(path):
        example = decode_example(record, manifest)
        if example.identity in people:
            found.setdefault(example.identity, example)
        if expected <= found.keys():
            break
    return found
