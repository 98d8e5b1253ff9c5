"""Keeps replaced shards for programs that still read them, and removes them in a later build.

A training opens the shards of the manifest that it started with. So a shard that a new manifest
does not name is kept until a grace time has passed since it was replaced and last read.
`.build/replaced.json` records when each shard was first found replaced:
{"train-00000-of-00008-86f0d0e3a1b2.tfrecord": 1764158400.0}.

The time of the last read is the access time. Linux mounts disks with `relatime`, which updates the
access time of a file that is read often only once in 24 hours, so the grace time should be longer.
Mounts with `noatime` and object stores record no access; there, only the time since a shard was
replaced counts.
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
    """The replaced shards that a build kept and removed, each as name to bytes."""

    kept: Mapping[str, int]
    removed: Mapping[str, int]


def clean_up(
    store: Store, replaced: Mapping[str, int], grace_seconds: float, *, recorded: bool
) -> ReplacedShards:
    """Removes replaced shards that were not read for the grace time, and records the others.

    Args:
      store: the output directory.
      replaced: name to bytes of the shards that the manifest does not name.
      grace_seconds: grace time; 0 removes all.
      recorded: whether the directory has a record of replaced shards.

    Raises:
      OSError: a file cannot be read, written or removed.
    """
    if not replaced and not recorded:
        return ReplacedShards({}, {})
    now = time.time()
    old_record = _read_record(store) if recorded else {}
    since = {name: min(old_record.get(name, now), now) for name in replaced}
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
    elif record != old_record:
        store.replace({REPLACED_NAME: json.dumps(record, indent=1).encode()})
    return ReplacedShards(kept, removed)


def _read_record(store: Store) -> dict[str, float]:
    """Returns the valid entries of the record; none if it cannot be read."""
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
