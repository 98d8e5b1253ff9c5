"""Defines the names of a build's files, relative to the output directory.

Names are matched exactly, because a build does not touch files of other names.
"""

from __future__ import annotations

import re

from beam_pipelines.shards.stores import LOCK_NAME, WORK_NAME
from tfdata.rejects import REJECTS_NAME
from tfdata.schema import CARD_NAME, MANIFEST_NAME

PLAN_SUMMARY_NAME = f"{WORK_NAME}/outline.json"
LEAKS_NAME = f"{WORK_NAME}/leaks.json"
REPLACED_NAME = f"{WORK_NAME}/replaced.json"
PUBLISHED_NAME = f"{WORK_NAME}/published.json"
LOG_NAME = f"{WORK_NAME}/workers.log"

_DIGEST = "[0-9a-f]{32}"
_RESULT = rf"\.build/{_DIGEST}\.json"
_SHARD = r"(train|validation|test)-[0-9]{5}-of-[0-9]{5}-[0-9a-f]{12}\.tfrecord"


def _any_of(*names: str) -> str:
    return "|".join(map(re.escape, names))


_WORK = (
    _any_of(PLAN_SUMMARY_NAME, LEAKS_NAME, f"{WORK_NAME}/{REJECTS_NAME}", LOG_NAME) + f"|{_RESULT}"
)
_OTHERS = (
    _any_of(MANIFEST_NAME, CARD_NAME, REJECTS_NAME, LOCK_NAME, REPLACED_NAME, PUBLISHED_NAME)
    + f"|{_SHARD}"
)
# Unfinished files have a random suffix; an unfinished shard is named after its plan.
_TEMPORARY = rf"({_WORK}|{_OTHERS}|\.build/{_DIGEST})\.{_DIGEST}\.tmp"


def result_name(digest: str) -> str:
    """Returns the name of the result file of a shard plan."""
    return f"{WORK_NAME}/{digest}.json"


def is_shard(name: str) -> bool:
    """Returns whether a build gives this name to shards."""
    return re.fullmatch(_SHARD, name) is not None


def is_temporary(name: str) -> bool:
    """Returns whether a build gives this name to unfinished files."""
    return re.fullmatch(_TEMPORARY, name) is not None


def is_work_file(name: str) -> bool:
    """Returns whether this is the name of a file that only a build needs."""
    return re.fullmatch(_WORK, name) is not None


def is_build_file(name: str) -> bool:
    """Returns whether a build gives this name to any file."""
    return re.fullmatch(f"{_WORK}|{_OTHERS}|{_TEMPORARY}", name) is not None
