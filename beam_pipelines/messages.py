"""Formats what a build prints: its plan, its summary, and errors. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from beam_pipelines.corpus.ignored import HIDDEN, OUTSIDE, Ignored
from beam_pipelines.corpus.listing import CLIP, FACE, Reject
from beam_pipelines.corpus.people import MAX_COMPARED, FoundPeople
from beam_pipelines.duplicate_messages import duplicate_lines
from beam_pipelines.planning.plan_summary import PlannedShard, PlanSummary
from beam_pipelines.shards.duplicates import FoundDuplicates
from beam_pipelines.shards.fingerprints import DETECTOR_PACKAGE, DETECTOR_WEIGHTS
from beam_pipelines.shards.replaced_shards import ReplacedShards
from facevoice.features import FeatureSettings
from facevoice.features.file_types import AUDIO_SUFFIXES, IMAGE_SUFFIXES, VIDEO_SUFFIXES
from tfdata.manifest import Leak, Manifest
from tfdata.schema import SPLITS
from tfdata.storage.base import Place
from tfdata.text import counted, duration, listed, nearest, printable

MAX_NAMES = 5


def people_line(found: FoundPeople, persons: int | None) -> str:
    """Returns the number of people that a build uses and leaves out.

    Args:
      found: the people of the corpus.
      persons: maximum number of people, or None.
    """
    count = len(found.people)
    line = _people(count) if persons is None or persons >= count else f"{persons} of {count} people"
    if found.not_in_split_file:
        line += f"; --split_file does not list {found.not_in_split_file} more"
    if found.faces_without_audio or found.audio_without_faces:
        faces = counted(len(found.faces_without_audio), "directory", "directories")
        line += (
            f"; {faces} of faces and {len(found.audio_without_faces)} of audio have no counterpart "
            f"({_first(_without_counterpart(found), MAX_NAMES)})"
        )
    if found.linked:
        line += (
            f"; {counted(len(found.linked), 'more person', 'more people')} "
            f"({_first(found.linked, MAX_NAMES)}) left out, because links lead to the directories "
            f"of others"
        )
    if names := found.not_utf8:
        line += (
            f"; {counted(len(names), 'directory', 'directories')} ({_first(names, MAX_NAMES)}) "
            f"left out, because {'its name is' if len(names) == 1 else 'their names are'} not UTF-8"
        )
    return line


def too_few_people_lines(people: int) -> list[str]:
    """Returns a warning if a dataset of so many people cannot be used for training."""
    if people > 1:
        return []
    return [
        "warning: with one person, nothing can be trained, because models identify people; build "
        "from two or more people to train"
    ]


def _without_counterpart(found: FoundPeople) -> list[str]:
    """Returns the directories of one tree only; similar names of both trees as one entry."""
    audio = list(found.audio_without_faces)
    meanings = {found.identity_of.get(name, name): name for name in audio}
    names = []
    for position, face in enumerate(found.faces_without_audio):
        if position < MAX_COMPARED and (similar := nearest(face, meanings)):
            folder = meanings.pop(similar)
            audio.remove(folder)
            meant = folder if folder == similar else f"{similar}, {folder}"
            names.append(f"{face} of --faces, did you mean {meant} of --audio?")
        else:
            names.append(face)
    return sorted(names, key=lambda name: "did you mean" not in name) + audio


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
        *too_few_people_lines(sum(person.pairs > 0 for person in planned)),
        f"{_people(len(people))} in {counted(sum(p.videos for p in planned), 'video')}, with "
        f"{counted(sum(p.faces for p in planned), 'image')} and "
        f"{counted(sum(p.clips for p in planned), 'clip')} "
        f"({duration(sum(p.audio_seconds for p in planned))})",
        _pairs(_pairs_by_split(shards)),
        f"{counted(len(shards), 'shard')} ({_each(files)})"
        + (f", of which {len(kept)} are there already" if kept else "")
        + f"; about {to_write / 1e6:.1f} MB to write",
        _rejected(dict(sorted(reasons.items()))),
        *ignored_lines(summary.ignored),
        *_dropped_lines(summary),
        *_absent_lines(summary),
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
        *too_few_people_lines(len(people)),
        f"{_pairs({name: split.pairs for name, split in splits.items()})} of "
        f"{_people(len(people))} in {counted(len(videos), 'video')}",
        f"{counted(len(shards), 'shard')}, {sum(shard.bytes for shard in shards) / 1e6:.1f} MB, in "
        f"{seconds:.1f} s" + (f"; {kept} of them were there already and are kept" if kept else ""),
        _rejected(manifest.rejects),
        *leakage_lines(manifest.leakage),
        *duplicate_lines(duplicates),
        *ignored_lines(summary.ignored),
        *_dropped_lines(summary),
        *_absent_lines(summary),
        *_list_people(list(manifest.without_pairs), "without pairs, because media are broken"),
    ]
    fractions = manifest.plan.get("split_fractions", (None,) * len(SPLITS))
    for split_name, percent in zip(SPLITS, fractions, strict=True):
        if percent != 0:
            lines += _list_people(
                [name for name, person in people.items() if not person.pairs[split_name]],
                f"without a {split_name} pair",
            )
    pairs_per_person = manifest.plan["pairs_per_person"]
    return lines + _few_pairs_lines(totals, pairs_per_person) + missing_lines(missing)


def replaced_lines(replaced: ReplacedShards, hours: float) -> list[str]:
    """Returns a line about the shards of earlier builds that are kept, and one about those removed.

    Args:
      replaced: the shards.
      hours: grace time for readers.
    """
    lines = []
    if kept := replaced.kept:
        lines.append(
            f"{_shards(kept)} of earlier builds {_are(kept)} kept for readers for {hours:g} h; "
            f"--keep_replaced_hours 0 removes {'it' if len(kept) == 1 else 'them'} now"
        )
    if removed := replaced.removed:
        lines.append(f"{_shards(removed)} of earlier builds {_are(removed)} removed")
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
        f"of {pairs}, {_share(leak.same_video, leak)} are of a video that is also in training, and "
        f"{_share(leak.same_audio, leak)} share audio samples with it"
    )
    if leak.same_content:
        line += f"; {_share(leak.same_content, leak)} have a copy of an image or clip of training"
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
        f"{counted(total, 'pair')} {'is' if total == 1 else 'are'} missing, because media are "
        f"broken and no spare is left: {_first([f'{name} {missing[name]}' for name in worst], 10)}"
    ]


def ignored_lines(ignored: Sequence[Ignored]) -> list[str]:
    """Returns a line about the files of each tree that are no media by their names."""
    lines = []
    for kind, flag, wanted in ((FACE, "--faces", "image"), (CLIP, "--audio", "clip")):
        if of_kind := [each for each in ignored if each.kind == kind]:
            total = counted(sum(each.files for each in of_kind), "file")
            reasons = ", ".join(_ignored_reason(each) for each in of_kind)
            lines.append(f"{total} of {flag} ignored, not {wanted}s by name or place: {reasons}")
    return lines


def _ignored_reason(ignored: Ignored) -> str:
    """Returns a number with its reason, such as "3 .txt" or "20 .mp4 (videos)"."""
    if ignored.reason == HIDDEN:
        return f"{ignored.files} hidden"
    if ignored.reason == OUTSIDE:
        return f"{ignored.files} outside of the directories of people"
    if ignored.reason.endswith("/"):
        return f"{ignored.files} in {printable(ignored.reason)}"
    if not ignored.reason:
        return f"{ignored.files} without extension"
    is_video = ignored.kind == FACE and ignored.reason in VIDEO_SUFFIXES
    return f"{ignored.files} {printable(ignored.reason)}" + (" (videos)" if is_video else "")


def no_pairs_message(
    rejects: Sequence[Reject], ignored: Sequence[Ignored], faces: Place, audio: Place
) -> str:
    """Returns the error of a build without pairs."""
    if not rejects:
        if _are_swapped(ignored):
            return f"--faces {faces} has clips and --audio {audio} has images; swap the two flags."
        found = "; ".join(ignored_lines(ignored))
        return (
            f"No pair could be made: no person has both images below {faces} and clips below "
            f"{audio}{f' ({found})' if found else ''}."
        )
    first = rejects[0]
    return (
        f"No pair could be made: {counted(len(rejects), 'media file')} cannot be used, the first "
        f"is {printable(first.path)} ({first.reason}: {first.detail})."
    )


def _are_swapped(ignored: Sequence[Ignored]) -> bool:
    """Returns whether the tree of faces has clips and the tree of clips has images."""
    suffixes = {(each.kind, each.reason) for each in ignored}
    return any((FACE, suffix) in suffixes for suffix in AUDIO_SUFFIXES) and any(
        (CLIP, suffix) in suffixes for suffix in IMAGE_SUFFIXES
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


def _absent_lines(summary: PlanSummary) -> list[str]:
    lines = _list_people(summary.without_faces, "without images")
    lines += _list_people(summary.without_clips, "without clips")
    lines += _list_people(summary.without_listed, "without a clip that --split_file lists")
    if summary.unlisted:
        pronoun = "it" if summary.unlisted == 1 else "them"
        lines.append(
            f"{counted(summary.unlisted, 'clip')} left out, because --split_file does not list "
            f"{pronoun}"
        )
    if links := sorted(summary.repeated_links):
        verb = "leads" if len(links) == 1 else "lead"
        lines.append(
            f"{counted(len(links), 'symbolic link')} ({_first(links, MAX_NAMES)}) ignored, because "
            f"{'it' if len(links) == 1 else 'they'} {verb} to media that are listed already"
        )
    return lines


def _dropped_lines(summary: PlanSummary) -> list[str]:
    if not summary.dropped:
        return []
    conflicts = summary.dropped_across_people
    line = (
        f"{counted(summary.dropped, 'file')} dropped, because another file has the same content "
        f"({conflicts} of another person)"
    )
    return [line, *_list_people(summary.only_copies, "dropped, because all their media are copies")]


def _few_pairs_lines(pairs: Mapping[str, int], pairs_per_person: int) -> list[str]:
    few = [name for name in sorted(pairs) if pairs[name] < pairs_per_person]
    if not few:
        return []
    fewest = min(few, key=pairs.__getitem__)
    return [
        f"{_people(len(few))} with fewer than {counted(pairs_per_person, 'pair')}, {fewest} fewest "
        f"({pairs[fewest]})"
    ]


def _list_people(names: Sequence[str], what: str) -> list[str]:
    """Returns a line with the first names, or none without names."""
    return [f"{_people(len(names))} ({_first(sorted(names), MAX_NAMES)}) {what}"] if names else []


def _first(names: Sequence[str], count: int) -> str:
    return ", ".join(map(printable, names[:count])) + (", ..." if len(names) > count else "")


def _shards(sizes: Mapping[str, int]) -> str:
    return f"{counted(len(sizes), 'shard')} ({sum(sizes.values()) / 1e6:.1f} MB)"


def _are(items: Mapping[str, int]) -> str:
    return "is" if len(items) == 1 else "are"


def _people(count: int) -> str:
    return counted(count, "person", "people")
