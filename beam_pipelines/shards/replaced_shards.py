"""Shards of earlier builds: kept for those who read them, and removed by a later build.

A training that reads a dataset opens shards by the manifest that it began with. So a shard that a
new manifest no longer names is kept until it has been neither named by a manifest nor read for a
grace time. `.build/replaced.json` records when each was first found replaced:
{"train-00000-of-00008-86f0d0e3a1b2.tfrecord": 1764158400.0}.

When a file was read is its access time. Linux mounts disks with `relatime`, which updates the
access time of a file that is read often once in 24 hours; so a grace time for readers should be
longer than that. Mounts with `noatime`, and object stores, record no access: there only the time
since a shard was replaced counts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from beam_pipelines.shards.file_names import REPLACED_NAME, is_shard
from beam_pipelines.shards.stores import Store
from tfdata.storage.files import parse_json


@dataclass(frozen=True)
class ReplacedShards:
    """What became of the replaced shards of a dataset: name to bytes, of each."""

    kept: Mapping[str, int]
    removed: Mapping[str, int]


def clean_up(
    store: Store, replaced: Mapping[str, int], grace_seconds: float, *, recorded: bool
) -> ReplacedShards:
    """Removes replaced shards that nobody has needed for the grace time, and records the others.

    Args:
      store: the output folder.
      replaced: name to bytes of the shards that the manifest does not name.
      grace_seconds: 0 removes all of them.
      recorded: whether the folder has a record of replaced shards.

    Raises:
      OSError: the place refuses.
    """
    if not replaced and not recorded:
        return ReplacedShards({}, {})
    now = time.time()
    before = _read_record(store) if recorded else {}
    since = {name: min(before.get(name, now), now) for name in replaced}
    read = store.last_read(replaced) if grace_seconds else {}
    removed = {
        name: size
        for name, size in replaced.items()
        if not grace_seconds or now - max(since[name], read.get(name, 0.0)) > grace_seconds
    }
    store.delete(removed)
    kept = {name: size for name, size in replaced.items() if name not in removed}
    record = {name: since[name] for name in sorted(kept)}
    if not record and recorded:
        store.delete([REPLACED_NAME])
    elif record != before:
        store.replace({REPLACED_NAME: json.dumps(record, indent=1).encode()})
    return ReplacedShards(kept, removed)


def _read_record(store: Store) -> dict[str, float]:
    """Returns the record without what no build has written; empty if it cannot be read."""
    try:
        found = parse_json(store.read(REPLACED_NAME))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: float(since)
        for name, since in found.items()
        if is_shard(name) and isinstance(since, int | float) and 0 <= since <= sys.float_info.max
    }
