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

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from beam_pipelines.corpus.media import Reject
from beam_pipelines.errors import BuildError
from beam_pipelines.planning.leakage import Leaks
from beam_pipelines.planning.outline import Outline
from beam_pipelines.shards.stores import LOCK_NAME, WORK_NAME, Place, Store, store_at
from tfdata.schema import MANIFEST_NAME, Leak, Manifest, is_manifest

REJECTS_NAME = "rejects.jsonl"
CARD_NAME = "card.html"
OUTLINE_NAME = f"{WORK_NAME}/outline.json"
LEAKS_NAME = f"{WORK_NAME}/leaks.json"
# What publishing may remove: names that only a build gives.
_REPLACEABLE = re.compile(
    r"(train|validation|test)-\d{5}-of-\d{5}-[0-9a-f]{12}\.tfrecord(\.[0-9a-f]{32}\.tmp)?"
    r"|(dataset\.json|card\.html|rejects\.jsonl)\.[0-9a-f]+\.tmp"
)
_NOTE = re.compile(
    r"[0-9a-f]{32}\.(json|.*\.tmp)|(outline\.json|leaks\.json|rejects\.jsonl).*|workers\.log"
)


def note_name(digest: str) -> str:
    return f"{WORK_NAME}/{digest}.json"


@contextmanager
def log_file(output: Place) -> Iterator[Path]:
    """A file on a disk for what workers say; it stays where the body fails."""
    if isinstance(output, Path):
        log = output / WORK_NAME / "workers.log"
    else:
        with tempfile.NamedTemporaryFile(prefix="facevoice-", suffix=".log", delete=False) as file:
            log = Path(file.name)
    yield log
    log.unlink(missing_ok=True)


def check_output(output: Place) -> None:
    """Raises BuildError for a folder that holds something else than a data set."""
    try:
        store = store_at(output)
        if store.holds_anything() and not _is_ours(store):
            raise BuildError(
                f"--output {output} holds other files than a data set; name an empty or new folder."
            )
    except OSError as error:
        raise BuildError(f"--output {output} cannot be listed: {error.strerror}.") from None


@contextmanager
def prepared(output: Place) -> Iterator[None]:
    """Makes the output folder ready for one build, and keeps a second one out meanwhile.

    A data set that is in it stays as it is. At an address, nothing keeps a second build out.

    Raises:
      BuildError: it cannot be made or written to, holds something else, or is being built.
    """
    check_output(output)
    with ExitStack() as stack:
        try:
            store = store_at(output)
            stack.enter_context(store.claimed())
            store.delete([OUTLINE_NAME, LEAKS_NAME])
        except BlockingIOError:
            raise BuildError(
                f"Another build is writing to {output}; wait for it, or name another --output."
            ) from None
        except OSError as error:
            raise BuildError(f"--output {output} cannot be written: {error.strerror}.") from None
        yield


def write_outline(output: Place, outline: Outline) -> None:
    """Notes what the plan came to, before any pixel is decoded.

    Raises:
      BuildError: the disk refuses.
    """
    try:
        store_at(output).replace({OUTLINE_NAME: outline.to_json().encode()})
    except OSError as error:
        raise BuildError(f"The plan cannot be written to {output}: {error.strerror}.") from None


def read_outline(output: Place) -> Outline | None:
    """What the plan of the build in progress came to; None while it is being made."""
    try:
        return Outline.from_json(store_at(output).read(OUTLINE_NAME).decode())
    except FileNotFoundError:
        return None


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
        fields = json.loads(store_at(output).read(LEAKS_NAME))
    except FileNotFoundError:
        return None
    return {split: Leak(**leak) for split, leak in fields.items()}


def keep_rejects(output: Place, rejects: Iterable[Reject]) -> str:
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
) -> None:
    """Makes the new data set stand, then removes what neither it nor the next build needs.

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
        store.settle()  # the names of shards are there to stay before the manifest that lists them
        store.replace(
            {
                REJECTS_NAME: _lines(rejects),
                CARD_NAME: card.encode(),
                MANIFEST_NAME: manifest.to_json().encode(),
            }
        )
        store.settle()
    except OSError as error:
        raise BuildError(
            f"The manifest cannot be written to {output}: {error.strerror}. Mend that and start "
            f"again; finished shards are kept."
        ) from None
    store.delete(name for name in found if _REPLACEABLE.fullmatch(name) and name not in named)
    kept = {note_name(digest) for digest in digests}
    noted = {f"{WORK_NAME}/{name}" for name in store.sizes(WORK_NAME) if _NOTE.fullmatch(name)}
    store.delete(noted - kept)


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
