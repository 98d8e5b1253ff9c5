"""Formats what a build prints: its plan, its summary, and errors. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from beam_pipelines.corpus_messages import left_out_lines
from beam_pipelines.duplicate_messages import duplicate_lines
from beam_pipelines.people_messages import count_people, first_names, list_people
from beam_pipelines.planning.plan_summary import PlannedPerson, PlannedShard, PlanSummary
from beam_pipelines.shards.duplicates import FoundDuplicates
from beam_pipelines.shards.fingerprints import (
    DETECTOR_PACKAGE,
    DETECTOR_WEIGHTS,
    VOICE_ACTIVITY_PACKAGE,
)
from beam_pipelines.shards.replaced_shards import ReplacedShards
from facevoice.encoders.registry import encoder_info
from facevoice.features import FeatureSettings
from tfdata.manifest import Leak, Manifest
from tfdata.schema import SPLITS
from tfdata.text import agree, counted, duration, listed


def detector_line(
    features: FeatureSettings, requested: str | None, software: Mapping[str, str]
) -> str:
    """Returns a line about how faces are cropped, for a dry run.

    Args:
      features: the settings of the build.
      requested: the value of --face_detector; None if the corpus decided.
      software: packages and weights of the build.
    """
    name = features.face_detector
    why = "--face_detector" if requested else "by the corpus; --face_detector selects another"
    if name == "none":
        return f"no face detector: the centre of each image is cropped ({why})"
    versions = ", ".join(
        f"{package} {software[package]}" for package in (DETECTOR_PACKAGE, DETECTOR_WEIGHTS)
    )
    several = "the largest face" if features.several_faces == "largest" else "rejected"
    return f"face detector {name} ({why}), with {versions}; images of several faces: {several}"


def voice_activity_line(features: FeatureSettings, software: Mapping[str, str]) -> str:
    """Returns a line about voice activity detection, for a dry run."""
    return (
        f"voice activity by {features.voice_activity}, with {VOICE_ACTIVITY_PACKAGE} "
        f"{software[VOICE_ACTIVITY_PACKAGE]}: windows are moved to speech, of which a window has "
        f"{features.min_speech:.0%} or more"
    )


def encoder_lines(features: FeatureSettings) -> list[str]:
    """Returns a line for each encoder of a build, for a dry run."""
    lines = []
    for medium, name in (("face", features.face_encoder), ("voice", features.voice_encoder)):
        if name != "none":
            info = encoder_info(name)
            lines.append(
                f"{medium} encoder {name} {info.version} (weights {info.digest}): embeddings of "
                f"{info.dimension} numbers"
            )
    return lines


def plan_lines(summary: PlanSummary, existing: Iterable[str], pairs_per_person: int) -> list[str]:
    """Returns the lines of a dry run.

    Args:
      summary: the plan.
      existing: digests of the shards that an earlier build has written.
      pairs_per_person: maximum number of pairs of each person.
    """
    people, shards = summary.people, summary.shards.values()
    planned = people.values()
    kept = [summary.shards[digest] for digest in existing]
    to_write = sum(shard.bytes for shard in shards) - sum(shard.bytes for shard in kept)
    files = Counter(shard.split for shard in shards)
    reasons = Counter(reject.reason for reject in summary.rejects)
    pairs = {name: person.pairs for name, person in people.items()}
    return [
        f"{count_people(len(people))} in {counted(sum(p.videos for p in planned), 'video')}, with "
        f"{_media(planned)} ({duration(sum(p.audio_seconds for p in planned))})",
        _pairs(_pairs_by_split(shards)),
        f"{counted(len(shards), 'shard')} ({_each(files)})"
        + (f", of which {len(kept)} {agree(len(kept), 'is', 'are')} there already" if kept else "")
        + f"; about {to_write / 1e6:.1f} MB to write",
        _rejected(dict(sorted(reasons.items())), with_moments=False),
        *left_out_lines(summary),
        *_few_pairs_lines(pairs, pairs_per_person),
        *missing_lines({name: person.lost for name, person in people.items()}),
    ]


def summary_lines(
    manifest: Manifest,
    summary: PlanSummary,
    duplicates: FoundDuplicates,
    missing: Mapping[str, int],
    kept: int,
    seconds: float,
) -> list[str]:
    """Returns the lines after a build: the content of the dataset, and what is missing.

    Args:
      manifest: the new dataset's.
      summary: the plan.
      duplicates: files with equal content.
      missing: identity to number of missing pairs.
      kept: number of shards that an earlier build wrote.
      seconds: duration of the build.
    """
    splits, people = manifest.splits, manifest.people
    totals = {name: sum(person.pairs.values()) for name, person in people.items()}
    videos = {
        (name, video)
        for split in splits.values()
        for name, sessions in split.sessions.items()
        for video in sessions
    }
    shards = [shard for split in splits.values() for shard in split.shards]
    lines = [
        f"{_pairs({name: split.pairs for name, split in splits.items()})} of "
        f"{count_people(len(people))} in {counted(len(videos), 'video')}",
        f"{counted(len(shards), 'shard')}, {sum(shard.bytes for shard in shards) / 1e6:.1f} MB, in "
        f"{seconds:.1f} s{_kept(kept)}",
        _rejected(manifest.rejects, with_moments=manifest.corpus.video_files > 0),
        *leakage_lines(manifest.leakage),
        *duplicate_lines(duplicates),
        *left_out_lines(summary),
        *list_people(list(manifest.without_pairs), "without pairs, because media are broken"),
    ]
    fractions = manifest.plan.get("split_fractions", (None,) * len(SPLITS))
    for split_name, percent in zip(SPLITS, fractions, strict=True):
        if percent != 0:
            lines += list_people(
                [name for name, person in people.items() if not person.pairs[split_name]],
                f"without a {split_name} pair",
            )
    pairs_per_person = manifest.plan["pairs_per_person"]
    return lines + _few_pairs_lines(totals, pairs_per_person) + missing_lines(missing)


def unchanged_lines(summary: PlanSummary) -> list[str]:
    """Returns the lines after a build that found nothing new."""
    shards = len(summary.shards)
    were = agree(shards, "shard was", "shards were")
    return [
        f"nothing is new: {shards} {were} there already, and nothing was written",
        *left_out_lines(summary),
    ]


def _kept(shards: int) -> str:
    if not shards:
        return ""
    were = agree(shards, "was there already and is", "were there already and are")
    return f"; {shards} of them {were} kept"


def replaced_lines(replaced: ReplacedShards, hours: float) -> list[str]:
    """Returns a line about the shards of earlier builds that are kept, and one about those removed.

    Args:
      replaced: the shards.
      hours: grace time for readers.
    """
    lines = []
    if kept := replaced.kept:
        lines.append(
            f"{_shards(kept)} of earlier builds {agree(len(kept), 'is', 'are')} kept for readers "
            f"for {hours:g} h; --keep_replaced_hours 0 removes {agree(len(kept), 'it', 'them')} now"
        )
    if removed := replaced.removed:
        lines.append(
            f"{_shards(removed)} of earlier builds {agree(len(removed), 'is', 'are')} removed"
        )
    return lines


def leakage_lines(leaks: Mapping[str, Leak]) -> list[str]:
    """Returns a line about the leakage of each split that has pairs."""
    leaks = {split: leak for split, leak in leaks.items() if leak.pairs}
    if not leaks:
        return []
    if not any(leak.same_video or leak.same_audio or leak.same_content for leak in leaks.values()):
        return [f"no video and no audio sample of {listed(list(leaks), 'or')} is in training"]
    return [_leakage_line(split, leak) for split, leak in leaks.items()]


def _leakage_line(split: str, leak: Leak) -> str:
    pairs = counted(leak.pairs, f"{split} pair")
    line = (
        f"of {pairs}, {_share(leak.same_video, leak)} {agree(leak.same_video, 'is', 'are')} of a "
        f"video that is also in training, and {_share(leak.same_audio, leak)} "
        f"{agree(leak.same_audio, 'shares', 'share')} audio samples with it"
    )
    if copies := leak.same_content:
        line += (
            f"; {_share(copies, leak)} {agree(copies, 'has', 'have')} a copy of an image or clip "
            f"of training"
        )
    return line


def missing_lines(missing: Mapping[str, int]) -> list[str]:
    """Returns a line about pairs that are missing because media are broken, if there are any."""
    worst = sorted(
        (name for name in missing if missing[name]), key=lambda name: (-missing[name], name)
    )
    if not worst:
        return []
    total = sum(missing.values())
    return [
        f"{counted(total, 'pair')} {agree(total, 'is', 'are')} missing, because media are broken "
        f"and no spare is left: {first_names([f'{name} {missing[name]}' for name in worst], 10)}"
    ]


def _pairs_by_split(shards: Iterable[PlannedShard]) -> dict[str, int]:
    pairs = dict.fromkeys(SPLITS, 0)
    for shard in shards:
        pairs[shard.split] += shard.pairs
    return pairs


def _pairs(by_split: Mapping[str, int]) -> str:
    return f"{counted(sum(by_split.values()), 'pair')} ({_each(by_split)})"


def _each(by_split: Mapping[str, int]) -> str:
    return ", ".join(f"{by_split[split]} {split}" for split in SPLITS)


def _media(people: Collection[PlannedPerson]) -> str:
    """Returns the numbers of media: "2 images and 1 clip", with videos those of which are any."""
    counts = {
        "image": sum(person.faces for person in people),
        "clip": sum(person.clips for person in people),
        "video file": sum(person.video_files for person in people),
    }
    has_videos = counts["video file"] > 0
    shown = [noun for noun in counts if (counts[noun] if has_videos else noun != "video file")]
    return listed([counted(counts[noun], noun) for noun in shown])


def _rejected(by_reason: Mapping[str, int], with_moments: bool) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in by_reason.items())
    nouns = ("media file", "media files")
    if with_moments:
        nouns = ("media file or moment", "media files or moments")
    total = counted(sum(by_reason.values()), *nouns)
    return f"{total} rejected" + (f" ({reasons})" if reasons else "")


def _share(count: int, leak: Leak) -> str:
    return f"{count} ({count / leak.pairs:.0%})"


def _few_pairs_lines(pairs: Mapping[str, int], pairs_per_person: int) -> list[str]:
    few = [name for name in sorted(pairs) if pairs[name] < pairs_per_person]
    if not few:
        return []
    fewest = min(few, key=pairs.__getitem__)
    return [
        f"{count_people(len(few))} with fewer than {counted(pairs_per_person, 'pair')}, {fewest} "
        f"fewest ({pairs[fewest]})"
    ]


def _shards(sizes: Mapping[str, int]) -> str:
    return f"{counted(len(sizes), 'shard')} ({sum(sizes.values()) / 1e6:.1f} MB)"
