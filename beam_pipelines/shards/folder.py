"""The output folder: what is finished, what is work in progress, and the switch between them.

    OUTPUT/dataset.json                  the manifest; a folder without one is not a data set
    OUTPUT/<split>-...-<digest>.tfrecord shards, named by their content
    OUTPUT/card.html                     what is in it, to look at
    OUTPUT/rejects.jsonl                 media that could not be used, with reasons
    OUTPUT/.build/                       notes of carried-out shard plans, for the next build

Publishing replaces the manifest last and in one step; only then are files removed that no manifest
names. So an old data set stays whole until the new one stands.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from beam_pipelines.corpus.media import Reject
from beam_pipelines.errors import BuildError
from beam_pipelines.planning.leakage import Leaks
from beam_pipelines.planning.outline import Outline
from tfdata.schema import MANIFEST_NAME, Leak, Manifest, is_manifest

REJECTS_NAME = "rejects.jsonl"
CARD_NAME = "card.html"
LOCK_NAME = "lock"  # also tells a build's folder from any other `.build`
# What publishing may remove: names that only a build gives.
_REPLACEABLE = re.compile(
    r"(train|validation|test)-\d{5}-of-\d{5}-[0-9a-f]{12}\.tfrecord"
    r"|(dataset\.json|card\.html|rejects\.jsonl)\.\d+\.tmp"
)
_NOTE = re.compile(
    r"[0-9a-f]{32}\.(json|.*\.tmp)|(outline\.json|leaks\.json|rejects\.jsonl).*|workers\.log"
)


def work_folder(output: Path) -> Path:
    return output / ".build"


def note_path(output: Path, digest: str) -> Path:
    return work_folder(output) / f"{digest}.json"


def outline_path(output: Path) -> Path:
    return work_folder(output) / "outline.json"


def leaks_path(output: Path) -> Path:
    return work_folder(output) / "leaks.json"


def log_path(output: Path) -> Path:
    return work_folder(output) / "workers.log"


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old one or the whole new one."""
    replace_files({path: content})


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Writes files of one folder; none is replaced, in the given order, before all are written."""
    written: list[tuple[Path, Path]] = []
    try:
        for path, content in contents.items():
            temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
            written.append((temporary, path))
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for temporary, path in written:
            temporary.replace(path)
    except OSError:
        for temporary, _ in written:
            temporary.unlink(missing_ok=True)
        raise


def check_output(output: Path) -> None:
    """Raises BuildError for a folder that holds something else than a data set."""
    try:
        if output.is_dir() and any(output.iterdir()) and not _is_ours(output):
            raise BuildError(
                f"--output {output} holds other files than a data set; name an empty or new folder."
            )
    except OSError as error:
        raise BuildError(f"--output {output} cannot be listed: {error.strerror}.") from None


@contextmanager
def prepared(output: Path) -> Iterator[None]:
    """Makes the output folder ready for one build, and keeps a second one out meanwhile.

    A data set that is in it stays as it is.

    Raises:
      BuildError: it cannot be made or written to, holds something else, or is being built.
    """
    check_output(output)
    try:
        work_folder(output).mkdir(parents=True, exist_ok=True)
        lock = (work_folder(output) / LOCK_NAME).open("w")
    except OSError as error:
        raise BuildError(f"--output {output} cannot be written: {error.strerror}.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BuildError(
                f"Another build is writing to {output}; wait for it, or name another --output."
            ) from None
        outline_path(output).unlink(missing_ok=True)
        leaks_path(output).unlink(missing_ok=True)
        yield


def write_outline(output: Path, outline: Outline) -> None:
    """Notes what the plan came to, before any pixel is decoded.

    Raises:
      BuildError: the disk refuses.
    """
    try:
        replace_file(outline_path(output), outline.to_json().encode())
    except OSError as error:
        raise BuildError(f"The plan cannot be written to {output}: {error.strerror}.") from None


def read_outline(output: Path) -> Outline | None:
    """What the plan of the build in progress came to; None while it is being made."""
    try:
        return Outline.from_json(outline_path(output).read_text())
    except FileNotFoundError:
        return None


def write_leaks(output: Path, leaks: Leaks) -> None:
    """Notes how much of validation and test is also in training.

    Raises:
      BuildError: the disk refuses.
    """
    text = json.dumps({split: asdict(leak) for split, leak in leaks.items()})
    try:
        replace_file(leaks_path(output), text.encode())
    except OSError as error:
        raise BuildError(f"A note cannot be written to {output}: {error.strerror}.") from None


def read_leaks(output: Path) -> Leaks | None:
    """What the build in progress leaks; None before it has ended."""
    try:
        fields = json.loads(leaks_path(output).read_text())
    except FileNotFoundError:
        return None
    return {split: Leak(**leak) for split, leak in fields.items()}


def keep_rejects(output: Path, rejects: Iterable[Reject]) -> Path:
    """Lists the rejects of a build that fails, where they replace nothing; returns the path."""
    path = work_folder(output) / REJECTS_NAME
    replace_file(path, _lines(rejects))
    return path


def publish(
    output: Path,
    manifest: Manifest,
    card: str,
    rejects: Iterable[Reject],
    digests: Iterable[str],
) -> None:
    """Makes the new data set stand, then removes what neither it nor the next build needs.

    Raises:
      BuildError: the disk refuses; an older data set is whole then.
    """
    try:
        _sync(output)  # the names of shards reach the disk before the manifest that lists them
        replace_files(
            {
                output / REJECTS_NAME: _lines(rejects),
                output / CARD_NAME: card.encode(),
                output / MANIFEST_NAME: manifest.to_json().encode(),
            }
        )
        _sync(output)
    except OSError as error:
        raise BuildError(
            f"The manifest cannot be written to {output}: {error.strerror}. Mend that and start "
            f"again; finished shards are kept."
        ) from None
    named = {shard.file for split in manifest.splits.values() for shard in split.shards}
    for path in output.iterdir():
        if _REPLACEABLE.fullmatch(path.name) and path.name not in named:
            path.unlink()
    notes = {note_path(output, digest).name for digest in digests}
    for path in work_folder(output).iterdir():
        if _NOTE.fullmatch(path.name) and path.name not in notes:
            path.unlink()


def _sync(folder: Path) -> None:
    """Waits until the names in a folder would survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lines(rejects: Iterable[Reject]) -> bytes:
    return "".join(
        json.dumps(asdict(reject), ensure_ascii=False) + "\n" for reject in rejects
    ).encode()


def _is_ours(output: Path) -> bool:
    return is_manifest(output / MANIFEST_NAME) or (work_folder(output) / LOCK_NAME).is_file()
