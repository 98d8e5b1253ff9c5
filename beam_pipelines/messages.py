"""What a build says: its plan, its summary, and why it would not publish. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from beam_pipelines.corpus.listing import Reject
from beam_pipelines.planning.plan_summary import Outline, PlannedShard
from beam_pipelines.shards.replaced_shards import Retired
from tfdata.schema import SPLITS, Leak, Manifest
from tfdata.storage.base import Place
from tfdata.text import counted, duration, listed

MOST_NAMED = 5


def plan_words(outline: Outline, standing: Iterable[str], asked: int) -> list[str]:
    """What a dry run says.

    Args:
      outline: the plan.
      standing: digests of shards that an earlier build has written.
      asked: pairs wanted of each person.
    """
    people, shards = outline.people, outline.shards.values()
    had = people.values()
    kept = [outline.shards[digest] for digest in standing]
    to_write = sum(shard.bytes for shard in shards) - sum(shard.bytes for shard in kept)
    files = Counter(shard.split for shard in shards)
    reasons = Counter(reject.reason for reject in outline.rejects)
    pairs = {who: person.pairs for who, person in people.items()}
    return [
        f"{_people(len(people))} in {counted(sum(p.videos for p in had), 'video')}, with "
        f"{counted(sum(p.faces for p in had), 'image')} and "
        f"{counted(sum(p.clips for p in had), 'clip')} "
        f"({duration(sum(p.audio_seconds for p in had))})",
        _pairs(_pairs_by_split(shards)),
        f"{counted(len(shards), 'shard')} ({_each(files)})"
        + (f", of which {len(kept)} are there already" if kept else "")
        + f"; about {to_write / 1e6:.1f} MB to write",
        _rejected(dict(sorted(reasons.items()))),
        *_absent_words(outline),
        *_few_words({who: count for who, count in pairs.items() if count < asked}, asked),
        *missing_words({who: person.lost for who, person in people.items()}),
    ]


def closing_words(
    manifest: Manifest, outline: Outline, missing: Mapping[str, int], kept: int, seconds: float
) -> list[str]:
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
        f"{_pairs({name: split.pairs for name, split in splits.items()})} of "
        f"{_people(len(people))} in {counted(len(videos), 'video')}",
        f"{counted(len(shards), 'shard')}, {sum(shard.bytes for shard in shards) / 1e6:.1f} MB, in "
        f"{seconds:.1f} s" + (f"; {kept} of them were there already and are kept" if kept else ""),
        _rejected(manifest.rejects),
        *leakage_words(manifest.leakage),
        *_absent_words(outline),
        *_about(list(manifest.without_pairs), "without a pair that is not rejected"),
    ]
    fractions = manifest.plan.get("split_fractions", (None,) * len(SPLITS))
    for name, percent in zip(SPLITS, fractions, strict=True):
        if percent != 0:
            lines += _about(
                [who for who, person in people.items() if not person.pairs[name]],
                f"without a {name} pair",
            )
    asked = manifest.plan["pairs_per_person"]
    few = {who: count for who, count in totals.items() if count < asked}
    return lines + _few_words(few, asked) + missing_words(missing)


def replaced_words(retired: Retired, hours: float) -> list[str]:
    """Says which shards of earlier builds are kept, and which were removed, if there are any."""
    lines = []
    if kept := retired.kept:
        lines.append(
            f"{_shards(kept)} of earlier builds {_are(kept)} kept for readers for {hours:g} h; "
            f"--keep_replaced_hours 0 removes {'it' if len(kept) == 1 else 'them'} now"
        )
    if removed := retired.removed:
        lines.append(f"{_shards(removed)} of earlier builds {_are(removed)} removed")
    return lines


def leakage_words(leaks: Mapping[str, Leak]) -> list[str]:
    """What leaks, as sentences without their full stop."""
    leaks = {split: leak for split, leak in leaks.items() if leak.pairs}
    if not leaks:
        return []
    if not any(leak.same_video or leak.same_audio for leak in leaks.values()):
        return [f"no video and no audio sample of {listed(list(leaks), 'or')} is in training"]
    return [
        f"of {leak.pairs} {split} pairs, {_share(leak.same_video, leak)} are of a video that is "
        f"also in training, and {_share(leak.same_audio, leak)} share audio samples with it"
        for split, leak in leaks.items()
    ]


def missing_words(missing: Mapping[str, int]) -> list[str]:
    """Who has fewer pairs than whole media would have given, if anyone has."""
    worst = sorted((who for who in missing if missing[who]), key=lambda who: (-missing[who], who))
    if not worst:
        return []
    total = sum(missing.values())
    return [
        f"{counted(total, 'pair')} {'is' if total == 1 else 'are'} missing, for which broken media "
        f"left no spare: {_some([f'{who} {missing[who]}' for who in worst], 10)}"
    ]


def why_nothing(rejects: Sequence[Reject], faces: Place, audio: Place) -> str:
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


def _pairs_by_split(shards: Iterable[PlannedShard]) -> dict[str, int]:
    pairs = dict.fromkeys(SPLITS, 0)
    for shard in shards:
        pairs[shard.split] += shard.pairs
    return pairs


def _pairs(by_split: Mapping[str, int]) -> str:
    return f"{counted(sum(by_split.values()), 'pair')} ({_each(by_split)})"


def _each(by_split: Mapping[str, int]) -> str:
    return ", ".join(f"{by_split[split]} {split}" for split in SPLITS)


def _rejected(by_reason: Mapping[str, int]) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in by_reason.items())
    total = counted(sum(by_reason.values()), "media file")
    return f"{total} rejected" + (f" ({reasons})" if reasons else "")


def _share(count: int, leak: Leak) -> str:
    return f"{count} ({count / leak.pairs:.0%})"


def _absent_words(outline: Outline) -> list[str]:
    lines = _about(outline.without_faces, "without images")
    lines += _about(outline.without_clips, "without audio files")
    lines += _about(outline.without_listed, "without a clip that --split_file lists")
    if outline.unlisted:
        lines += [f"{counted(outline.unlisted, 'clip')} left out, which --split_file does not list"]
    return lines


def _few_words(pairs: Mapping[str, int], asked: int) -> list[str]:
    if not pairs:
        return []
    fewest = min(sorted(pairs), key=pairs.__getitem__)
    return [
        f"{_people(len(pairs))} with fewer than {asked} pairs, {fewest} fewest ({pairs[fewest]})"
    ]


def _about(names: Sequence[str], what: str) -> list[str]:
    """A line about some people, or none if there is nobody."""
    return [f"{_people(len(names))} ({_some(sorted(names), MOST_NAMED)}) {what}"] if names else []


def _some(names: Sequence[str], most: int) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _shards(sizes: Mapping[str, int]) -> str:
    return f"{counted(len(sizes), 'shard')} ({sum(sizes.values()) / 1e6:.1f} MB)"


def _are(things: Mapping[str, int]) -> str:
    return "is" if len(things) == 1 else "are"


def _people(count: int) -> str:
    return counted(count, "person", "people")
