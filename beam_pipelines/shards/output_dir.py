"""The output folder: what is finished, what is work in progress, and the switch between them.

    OUTPUT/dataset.json                  the manifest; a folder without one is not a data set
    OUTPUT/<split>-...-<digest>.tfrecord shards, named by their content
    OUTPUT/card.html                     what is in it, to look at
    OUTPUT/rejects.jsonl                 media that could not be used, with reasons
    OUTPUT/.build/                       notes of carried-out shard plans, for the next build

Publishing replaces the manifest last and in one step; so an old data set stays whole until the new
one stands. Shards that the new manifest does not name are kept for a time for those who read them
(see `replaced_shards`).

The folder's content is not trusted: symbolic links in it are refused, only files with names that a
build gives are removed, and existing files are replaced rather than opened for writing.
"""

from __future__ import annotations

import errno
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from beam_pipelines.corpus.listing import Reject
from beam_pipelines.errors import BuildError
from beam_pipelines.planning.leakage import Leaks
from beam_pipelines.planning.plan_summary import PlanSummary
from beam_pipelines.shards import file_names
from beam_pipelines.shards.file_names import (
    CARD_NAME,
    LEAKS_NAME,
    LOG_NAME,
    PLAN_SUMMARY_NAME,
    REJECTS_NAME,
    REPLACED_NAME,
    result_name,
)
from beam_pipelines.shards.replaced_shards import ReplacedShards, clean_up
from beam_pipelines.shards.stores import LOCK_NAME, WORK_NAME, Store, store_at
from tfdata.manifest import Leak, Manifest, is_manifest
from tfdata.schema import MANIFEST_NAME
from tfdata.storage.base import Place
from tfdata.storage.files import check_no_links, create_file, parse_json


@contextmanager
def log_file(output: Place) -> Iterator[TextIO]:
    """Creates a file on a disk for the messages of workers; it stays if the body fails.

    Raises:
      BuildError: it cannot be created.
    """
    if isinstance(output, Path):
        log = output / LOG_NAME
    else:
        # Nobody else may list this folder.
        log = Path(tempfile.mkdtemp(prefix="facevoice-")) / Path(LOG_NAME).name
    try:
        log.unlink(missing_ok=True)
        file = io.TextIOWrapper(create_file(log), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise BuildError(f"The log {log} cannot be written: {error.strerror}.") from None
    with file:
        yield file
    log.unlink(missing_ok=True)
    if not isinstance(output, Path):
        log.parent.rmdir()


def check_output(output: Place) -> None:
    """Checks that a build may write to a folder.

    Raises:
      BuildError: it holds something else than a dataset; or a symbolic link, at any depth; or
        something else than a regular file under a name that a build gives.
    """
    try:
        store = store_at(output)
        if isinstance(output, Path) and any(
            os.path.lexists(output / name) for name in (MANIFEST_NAME, LOCK_NAME)
        ):
            _check_files(output)
        if not store.is_empty() and not _is_ours(store):
            raise BuildError(
                f"--output {output} holds other files than a data set; name an empty or new folder."
            )
    except OSError as error:
        raise BuildError(f"--output {output} cannot be used: {error.strerror}.") from None


def _check_files(output: Path) -> None:
    """Checks what is in a folder that somebody else may have made, and opens none of it.

    Raises:
      OSError: names the first file that may not be there; `strerror` is a clause for a message.
    """
    check_no_links(output)
    work = output / WORK_NAME
    if work.exists() and not work.is_dir():
        raise OSError(errno.ENOTDIR, f"{WORK_NAME} in it is not a folder; remove it")
    for path in sorted([*output.iterdir(), *(work.iterdir() if work.exists() else ())]):
        name = path.relative_to(output).as_posix()
        if file_names.is_build_file(name) and not path.is_file():
            raise OSError(errno.EINVAL, f"{name} in it is not a regular file; remove it")


@contextmanager
def prepare(output: Place) -> Iterator[None]:
    """Makes the output folder ready for one build, and keeps a second one out meanwhile.

    A data set that is in it stays as it is. At an address, nothing keeps a second build out.

    Raises:
      BuildError: it cannot be made or written to, holds something else, or is being built.
    """
    check_output(output)
    with ExitStack() as stack:
        try:
            store = store_at(output)
            stack.enter_context(store.lock())
            store.delete([PLAN_SUMMARY_NAME, LEAKS_NAME])
        except BlockingIOError:
            raise BuildError(
                f"Another build is writing to {output}; wait for it, or name another --output."
            ) from None
        except OSError as error:
            raise BuildError(f"--output {output} cannot be written: {error.strerror}.") from None
        yield


def write_plan_summary(output: Place, outline: PlanSummary) -> None:
    """Notes what the plan came to, before any pixel is decoded.

    Raises:
      BuildError: the disk refuses.
    """
    try:
        store_at(output).replace({PLAN_SUMMARY_NAME: outline.to_json().encode()})
    except OSError as error:
        raise BuildError(f"The plan cannot be written to {output}: {error.strerror}.") from None


def read_plan_summary(output: Place) -> PlanSummary | None:
    """What the plan of the build in progress came to; None while it is being made."""
    try:
        return PlanSummary.from_json(store_at(output).read(PLAN_SUMMARY_NAME))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None  # there is none, or none that this version wrote


def write_leaks(output: Place, leaks: Leaks) -> None:
    """Notes how much of validation and test is also in training.

    Raises:
      BuildError: the disk refuses.
    """
    text = json.dumps({split: asdict(leak) for split, leak in leaks.items()})
    try:
        store_at(output).replace({LEAKS_NAME: text.encode()})
    except OSError as error:
        raise BuildError(f"A note cannot be written to {output}: {error.strerror}.") from None


def read_leaks(output: Place) -> Leaks | None:
    """What the build in progress leaks; None before it has ended."""
    try:
        fields = parse_json(store_at(output).read(LEAKS_NAME))
        return {split: Leak(**leak) for split, leak in fields.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None  # there is none, or none that this version wrote


def write_rejects(output: Place, rejects: Iterable[Reject]) -> str:
    """Lists the rejects of a build that fails, where they replace nothing; returns the path."""
    name = f"{WORK_NAME}/{REJECTS_NAME}"
    store_at(output).replace({name: _lines(rejects)})
    return f"{output}/{name}"


def publish(
    output: Place,
    manifest: Manifest,
    card: str,
    rejects: Iterable[Reject],
    digests: Iterable[str],
    keep_replaced_seconds: float,
) -> ReplacedShards:
    """Makes the new data set stand, then removes what nobody needs any more.

    Args:
      output: the folder.
      manifest, card, rejects: the new data set's.
      digests: of its shard plans, whose notes are kept.
      keep_replaced_seconds: grace time of shards that the manifest does not name.

    Returns:
      The shards of earlier builds that are kept, and those that were removed.

    Raises:
      BuildError: the place refuses, or somebody removed shards meanwhile, as a second build into an
        address may; an older data set is whole then.
    """
    store = store_at(output)
    shards = [shard for split in manifest.splits.values() for shard in split.shards]
    named = {shard.file for shard in shards}
    try:
        found = store.sizes()
        gone = [shard.file for shard in shards if found.get(shard.file) != shard.bytes]
        if gone:
            raise BuildError(
                f"{len(gone)} shards have gone from {output} since they were written, {gone[0]} "
                f"for one; let one build at a time write there, and start again."
            )
        store.sync()  # the names of shards are there to stay before the manifest that lists them
        store.replace(
            {
                REJECTS_NAME: _lines(rejects),
                CARD_NAME: card.encode(),
                MANIFEST_NAME: manifest.to_json().encode(),
            }
        )
        store.sync()
    except OSError as error:
        raise BuildError(
            f"The manifest cannot be written to {output}: {error.strerror}. Mend that and start "
            f"again; finished shards are kept."
        ) from None
    work = {f"{WORK_NAME}/{name}" for name in store.sizes(WORK_NAME)}
    needed = {result_name(digest) for digest in digests}
    store.delete(
        [name for name in (*found, *work) if file_names.is_temporary(name)]
        + [name for name in work if file_names.is_work_file(name) and name not in needed]
    )
    replaced = {
        name: size
        for name, size in found.items()
        if file_names.is_shard(name) and name not in named
    }
    return clean_up(store, replaced, keep_replaced_seconds, recorded=REPLACED_NAME in work)


def _lines(rejects: Iterable[Reject]) -> bytes:
    return "".join(
        json.dumps(asdict(reject), ensure_ascii=False) + "\n" for reject in rejects
    ).encode()


def _is_ours(store: Store) -> bool:
    try:
        return is_manifest(store.read(MANIFEST_NAME)) or _is_claimed(store)
    except FileNotFoundError:
        return _is_claimed(store)


def _is_claimed(store: Store) -> bool:
    return Path(LOCK_NAME).name in store.sizes(WORK_NAME)
