"""What a plan comes to, before anything is decoded: a sum over its people and shards."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from beam_pipelines.corpus.listing import Reject
from tfdata.storage.files import parse_json


@dataclass(frozen=True)
class PlannedShard:
    """A shard to be written; its size is what it will have if no file is broken, within 1 %."""

    split: str
    pairs: int
    bytes: int


@dataclass(frozen=True)
class PlannedPerson:
    """What one person has on disk, and what is planned with it.

    Attributes:
      videos, faces, clips: usable by their names and headers.
      audio_seconds: length of those clips.
      pairs: planned.
      lost: more pairs there would be, were no name or header broken.
      examined: clips whose headers were read, or that could not even be listed.
    """

    videos: int
    faces: int
    clips: int
    audio_seconds: float
    pairs: int
    lost: int
    examined: int


@dataclass(frozen=True)
class PlanSummary:
    """What a plan came to; outlines of parts add up.

    Attributes:
      shards: plan digest to what the shard will be.
      people: identity to what was planned with those who were taken.
      without_faces, without_clips, without_listed: identities that could not be; the last have
        clips, but none that the split file lists.
      rejects: media whose names or headers already rule them out.
      unlisted: clips that the split file does not list.
    """

    shards: dict[str, PlannedShard] = field(default_factory=dict)
    people: dict[str, PlannedPerson] = field(default_factory=dict)
    without_faces: tuple[str, ...] = ()
    without_clips: tuple[str, ...] = ()
    without_listed: tuple[str, ...] = ()
    rejects: tuple[Reject, ...] = ()
    unlisted: int = 0

    def __add__(self, other: PlanSummary) -> PlanSummary:
        return PlanSummary(
            self.shards | other.shards,
            self.people | other.people,
            self.without_faces + other.without_faces,
            self.without_clips + other.without_clips,
            self.without_listed + other.without_listed,
            self.rejects + other.rejects,
            self.unlisted + other.unlisted,
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str | bytes) -> PlanSummary:
        fields = parse_json(text)
        return PlanSummary(
            shards={key: PlannedShard(**shard) for key, shard in fields["shards"].items()},
            people={who: PlannedPerson(**person) for who, person in fields["people"].items()},
            without_faces=tuple(fields["without_faces"]),
            without_clips=tuple(fields["without_clips"]),
            without_listed=tuple(fields["without_listed"]),
            rejects=tuple(Reject(**reject) for reject in fields["rejects"]),
            unlisted=fields["unlisted"],
        )
