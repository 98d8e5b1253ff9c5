"""What became of each shard plan: notes that the next build, and the summary, are made from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from beam_pipelines.corpus.listing import Reject
from beam_pipelines.planning.plan import Pair
from beam_pipelines.shards.file_names import is_shard, result_name
from beam_pipelines.shards.fingerprints import ShardPlan, spares_digest
from beam_pipelines.shards.stores import WORK_NAME, Store, store_at
from tfdata.schema import SPLITS
from tfdata.storage.base import Place
from tfdata.storage.files import parse_json


@dataclass(frozen=True)
class Replacement:
    """How a pair with broken media was filled.

    Attributes:
      spares: digest of the spares that it had.
      face, window: which was used: 0 its own, 1 its first spare, and so on; None if none was left.
    """

    spares: str
    face: int | None
    window: int | None


@dataclass(frozen=True)
class ShardResult:
    """What became of a shard plan.

    Attributes:
      run_id: the run that wrote the shard.
      split: one of SPLITS.
      file: name of the shard below the output folder; None where no pair could be used.
      records, bytes, sha256: its content.
      pairs: identity to number of records.
      sessions: identity to the videos of its faces and voices.
      opened: images that were opened.
      rejects: media that could not be used.
      out_of_reach: whether some of these could not even be read, and may be another time.
      replaced: key to Replacement, of pairs with broken media.
    """

    run_id: str
    split: str
    file: str | None
    records: int
    bytes: int
    sha256: str
    pairs: dict[str, int]
    sessions: dict[str, list[str]]
    opened: int
    rejects: list[Reject]
    out_of_reach: bool
    replaced: dict[str, Replacement]


def written_pairs(plan: ShardPlan, note: ShardResult) -> Iterator[Pair]:
    """The pairs that became records, with the media that they were made from."""
    for pair in plan.pairs:
        change = note.replaced.get(pair.key)
        if change is None:
            yield replace(pair, spare_faces=(), spare_windows=())
        elif change.face is not None and change.window is not None:
            yield replace(
                pair,
                face=(pair.face, *pair.spare_faces)[change.face],
                window=(pair.window, *pair.spare_windows)[change.window],
                spare_faces=(),
                spare_windows=(),
            )


def is_reusable(plan: ShardPlan, note: ShardResult) -> bool:
    """Whether what decided about broken media is as it was: they can be read, and the spares."""
    return not note.out_of_reach and all(
        note.replaced[pair.key].spares == spares_digest(pair)
        for pair in plan.pairs
        if pair.key in note.replaced
    )


def existing_shards(output: Place, digests: Iterable[str]) -> list[str]:
    """The plans that were carried out, as far as the sizes of their shards tell."""
    store = store_at(output)
    sizes = store.sizes()
    notes = ((digest, read_result(store, digest)) for digest in finished_digests(store, digests))
    return [
        digest
        for digest, note in notes
        if note is not None and (note.file is None or sizes.get(note.file) == note.bytes)
    ]


def finished_digests(store: Store, digests: Iterable[str]) -> list[str]:
    """The plans that have a note."""
    names = store.sizes(WORK_NAME)
    return [digest for digest in digests if f"{digest}.json" in names]


def write_result(store: Store, digest: str, note: ShardResult) -> None:
    store.replace({result_name(digest): json.dumps(asdict(note)).encode()})


def read_result(store: Store, digest: str) -> ShardResult | None:
    """The note of a plan that was carried out, or None."""
    try:
        fields: dict[str, Any] = parse_json(store.read(result_name(digest)))
        rejects = [Reject(**reject) for reject in fields.pop("rejects")]
        replaced = {key: Replacement(**change) for key, change in fields.pop("replaced").items()}
        note = ShardResult(**fields, rejects=rejects, replaced=replaced)
        return note if _is_sound(note) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None  # there is none, or none that this version wrote


def _is_sound(note: ShardResult) -> bool:
    """Checks the types that summaries rely on, and that the file is a shard in the folder."""
    numbers = (note.records, note.bytes, note.opened, *note.pairs.values())
    return (
        all(isinstance(number, int) for number in numbers)
        and all(isinstance(videos, list) for videos in note.sessions.values())
        and note.split in SPLITS
        and (note.file is None or is_shard(note.file))
    )
