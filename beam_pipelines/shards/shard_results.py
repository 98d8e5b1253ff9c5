"""Reads and writes shard results: one JSON file per shard plan, from which builds resume.

The summary and the manifest are made from them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from beam_pipelines.planning.plan import Pair
from beam_pipelines.shards.file_names import is_shard, result_name
from beam_pipelines.shards.fingerprints import ShardPlan, spares_digest
from beam_pipelines.shards.stores import WORK_NAME, Store, store_at
from beam_pipelines.shards.used_media import UsedMedia
from tfdata.rejects import Reject
from tfdata.schema import SPLITS
from tfdata.storage.base import Place
from tfdata.storage.files import parse_json

_CHECKSUM = b', "checksum": "'  # the last field, of the text before it


@dataclass(frozen=True)
class Replacement:
    """Media that replaced the broken ones of a pair.

    Attributes:
      spares: digest of the spares of the pair.
      face, window: index of the used medium: 0 is the pair's own, 1 its first spare, and so on;
        None if all are broken.
    """

    spares: str
    face: int | None
    window: int | None


@dataclass(frozen=True)
class ShardResult:
    """Result of a shard plan.

    Attributes:
      run_id: the build that wrote the shard.
      split: one of SPLITS.
      file: name of the shard in the output directory; None if no pair could be used.
      records, bytes, sha256: number of records, size and digest of the shard.
      pairs: identity to number of records.
      sessions: identity to the videos of its faces and windows.
      opened: number of images that were opened.
      rejects: media that could not be used.
      out_of_reach: whether some rejects could not be read at all, and may be readable later.
      replaced: key to Replacement, of pairs with broken media.
      media: identity to the media of its records; None in results of versions that did not compare
        contents.
      opened_moments: number of moments of videos that were opened.
      centred: number of records with the embedding of an image's centre, as no face was found.
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
    media: dict[str, UsedMedia] | None = None
    opened_moments: int = 0
    centred: int = 0


def written_pairs(plan: ShardPlan, result: ShardResult) -> Iterator[Pair]:
    """Yields the pairs that were written, with the media that were used."""
    for pair in plan.pairs:
        replacement = result.replaced.get(pair.key)
        if replacement is None:
            yield replace(pair, spare_faces=(), spare_windows=())
        elif replacement.face is not None and replacement.window is not None:
            yield replace(
                pair,
                face=(pair.face, *pair.spare_faces)[replacement.face],
                window=(pair.window, *pair.spare_windows)[replacement.window],
                spare_faces=(),
                spare_windows=(),
            )


def is_reusable(plan: ShardPlan, result: ShardResult) -> bool:
    """Returns whether the plan would give the same result again, as far as broken media go.

    It might not if media could not be read at all, or if the spares of a replaced pair differ.
    """
    return not result.out_of_reach and all(
        result.replaced[pair.key].spares == spares_digest(pair)
        for pair in plan.pairs
        if pair.key in result.replaced
    )


def existing_shards(output: Place, digests: Iterable[str]) -> list[str]:
    """Returns the digests whose shards exist and have the expected sizes."""
    store = store_at(output)
    sizes = store.sizes()
    finished = finished_digests(store, digests)
    results = ((digest, read_result(store, digest)) for digest in finished)
    return [
        digest
        for digest, result in results
        if result is not None and (result.file is None or sizes.get(result.file) == result.bytes)
    ]


def finished_digests(store: Store, digests: Iterable[str]) -> list[str]:
    """Returns the digests that have a result file."""
    names = store.sizes(WORK_NAME)
    return [digest for digest in digests if f"{digest}.json" in names]


def write_result(store: Store, digest: str, result: ShardResult) -> None:
    body = json.dumps(asdict(result)).encode()
    checksum = hashlib.sha256(body).hexdigest().encode()
    store.replace({result_name(digest): body[:-1] + _CHECKSUM + checksum + b'"}'})


def read_result(store: Store, digest: str) -> ShardResult | None:
    """Returns the result of a plan, or None if there is no valid one."""
    try:
        fields: dict[str, Any] = parse_json(_without_checksum(store.read(result_name(digest))))
        rejects = [Reject(**reject) for reject in fields.pop("rejects")]
        replaced = {key: Replacement(**value) for key, value in fields.pop("replaced").items()}
        media = fields.pop("media", None)
        if media is not None:
            media = {identity: UsedMedia.from_fields(used) for identity, used in media.items()}
        result = ShardResult(**fields, rejects=rejects, replaced=replaced, media=media)
        return result if _is_valid(result) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None  # the file is missing, or this version did not write it


def _without_checksum(content: bytes) -> bytes:
    """Returns the fields of a result; those of earlier versions have no checksum.

    Raises:
      ValueError: the content is not what was written, for example after a loss of power.
    """
    head, marker, tail = content.rpartition(_CHECKSUM)
    if not marker:
        return content
    body = head + b"}"
    if tail != hashlib.sha256(body).hexdigest().encode() + b'"}':
        raise ValueError("it is damaged")
    return body


def _is_valid(result: ShardResult) -> bool:
    """Returns whether fields have the types that summaries rely on, and the name is a shard's."""
    counts = (result.opened, result.opened_moments, result.centred)
    numbers = (result.records, result.bytes, *counts, *result.pairs.values())
    return (
        all(isinstance(number, int) for number in numbers)
        and all(isinstance(videos, list) for videos in result.sessions.values())
        and result.split in SPLITS
        and (result.media is None or _media_counts(result.media) == result.pairs)
        and (result.file is None or is_shard(result.file))
    )


def _media_counts(media: Mapping[str, UsedMedia]) -> dict[str, int]:
    return {identity: len(used.faces) for identity, used in media.items()}
