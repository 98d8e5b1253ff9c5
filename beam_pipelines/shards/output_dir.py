"""Prepares and publishes the output directory.

    OUTPUT/dataset.json                  the manifest; a directory without it is not a dataset
    OUTPUT/<split>-...-<digest>.tfrecord shards, named by their content
    OUTPUT/card.html                     a page about the dataset
    OUTPUT/rejects.jsonl                 media that could not be used, with reasons
    OUTPUT/.build/                       results of shard plans, for the next build

Publishing replaces the manifest last and atomically, so an old dataset is unchanged until the new
one is complete. Shards that the new manifest does not name are kept for a time for programs that
read them (see `replaced_shards`).

The content of the directory is not trusted: symbolic links in it are refused, only files with names
of a build are removed, and existing files are replaced rather than opened for writing.
"""

from __future__ import annotations

import errno
import io
import json
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from beam_pipelines.errors import BuildError
from beam_pipelines.planning.leakage import Leaks
from beam_pipelines.planning.plan_summary import PlanSummary
from beam_pipelines.shards import file_names
from beam_pipelines.shards.file_names import (
    LEAKS_NAME,
    LOG_NAME,
    PLAN_SUMMARY_NAME,
    REPLACED_NAME,
    result_name,
)
from beam_pipelines.shards.replaced_shards import ReplacedShards, clean_up
from beam_pipelines.shards.stores import LOCK_NAME, WORK_NAME, Store, store_at
from tfdata.manifest import Leak, Manifest
from tfdata.manifest_reader import is_manifest
from tfdata.rejects import REJECTS_NAME, Reject, to_jsonl
from tfdata.schema import CARD_NAME, MANIFEST_NAME
from tfdata.storage.base import Place
from tfdata.storage.files import check_no_links, create_file, parse_json
from tfdata.text import counted


@contextmanager
def log_file(output: Place) -> Iterator[TextIO]:
    """Creates a local file for the logs of workers; it is kept if the body fails.

    Raises:
      BuildError: it cannot be created.
    """
    if isinstance(output, Path):
        log = output / LOG_NAME
    else:
        # mkdtemp creates a directory that only this user may list.
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
    """Checks that a build may write to a directory.

    Raises:
      BuildError: the directory has other files than a dataset's, a symbolic link at any depth, or
        something else than a regular file under a name of a build.
    """
    try:
        store = store_at(output)
        if isinstance(output, Path):
            _check_directory(output, "it")
            _check_directory(output / WORK_NAME, f"{WORK_NAME} in it", may_be_link=False)
            if any(os.path.lexists(output / name) for name in (MANIFEST_NAME, LOCK_NAME)):
                _check_files(output)
        if not store.is_empty() and not _belongs_to_build(store):
            raise BuildError(
                f"--output {output} holds other files than a dataset; name an empty or new "
                f"directory."
            )
    except OSError as error:
        raise BuildError(f"--output {output} cannot be used: {error.strerror}.") from None


def _check_directory(path: Path, name: str, may_be_link: bool = True) -> None:
    """Checks a directory that may be missing.

    Raises:
      OSError: it is something else; `strerror` is a clause for a message.
    """
    if path.is_symlink() and not may_be_link:
        raise OSError(
            errno.ELOOP,
            f"{name} is a symbolic link, which is not followed; remove it, or name "
            f"another directory",
        )
    if os.path.lexists(path) and not path.is_dir():
        raise OSError(
            errno.ENOTDIR, f"{name} is not a directory; remove it, or name another directory"
        )


def _check_files(output: Path) -> None:
    """Checks the files of an untrusted directory without opening them.

    Raises:
      OSError: a file is not allowed; `strerror` is a clause for a message.
    """
    check_no_links(output)
    work = output / WORK_NAME
    for path in sorted([*output.iterdir(), *(work.iterdir() if work.exists() else ())]):
        name = path.relative_to(output).as_posix()
        if file_names.is_build_file(name) and not path.is_file():
            raise OSError(errno.EINVAL, f"{name} in it is not a regular file; remove it")


@contextmanager
def prepare(output: Place) -> Iterator[None]:
    """Creates and locks the output directory; a dataset in it is unchanged.

    Remote outputs are not locked.

    Raises:
      BuildError: the directory cannot be written, has other files, or is locked by another build.
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


def write_plan_summary(output: Place, summary: PlanSummary) -> None:
    """Writes the plan summary, before anything is decoded.

    Raises:
      BuildError: it cannot be written.
    """
    try:
        store_at(output).replace({PLAN_SUMMARY_NAME: summary.to_json().encode()})
    except OSError as error:
        raise BuildError(f"The plan cannot be written to {output}: {error.strerror}.") from None


def read_plan_summary(output: Place) -> PlanSummary | None:
    """Returns the plan summary of the build in progress; None while it is planning."""
    try:
        return PlanSummary.from_json(store_at(output).read(PLAN_SUMMARY_NAME))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None  # the file is missing, or this version did not write it


def write_leaks(output: Place, leaks: Leaks) -> None:
    """Writes the leaks of validation and test.

    Raises:
      BuildError: they cannot be written.
    """
    text = json.dumps({split: asdict(leak) for split, leak in leaks.items()})
    try:
        store_at(output).replace({LEAKS_NAME: text.encode()})
    except OSError as error:
        raise BuildError(f"The leaks cannot be written to {output}: {error.strerror}.") from None


def read_leaks(output: Place) -> Leaks | None:
    """Returns the leaks of the build in progress; None before it has finished."""
    try:
        fields = parse_json(store_at(output).read(LEAKS_NAME))
        return {split: Leak(**leak) for split, leak in fields.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None  # the file is missing, or this version did not write it


def write_rejects(output: Place, rejects: Iterable[Reject]) -> str:
    """Writes the rejects of a failed build next to the dataset's; returns the path."""
    name = f"{WORK_NAME}/{REJECTS_NAME}"
    store_at(output).replace({name: to_jsonl(rejects)})
    return f"{output}/{name}"


def publish(
    output: Place,
    manifest: Manifest,
    card: str,
    rejects: Iterable[Reject],
    digests: Iterable[str],
    keep_replaced_seconds: float,
) -> ReplacedShards:
    """Publishes a dataset, then removes files that are no longer needed.

    Args:
      output: directory or URL.
      manifest, card, rejects: the new dataset's.
      digests: its shard plans, whose results are kept.
      keep_replaced_seconds: grace time of shards that the manifest does not name.

    Returns:
      The shards of earlier builds that are kept, and those that were removed.

    Raises:
      BuildError: a file cannot be written, or shards were removed meanwhile, for example by a
        second build into the same URL; an older dataset is unchanged then.
    """
    store = store_at(output)
    shards = [shard for split in manifest.splits.values() for shard in split.shards]
    try:
        found = store.sizes()
        missing = [shard.file for shard in shards if found.get(shard.file) != shard.bytes]
        if missing:
            raise BuildError(
                f"{counted(len(missing), 'shard')} disappeared from {output} after the build wrote "
                f"them, {missing[0]} for one; let one build at a time write there, and run the "
                f"same command again."
            )
        store.sync()  # shards must survive a power loss before the manifest lists them
        store.replace(
            {
                REJECTS_NAME: to_jsonl(rejects),
                CARD_NAME: card.encode(),
                MANIFEST_NAME: manifest.to_json().encode(),
            }
        )
        store.sync()
    except OSError as error:
        raise BuildError(
            f"The manifest cannot be written to {output}: {error.strerror}. Fix that and run the "
            f"same command again; finished shards are kept."
        ) from None
    return _clean_up(store, found, {shard.file for shard in shards}, digests, keep_replaced_seconds)


def keep_published(
    output: Place, named: Collection[str], digests: Iterable[str], keep_replaced_seconds: float
) -> ReplacedShards:
    """Leaves a dataset as it is; removes files that are no longer needed.

    Args:
      output: directory or URL.
      named: the files of the dataset.
      digests, keep_replaced_seconds: as for `publish`.

    Returns:
      The shards of earlier builds that are kept, and those that were removed.

    Raises:
      BuildError: a file cannot be removed.
    """
    try:
        store = store_at(output)
        return _clean_up(store, store.sizes(), named, digests, keep_replaced_seconds)
    except OSError as error:
        raise BuildError(f"--output {output} cannot be written: {error.strerror}.") from None


def _clean_up(
    store: Store,
    found: Mapping[str, int],
    named: Collection[str],
    digests: Iterable[str],
    keep_replaced_seconds: float,
) -> ReplacedShards:
    """Removes what no dataset and no later build needs; `found` are the files in the directory."""
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


def _belongs_to_build(store: Store) -> bool:
    try:
        return is_manifest(store.read(MANIFEST_NAME)) or _has_lock(store)
    except FileNotFoundError:
        return _has_lock(store)


def _has_lock(store: Store) -> bool:
    return Path(LOCK_NAME).name in store.sizes(WORK_NAME)
