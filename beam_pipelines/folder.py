"""The output folder: what is finished, what is work in progress, and the switch between them.

    OUTPUT/dataset.json                  the manifest; a folder without one is not a data set
    OUTPUT/<split>-...-<digest>.tfrecord shards, named by their content
    OUTPUT/rejects.jsonl                 media that could not be used, with reasons
    OUTPUT/.build/                       notes of carried-out shard plans, for the next build

Publishing replaces the manifest last and in one step; only then are files removed that no manifest
names. So an old data set stays whole until the new one stands.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from beam_pipelines.corpus import Reject
from beam_pipelines.errors import BuildError
from tfdata.schema import MANIFEST_NAME, Manifest

REJECTS_NAME = "rejects.jsonl"


def work_folder(output: Path) -> Path:
    return output / ".build"


def note_path(output: Path, digest: str) -> Path:
    return work_folder(output) / f"{digest}.json"


def outline_path(output: Path) -> Path:
    return work_folder(output) / "outline.json"


def log_path(output: Path) -> Path:
    return work_folder(output) / "workers.log"


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old one or the whole new one."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def prepare(output: Path) -> None:
    """Makes the output folder ready for a build; a data set in it stays as it is.

    Raises:
      BuildError: it cannot be made or written to, or holds something else.
    """
    try:
        if output.is_dir() and any(output.iterdir()) and not _is_ours(output):
            raise BuildError(
                f"--output {output} holds other files than a data set; name an empty or new folder."
            )
        work_folder(output).mkdir(parents=True, exist_ok=True)
        outline_path(output).unlink(missing_ok=True)
    except OSError as error:
        raise BuildError(f"--output {output} cannot be written: {error.strerror}.") from None


def write_outline(output: Path, outline: dict[str, Any]) -> None:
    """Notes what the plan came to, before any pixel is decoded."""
    replace_file(outline_path(output), json.dumps(outline).encode())


def read_outline(output: Path) -> dict[str, Any] | None:
    """What the plan of the build in progress came to; None while it is being made."""
    try:
        outline: dict[str, Any] = json.loads(outline_path(output).read_text())
    except FileNotFoundError:
        return None
    return outline


def publish(
    output: Path, manifest: Manifest, rejects: Iterable[Reject], digests: Iterable[str]
) -> None:
    """Makes the new data set stand, then removes what neither it nor the next build needs."""
    lines = [json.dumps(asdict(reject), ensure_ascii=False) + "\n" for reject in rejects]
    replace_file(output / REJECTS_NAME, "".join(lines).encode("utf-8", "surrogateescape"))
    replace_file(output / MANIFEST_NAME, manifest.to_json().encode())
    named = {shard.file for split in manifest.splits.values() for shard in split.shards}
    for path in output.glob("*.tfrecord"):
        if path.name not in named:
            path.unlink()
    notes = {note_path(output, digest).name for digest in digests}
    for path in work_folder(output).iterdir():
        if path.name not in notes:
            path.unlink()


def _is_ours(output: Path) -> bool:
    return (output / MANIFEST_NAME).is_file() or work_folder(output).is_dir()
