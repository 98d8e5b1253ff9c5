"""Formats what a build prints about the files of a corpus. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beam_pipelines.corpus.ignored import HIDDEN, OUTSIDE, Ignored
from beam_pipelines.corpus.listing import CLIP, FACE, FLAGS, VIDEO
from beam_pipelines.corpus.unsettled import Unsettled
from beam_pipelines.people_messages import first_names, list_people
from beam_pipelines.planning.plan_summary import PlanSummary
from facevoice.features.file_types import VIDEO_SUFFIXES
from tfdata.rejects import Reject
from tfdata.storage.base import Place
from tfdata.text import agree, counted, listed, printable

WANTED = {FACE: "images", CLIP: "clips", VIDEO: "videos"}


def left_out_lines(summary: PlanSummary) -> list[str]:
    """Returns lines about the media and people of a corpus that a build does not use."""
    return [
        *ignored_lines(summary.ignored),
        *unsettled_lines(summary.unsettled),
        *_dropped_lines(summary),
        *_absent_lines(summary),
    ]


def ignored_lines(ignored: Sequence[Ignored]) -> list[str]:
    """Returns a line about the files of each tree that are no media by their names."""
    lines = []
    for kind, flag in FLAGS.items():
        if of_kind := [each for each in ignored if each.kind == kind]:
            total = counted(sum(each.files for each in of_kind), "file")
            reasons = ", ".join(_ignored_reason(each) for each in of_kind)
            lines.append(
                f"{total} of {flag} ignored, not {WANTED[kind]} by name or place: {reasons}"
            )
    return lines


def unsettled_lines(unsettled: Unsettled) -> list[str]:
    """Returns a line about the media that changed a short time ago."""
    if not unsettled.files:
        return []
    more = ", ..." if unsettled.files > len(unsettled.examples) else ""
    return [
        f"{counted(unsettled.files, 'media file')} left for the next build, because "
        f"{agree(unsettled.files, 'it', 'they')} changed within --settle_seconds: "
        f"{first_names(unsettled.examples)}{more}"
    ]


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
    note = ""
    if ignored.reason in VIDEO_SUFFIXES and ignored.kind != CLIP:
        note = " (videos)" if ignored.kind == FACE else " (videos of other formats)"
    return f"{ignored.files} {printable(ignored.reason)}{note}"


def no_pairs_message(
    rejects: Sequence[Reject], summary: PlanSummary, roots: Mapping[str, Place]
) -> str:
    """Returns the error of a build without pairs.

    Args:
      rejects: files that cannot be used.
      summary: the plan, with other files that were not used.
      roots: FACE, CLIP and VIDEO to the roots of the corpus, as far as it has them.
    """
    if not rejects:
        lines = [*ignored_lines(summary.ignored), *unsettled_lines(summary.unsettled)]
        found = "; ".join(lines)
        media = []
        if FACE in roots:
            media.append(f"both images below {roots[FACE]} and clips below {roots[CLIP]}")
        if VIDEO in roots:
            media.append(f"videos below {roots[VIDEO]}")
        return (
            f"No pair could be made: no person has {listed(media, 'or')}"
            f"{f' ({found})' if found else ''}."
        )
    first = rejects[0]
    return (
        f"No pair could be made: {counted(len(rejects), 'media file')} cannot be used, the first "
        f"is {printable(first.path)} ({first.reason}: {first.detail})."
    )


def _absent_lines(summary: PlanSummary) -> list[str]:
    lines = list_people(summary.without_faces, "without images")
    lines += list_people(summary.without_clips, "without clips")
    lines += list_people(summary.without_videos, "without videos")
    lines += list_people(summary.without_listed, "without a clip that --split_file lists")
    if summary.unlisted:
        lines.append(
            f"{counted(summary.unlisted, 'clip')} left out, because --split_file does not list "
            f"{agree(summary.unlisted, 'it', 'them')}"
        )
    if links := sorted(summary.repeated_links):
        lines.append(
            f"{counted(len(links), 'symbolic link')} ({first_names(links)}) ignored, because "
            f"{agree(len(links), 'it leads', 'they lead')} to media that are listed already"
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
    return [line, *list_people(summary.only_copies, "dropped, because all their media are copies")]
