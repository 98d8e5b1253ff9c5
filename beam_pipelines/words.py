"""What a build says: its plan, its summary, and why it would not publish. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from beam_pipelines.corpus import Reject
from beam_pipelines.leakage import leakage_words
from beam_pipelines.outline import Outline, PlannedShard
from tfdata.schema import SPLITS, Manifest


def plan_words(outline: Outline, standing: Iterable[str], most: int) -> list[str]:
    """What a dry run says.

    Args:
      outline: the plan.
      standing: digests of shards that an earlier build has written.
      most: pairs asked for of each person.
    """
    people, shards = outline.people.values(), outline.shards.values()
    kept = [outline.shards[digest] for digest in standing if digest in outline.shards]
    to_write = sum(shard.bytes for shard in shards) - sum(shard.bytes for shard in kept)
    files = Counter(shard.split for shard in shards)
    pairs = _pairs_by_split(shards)
    lines = [
        f"{len(people)} people in {sum(p.videos for p in people)} videos, with "
        f"{sum(p.faces for p in people)} images and {sum(p.clips for p in people)} clips "
        f"({duration(sum(p.audio_seconds for p in people))})",
        _pairs(pairs),
        f"{len(shards)} shards ({', '.join(f'{files[split]} {split}' for split in SPLITS)})"
        + (f", of which {len(kept)} are there already" if kept else "")
        + f"; about {to_write / 1e6:.1f} MB to write",
    ]
    lines += [rejects_words(outline.rejects), *_absent_words(outline)]
    short = {who: person.pairs for who, person in outline.people.items() if person.pairs < most}
    return lines + _few_words(short, most) + _unlisted_words(outline)


def closing_words(manifest: Manifest, outline: Outline, kept: int, seconds: float) -> list[str]:
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
    lines = [
        f"{_pairs({name: split.pairs for name, split in splits.items()})} of {len(people)} people "
        f"in {len(videos)} videos",
        f"{len(shards)} shards, {sum(shard.bytes for shard in shards) / 1e6:.1f} MB, in "
        f"{seconds:.1f} s" + (f"; {kept} of them were there already and are kept" if kept else ""),
        _counted_rejects(manifest.rejects),
        *leakage_words(manifest.leakage),
        *_absent_words(outline),
    ]
    empty = sorted(who for who in outline.people if who not in people)
    lines += _about(empty, "without a pair that is not rejected")
    for name, percent in zip(SPLITS, manifest.plan["split_fractions"], strict=True):
        if percent or manifest.plan["split_by"] == "file":
            without = [who for who, person in people.items() if not person.pairs[name]]
            lines += _about(without, f"without a {name} pair, for want of videos")
    asked = manifest.plan["pairs_per_person"]
    short = {who: count for who, count in totals.items() if count < asked}
    return lines + _few_words(short, asked) + _unlisted_words(outline)


def missing_words(missing: Mapping[str, int]) -> list[str]:
    """Who has fewer pairs than whole media would have given, if anyone has."""
    worst = sorted((who for who in missing if missing[who]), key=lambda who: (-missing[who], who))
    if not worst:
        return []
    named = ", ".join(f"{who} {missing[who]}" for who in worst[:10])
    return [
        f"{sum(missing.values())} pairs are missing, for which broken media left no spare: {named}"
        f"{', ...' if len(worst) > 10 else ''}"
    ]


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


def rejects_words(rejects: Sequence[Reject]) -> str:
    """How many media are rejected, for which reasons."""
    return _counted_rejects(dict(sorted(Counter(reject.reason for reject in rejects).items())))


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _pairs_by_split(shards: Iterable[PlannedShard]) -> dict[str, int]:
    pairs = dict.fromkeys(SPLITS, 0)
    for shard in shards:
        pairs[shard.split] += shard.pairs
    return pairs


def _pairs(by_split: dict[str, int]) -> str:
    parts = ", ".join(f"{count} {name}" for name, count in by_split.items())
    return f"{sum(by_split.values())} pairs ({parts})"


def _counted_rejects(by_reason: Mapping[str, int]) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in by_reason.items())
    return f"{sum(by_reason.values())} media rejected" + (f" ({reasons})" if reasons else "")


def _absent_words(outline: Outline) -> list[str]:
    return _about(outline.without_faces, "without usable images") + _about(
        outline.without_clips, "without audio files"
    )


def _few_words(pairs: dict[str, int], asked: int) -> list[str]:
    if not pairs:
        return []
    fewest = min(sorted(pairs), key=pairs.__getitem__)
    return [
        f"{_people(len(pairs))} with fewer than {asked} pairs, {fewest} fewest ({pairs[fewest]})"
    ]


def _unlisted_words(outline: Outline) -> list[str]:
    count = sum(person.unlisted for person in outline.people.values())
    return [f"{count} clips that --split_file does not list are left out"] if count else []


def _about(names: Sequence[str], what: str, most: int = 5) -> list[str]:
    """A line about some people, or none if there is nobody."""
    shown = ", ".join(sorted(names)[:most]) + (", ..." if len(names) > most else "")
    return [f"{_people(len(names))} ({shown}) {what}"] if names else []


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"
