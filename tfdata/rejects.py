"""The list of media that a build could not use: rejects.jsonl, beside the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tfdata.errors import DatasetError
from tfdata.fields import from_fields
from tfdata.storage.files import parse_json

REJECTS_NAME = "rejects.jsonl"


@dataclass(frozen=True)
class Reject:
    """A media file, or a moment of a video, that cannot be used.

    Attributes:
      kind: "face", "clip", "video" or "moment".
      path: path below the root of that tree.
      reason: a value of `facevoice.features.Reason`.
      detail: one clause for users.
    """

    kind: str
    path: str
    reason: str
    detail: str


def to_jsonl(rejects: Iterable[Reject]) -> bytes:
    """Returns the content of the file: a line of JSON for each of the rejects."""
    return "".join(
        json.dumps(asdict(reject), ensure_ascii=False) + "\n" for reject in rejects
    ).encode()


def read_rejects(data_dir: Path) -> list[Reject]:
    """Reads the list of a dataset; it is empty if the dataset was copied without it.

    Raises:
      DatasetError: a line is damaged.
    """
    path = data_dir / REJECTS_NAME
    if not path.exists():
        return []
    found = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                found.append(from_fields(Reject, parse_json(line)))
            except (ValueError, TypeError) as error:
                raise DatasetError(f"Line {number} of {path} is damaged ({error}).") from None
    return found
