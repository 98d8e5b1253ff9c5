"""From what the shards came to, the manifest and the closing words. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from beam_pipelines.corpus import Reject
from beam_pipelines.folder import REJECTS_NAME, Outline
from beam_pipelines.people import Person as CorpusPerson
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


def unique_rejects(outline: Outline, notes: Iterable[ShardNote]) -> list[Reject]:
    """Every media file that was rejected in planning or in writing, once, by path.

    Of a clip whose windows fail in different ways one is kept, whichever shard came first.
    """
    found = {*outline.rejects, *(reject for note in notes for reject in note.rejects)}
    ordered = sorted(found, key=lambda r: (r.path, r.reason, r.detail), reverse=True)
    first = {reject.path: reject for reject in ordered}
    return sorted(first.values(), key=lambda reject: reject.path)


def why_nothing(rejects: Sequence[Reject], faces: Path, audio: Path) -> str:
    """The sentence for a build without a single pair."""
    if not rejects:
        return (
            f"No pair could be made: nobody has both images below {faces} and audio below {audio}."
        )
    first = rejects[0]
    return (
        f"No pair could be made: {len(rejects)} of the media cannot be used, the first is "
        f"{first.path} ({first.reason}: {first.detail})."
    )


def closing_words(manifest: Manifest, outline: Outline, seconds: float) -> list[str]:
    """The summary for people: what there is, what is missing, and how long it took."""
    splits, people = manifest.splits, manifest.people
    totals = {who: sum(person.pairs.values()) for who, person in people.items()}
    videos = {
        (who, video)
        for split in splits.values()
        for who, found in split.sessions.items()
        for video in found
    }
    shards = [shard for split in splits.values() for shard in split.shards]
    by_split = ", ".join(f"{split.pairs} {name}" for name, split in splits.items())
    reasons = ", ".join(f"{count} {reason}" for reason, count in manifest.rejects.items())
    lines = [
        f"{sum(totals.values())} pairs ({by_split}) of {len(people)} people in {len(videos)} "
        f"videos",
        f"{len(shards)} shards, {sum(shard.bytes for shard in shards) / 1e6:.1f} MB, in "
        f"{seconds:.1f} s",
        f"{sum(manifest.rejects.values())} media rejected"
        + (f" ({reasons}), see {REJECTS_NAME}" if reasons else ""),
    ]
    absent = {
        "without usable images": outline.without_faces,
        "without audio files": outline.without_clips,
        "without a pair that is not rejected": [who for who in outline.taken if who not in people],
    }
    for name, percent in zip(SPLITS, manifest.plan["split_fractions"], strict=True):
        if percent:
            absent[f"without a {name} pair, for want of videos"] = [
                who for who, person in people.items() if not person.pairs[name]
            ]
    lines += [f"{_some(sorted(names))} {what}" for what, names in absent.items() if names]
    asked = manifest.plan["pairs_per_person"]
    if short := [who for who, count in totals.items() if count < asked]:
        fewest = min(short, key=totals.__getitem__)
        lines.append(
            f"{len(short)} people have fewer than {asked} pairs, {fewest} fewest ({totals[fewest]})"
        )
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
