"""From what the shards came to, the manifest and the closing words. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from beam_pipelines.corpus import Person as CorpusPerson
from beam_pipelines.corpus import Reject
from beam_pipelines.settings import PlanSettings
from beam_pipelines.shards import ShardNote, software
from features import FeatureSettings
from tfdata.schema import SPLITS, Manifest, Person, Shard, Split


def assemble(
    notes: Sequence[ShardNote],
    people: Iterable[CorpusPerson],
    rejects: Sequence[Reject],
    features: FeatureSettings,
    plan: PlanSettings,
) -> Manifest:
    """The manifest of a finished build: a function of corpus and settings alone.

    Labels number the people who have a pair, by identity. The names in `--exclude` are left out:
    who wants to be taken out of a data set should not be named by it.
    """
    facts = {person.identity: dict(person.meta) for person in people}
    with_pairs = sorted({identity for note in notes for identity in note.pairs})
    return Manifest(
        features=asdict(features),
        plan={k: v for k, v in asdict(plan).items() if k != "exclude"},
        image_shape=features.image_shape,
        spectrogram_shape=features.spectrogram_shape,
        people={
            identity: Person(
                label=label,
                meta=facts[identity],
                pairs={
                    split: sum(n.pairs.get(identity, 0) for n in notes if n.split == split)
                    for split in SPLITS
                },
            )
            for label, identity in enumerate(with_pairs)
        },
        splits={split: _split([n for n in notes if n.split == split]) for split in SPLITS},
        rejects=dict(sorted(Counter(reject.reason for reject in rejects).items())),
        software=software(),
    )


def unique_rejects(outline: dict[str, Any], notes: Iterable[ShardNote]) -> list[Reject]:
    """Every media file that was rejected in planning or in writing, once, by path."""
    found = [Reject(**fields) for fields in outline["rejects"]]
    found += [reject for note in notes for reject in note.rejects]
    return sorted({reject.path: reject for reject in found}.values(), key=lambda r: r.path)


def closing_words(manifest: Manifest, outline: dict[str, Any], seconds: float) -> list[str]:
    """The summary for people: what there is, what is missing, and how long it took."""
    splits = manifest.splits
    pairs = sum(split.pairs for split in splits.values())
    sessions = {
        (person, video)
        for split in splits.values()
        for person in split.sessions
        for video in split.sessions[person]
    }
    size = sum(shard.bytes for split in splits.values() for shard in split.shards)
    lines = [
        f"{pairs} pairs ({', '.join(f'{split.pairs} {name}' for name, split in splits.items())}) "
        f"of {len(manifest.people)} people in {len(sessions)} videos",
        f"{sum(len(split.shards) for split in splits.values())} shards, {size / 1e6:.1f} MB, "
        f"in {seconds:.1f} s",
    ]
    rejected = sum(manifest.rejects.values())
    reasons = ", ".join(f"{count} {reason}" for reason, count in manifest.rejects.items())
    lines.append(
        f"{rejected} media rejected" + (f" ({reasons}), see rejects.jsonl" if reasons else "")
    )
    for kind in ("faces", "clips"):
        if without := sorted(p["identity"] for p in outline["people"] if kind in p["lacks"]):
            lines.append(f"Left out, no usable {kind}: {_some(without)}")
    taken = sorted(p["identity"] for p in outline["people"] if p["taken"])
    if lost := [identity for identity in taken if identity not in manifest.people]:
        lines.append(f"Left out, every pair was rejected: {_some(lost)}")
    wanted = [
        name for name, part in zip(SPLITS, manifest.plan["split_fractions"], strict=True) if part
    ]
    for name in wanted:
        lacking = [who for who, person in manifest.people.items() if not person.pairs[name]]
        if lacking:
            lines.append(f"No {name} pair (too few videos): {_some(lacking)}")
    asked = manifest.plan["pairs_per_person"]
    short = [who for who, person in manifest.people.items() if sum(person.pairs.values()) < asked]
    if short:
        lines.append(f"Fewer than {asked} pairs: {_some(short)}")
    return lines


def _split(notes: Sequence[ShardNote]) -> Split:
    sessions: dict[str, set[str]] = {}
    for note in notes:
        for identity, videos in note.sessions.items():
            sessions.setdefault(identity, set()).update(videos)
    shards = [Shard(n.file, n.records, n.bytes, n.sha256) for n in notes if n.file is not None]
    return Split(
        pairs=sum(shard.records for shard in shards),
        sessions={identity: sorted(sessions[identity]) for identity in sorted(sessions)},
        shards=tuple(sorted(shards, key=lambda shard: shard.file)),
    )


def _some(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return f"{len(names)} people ({shown}{', ...' if len(names) > most else ''})"
