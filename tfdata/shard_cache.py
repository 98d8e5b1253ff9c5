"""Copies shards of a dataset to a disk ahead of their reader; without TensorFlow.

The reader calls `ShardCache.request` for the next shards while it reads one, and `ShardCache.fetch`
before it opens one. Unlike TensorFlow's file systems, which download a shard into memory each time
that it is opened, a copy is verified when it is complete, and later epochs read it again.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Lock, Thread

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, Shard
from tfdata.manifest_reader import missing_shard
from tfdata.storage.base import Storage, StorageError
from tfdata.storage.factory import storage_at
from tfdata.storage.files import create_file
from tfdata.text import bytes_text

# Number of shards that are downloaded at a time: the one being fetched and those requested ahead.
AT_A_TIME = 8
# The most recently fetched copies are kept, however large they are. tf.data's interleave fetches
# up to 3 times as many shards ahead as it has open, which are 16; with requests, 56 were seen.
KEPT_COPIES = 64
_DOWNLOADS = 2  # of a shard whose digest differs


class ShardCache:
    """Keeps copies of shards in a folder; threads may share it.

    Args:
      data_dir: directory or URL of the dataset.
      manifest: of the dataset.
      shards: to be fetched by their index.
      folder: of the copies, which stay there; None is a temporary directory, which is removed when
        the program ends.
      max_bytes: of the copies in a temporary directory. Beyond, the copies that were fetched first
        are removed; the last KEPT_COPIES stay.
      damage: 'fail' raises an error for a missing or damaged shard; 'skip' returns the path of what
        there is of it.
    """

    def __init__(
        self,
        data_dir: str | Path,
        manifest: Manifest,
        shards: Sequence[Shard],
        folder: Path | None,
        max_bytes: int,
        damage: str = "fail",
    ) -> None:
        self._data_dir = data_dir
        self._manifest = manifest
        self._shards = shards
        self._storage = storage_at(data_dir)
        self._damage = damage
        self._max_bytes = None if folder else max_bytes
        self._folder = folder or Path(tempfile.mkdtemp(prefix="facevoice-shards-"))
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        else:
            atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        self._downloads = [Lock() for _ in shards]
        self._requests: dict[int, Future[None]] = {}
        self._copies: OrderedDict[int, int] = OrderedDict()  # index to bytes, in order of fetching
        self._lock = Lock()  # of _copies

    def request(self, index: int) -> None:
        """Starts a thread that downloads a shard, unless it is there; `fetch` waits for it."""
        done: Future[None] = Future()

        def download() -> None:
            try:
                self._download(index)
                done.set_result(None)
            except BaseException as error:
                done.set_exception(error)

        # Unlike those of an executor, this thread does not delay the end of the program.
        Thread(target=download, name=f"download of shard {index}", daemon=True).start()
        self._requests[index] = done

    def fetch(self, index: int) -> str:
        """Downloads a shard, unless its copy is there; returns the path of the copy.

        Raises:
          DatasetError: the shard cannot be downloaded, or a rebuild has removed or changed it.
        """
        if request := self._requests.pop(index, None):
            request.result()
        return self._download(index)  # again if another reader's copies have replaced this one

    def _download(self, index: int) -> str:
        shard = self._shards[index]
        with self._downloads[index]:
            copy = copy_shard(
                self._storage, self._data_dir, self._manifest, shard, self._folder, self._damage
            )
            with self._lock:
                self._copies[index] = shard.bytes
                self._copies.move_to_end(index)
                superfluous = self._superfluous()
        for number in superfluous:
            with self._downloads[number]:
                if number not in self._copies:  # otherwise fetched again meanwhile
                    (self._folder / self._shards[number].file).unlink(missing_ok=True)
        return str(copy)

    def paths(self) -> list[str]:
        """Returns the paths of all copies, made or not, in the order of the shards."""
        return [str(self._folder / shard.file) for shard in self._shards]

    def _superfluous(self) -> list[int]:
        """Forgets copies until the others have max_bytes; returns their indices."""
        removed = []
        while (
            self._max_bytes is not None
            and len(self._copies) > KEPT_COPIES
            and sum(self._copies.values()) > self._max_bytes
        ):
            removed.append(self._copies.popitem(last=False)[0])
        return removed


def copy_shard(
    storage: Storage,
    data_dir: str | Path,
    manifest: Manifest,
    shard: Shard,
    folder: Path,
    damage: str = "fail",
) -> Path:
    """Copies a shard to a folder, unless it is there; returns the path of the copy.

    A shard's name has a digest of its content, so a copy is never out of date. A copy gets its
    name when it is complete and verified, so an interrupted one is never read. With damage 'skip',
    a damaged shard is copied, too, and a missing one has no copy.

    Raises:
      DatasetError: the shard cannot be downloaded, or its content is not that of the manifest.
    """
    copy = folder / shard.file
    if copy.is_file() and copy.stat().st_size == shard.bytes:
        return copy
    source = f"{data_dir}/{shard.file}"
    temporary = folder / f"{shard.file}.{uuid.uuid4().hex}.tmp"
    try:
        for _ in range(_DOWNLOADS):  # once more, as the damage may be of the transfer
            temporary.unlink(missing_ok=True)
            with create_file(temporary) as file:
                storage.download(shard.file, file)
            if is_intact := _digest(temporary) == shard.sha256:
                break
        if not is_intact and damage == "fail":
            raise DatasetError(
                f"{source} has other content than the manifest says "
                f"({bytes_text(temporary.stat().st_size)}, not {shard.bytes}, or another digest); "
                f"copy the dataset there again, or build it again."
            )
        temporary.replace(copy)
    except FileNotFoundError:
        if damage == "fail":
            raise missing_shard(data_dir, manifest, shard.file) from None
    except StorageError as error:
        raise DatasetError(f"{source} cannot be read: {error.reason}.") from None
    finally:
        temporary.unlink(missing_ok=True)
    return copy


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
