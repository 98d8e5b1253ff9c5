"""Summarizes a plan: sums over its people and shards, before anything is decoded."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from beam_pipelines.corpus.ignored import Ignored, merge_ignored
from beam_pipelines.corpus.unsettled import NONE_UNSETTLED, Unsettled
from tfdata.rejects import Reject
from tfdata.storage.files import parse_json


@dataclass(frozen=True)
class PlannedShard:
    """A planned shard.

    Attributes:
      split: one of SPLITS.
      pairs: number of pairs.
      bytes: size within 1 % if no media are broken.
      is_reusable: whether an earlier build has left a result that this build would have, too.
    """

    split: str
    pairs: int
    bytes: int
    is_reusable: bool = False


@dataclass(frozen=True)
class PlannedPerson:
    """Counts of the media of one person, and of the pairs planned from them.

    Attributes:
      videos, faces, clips: media that are usable, as far as names and headers tell.
      audio_seconds: total length of these clips.
      pairs: planned pairs.
      lost: pairs that are not possible because names or headers are broken.
      examined: clips whose headers were read, and clips that could not be listed.
      video_files: videos that are usable, as far as names and headers tell.
    """

    videos: int
    faces: int
    clips: int
    audio_seconds: float
    pairs: int
    lost: int
    examined: int
    video_files: int = 0


@dataclass(frozen=True)
class PlanSummary:
    """Summary of a plan; the sum of summaries of its parts.

    Attributes:
      shards: plan digest to planned shard.
      people: identity to counts, of the selected people.
      without_faces, without_clips, without_listed: identities that cannot be used; the last have
        clips, but none that the split file lists.
      rejects: media that are rejected by their names or headers.
      unlisted: number of clips that the split file does not list.
      repeated_links: symbolic links to media that are listed already, which are ignored, each after
        the flag of its tree.
      dropped: number of files that are left out for the content of another file.
      dropped_across_people: those of them whose content is that of another person's file.
      only_copies: identities whose images or clips are all dropped.
      ignored: files that are no media by their names.
      without_videos: identities of a directory of videos that has none.
      unsettled: files that changed a short time ago and are left for the next build.
      is_published: whether the dataset in the output is the one that this plan would give.
    """

    shards: dict[str, PlannedShard] = field(default_factory=dict)
    people: dict[str, PlannedPerson] = field(default_factory=dict)
    without_faces: tuple[str, ...] = ()
    without_clips: tuple[str, ...] = ()
    without_listed: tuple[str, ...] = ()
    rejects: tuple[Reject, ...] = ()
    unlisted: int = 0
    repeated_links: tuple[str, ...] = ()
    dropped: int = 0
    dropped_across_people: int = 0
    only_copies: tuple[str, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    without_videos: tuple[str, ...] = ()
    unsettled: Unsettled = NONE_UNSETTLED
    is_published: bool = False

    def __add__(self, other: PlanSummary) -> PlanSummary:
        return PlanSummary(
            self.shards | other.shards,
            self.people | other.people,
            self.without_faces + other.without_faces,
            self.without_clips + other.without_clips,
            self.without_listed + other.without_listed,
            self.rejects + other.rejects,
            self.unlisted + other.unlisted,
            self.repeated_links + other.repeated_links,
            self.dropped + other.dropped,
            self.dropped_across_people + other.dropped_across_people,
            self.only_copies + other.only_copies,
            merge_ignored(self.ignored + other.ignored),
            self.without_videos + other.without_videos,
            self.unsettled + other.unsettled,
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str | bytes) -> PlanSummary:
        fields = parse_json(text)
        return PlanSummary(
            shards={key: PlannedShard(**shard) for key, shard in fields["shards"].items()},
            people={
                identity: PlannedPerson(**person) for identity, person in fields["people"].items()
            },
            without_faces=tuple(fields["without_faces"]),
            without_clips=tuple(fields["without_clips"]),
            without_listed=tuple(fields["without_listed"]),
            rejects=tuple(Reject(**reject) for reject in fields["rejects"]),
            unlisted=fields["unlisted"],
            repeated_links=tuple(fields["repeated_links"]),
            dropped=fields["dropped"],
            dropped_across_people=fields["dropped_across_people"],
            only_copies=tuple(fields["only_copies"]),
            ignored=tuple(Ignored(**each) for each in fields["ignored"]),
            without_videos=tuple(fields["without_videos"]),
            unsettled=Unsettled(
                fields["unsettled"]["files"], tuple(fields["unsettled"]["examples"])
            ),
            is_published=fields["is_published"],
        )
