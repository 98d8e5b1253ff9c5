"""Recognises that a build would publish the dataset that is there already.

After a dataset is published, `.build/published.json` records a digest of everything that determines
it, and a stamp of each of its files. A build with the same digest, whose files have the same stamps
and whose shard results can be reused, writes nothing. The bytes of shards are not read then;
`facevoice check` does that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from beam_pipelines.errors import BuildError
from beam_pipelines.planning.plan_summary import PlanSummary
from beam_pipelines.shards.file_names import PUBLISHED_NAME
from beam_pipelines.shards.stores import Store, store_at
from tfdata.manifest import Manifest
from tfdata.rejects import REJECTS_NAME
from tfdata.schema import CARD_NAME, MANIFEST_NAME
from tfdata.storage.base import Place
from tfdata.storage.files import parse_json


def settings_digest(*settings: Any) -> str:
    """Returns a digest of the settings of a build; they consist of what JSON can hold."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def is_published(output: Place, settings: str, summary: PlanSummary) -> bool:
    """Returns whether the dataset in a directory is the one that a plan would give.

    Args:
      output: directory or URL.
      settings: `settings_digest` of the build.
      summary: the plan.

    Raises:
      BuildError: the output cannot be read.
    """
    if not summary.shards or not all(shard.is_reusable for shard in summary.shards.values()):
        return False
    try:
        store = store_at(output)
        record = _read_record(store)
        return (
            record.get("plan") == _plan_digest(settings, summary)
            and record["manifest"] == _manifest_digest(store)
            and record["files"].items() <= store.stamps().items()
        )
    except (FileNotFoundError, KeyError, AttributeError, TypeError):
        return False  # a file is missing, or this version did not write the record
    except OSError as error:
        raise BuildError(f"--output {output} cannot be read: {error.strerror}.") from None


def published_files(output: Place) -> frozenset[str]:
    """Returns the names of the files of the published dataset; others may be removed.

    Raises:
      BuildError: they are not known, because another build has changed the output meanwhile.
    """
    try:
        store = store_at(output)
        record = _read_record(store)
        if record.get("manifest") == _manifest_digest(store):
            return frozenset(record["files"])
    except FileNotFoundError:
        pass
    except OSError as error:
        raise BuildError(f"--output {output} cannot be read: {error.strerror}.") from None
    raise BuildError(
        f"Another build has changed {output} while this one found nothing new; let one build at a "
        f"time write there, and run the same command again."
    )


def record_published(
    output: Place, settings: str, summary: PlanSummary, manifest: Manifest
) -> None:
    """Records what a dataset that was just published was made from.

    Raises:
      BuildError: the record cannot be written.
    """
    shards = [shard.file for split in manifest.splits.values() for shard in split.shards]
    names = {MANIFEST_NAME, CARD_NAME, REJECTS_NAME, *shards}
    try:
        store = store_at(output)
        stamps = store.stamps()
        record = {
            "plan": _plan_digest(settings, summary),
            "manifest": _manifest_digest(store),
            "files": {name: stamps[name] for name in sorted(names)},
        }
        store.replace({PUBLISHED_NAME: json.dumps(record, indent=1).encode()})
    except KeyError as error:
        raise BuildError(
            f"{error.args[0]} disappeared from {output} after the build wrote it; let one build at "
            f"a time write there, and run the same command again."
        ) from None
    except OSError as error:
        raise BuildError(
            f"{PUBLISHED_NAME} cannot be written to {output}: {error.strerror}."
        ) from None


def _plan_digest(settings: str, summary: PlanSummary) -> str:
    """Returns a digest of what determines a dataset, in which the order of parts does not matter.

    Files that are no media, or are left for the next build, do not count.
    """
    return settings_digest(
        settings,
        sorted(summary.shards),
        {identity: asdict(person) for identity, person in summary.people.items()},
        sorted(json.dumps(asdict(reject)) for reject in summary.rejects),
        summary.dropped,
    )


def _manifest_digest(store: Store) -> str:
    return hashlib.sha256(store.read(MANIFEST_NAME)).hexdigest()


def _read_record(store: Store) -> Mapping[str, Any]:
    """Returns the record; an empty one if there is none that can be read."""
    try:
        record = parse_json(store.read(PUBLISHED_NAME))
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
