"""Reads the examples of a split in any order, as NumPy arrays and without TensorFlow.

An index holds the place of each record. It is built from the lengths in the shards, without reading
their data, and kept in `indices` below the cache directory (`facevoice.weights.cache_dir`), under
the digest of the manifest, which names the shards by their content.
"""

from __future__ import annotations

import io
import operator
import os
import struct
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from facevoice.weights import cache_dir
from tfdata.errors import DatasetError
from tfdata.examples import Example, decode_example, text_of
from tfdata.local_copy import local_copy
from tfdata.manifest import Manifest, Shard
from tfdata.manifest_reader import load_manifest_with_sha256, missing_shard
from tfdata.schema import SPLITS
from tfdata.storage.files import open_regular, replace_file
from tfdata.tfrecord import masked_crc, parse_example, read_features

HEADER_BYTES = 12  # of a TFRecord: the length of the data, with its checksum
CHECKSUM_BYTES = 4  # after the data
MAX_OPEN_FILES = 100  # far below the usual limit of a process, 1024
SHARD, OFFSET, LENGTH = range(3)  # columns of an index
Index = NDArray[np.int64]


def read(data_dir: str | Path, split: str) -> Examples:
    """Opens a split for reading in any order.

    Args:
      data_dir: directory of the dataset, or its URL, from which it is copied to the disk first.
      split: 'train', 'validation' or 'test'.

    Returns:
      A sequence of the examples, in stored order: that of `tfdata.load` without shuffling.

    Raises:
      DatasetError: the dataset cannot be read.
      ValueError: the split is unknown.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; use one of {', '.join(SPLITS)}.")
    folder = local_copy(str(data_dir))
    manifest, sha256 = load_manifest_with_sha256(folder)
    index = cached_array(
        f"{sha256}-{split}",
        lambda array: _fits(array, manifest, split),
        lambda: build_index(folder, manifest, split),
    )
    return Examples(folder, manifest, split, index, sha256)


class Examples(Sequence[Example]):
    """The examples of a split, in stored order. It can be pickled, forked, and used by threads.

    Attributes:
      manifest: of the dataset; `manifest.people[example.identity].label` is an example's label.
      split: name of the split.
      manifest_sha256: SHA-256 of the manifest's file.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, split: str, index: Index, manifest_sha256: str
    ) -> None:
        """Args: directory of the dataset; its manifest; the split; `build_index` of it; SHA-256."""
        self.manifest, self.split, self.manifest_sha256 = manifest, split, manifest_sha256
        self._folder, self._index = folder.absolute(), index
        self._files: dict[int, io.BufferedReader] = {}

    def __len__(self) -> int:
        return len(self._index)

    @overload
    def __getitem__(self, key: int) -> Example: ...

    @overload
    def __getitem__(self, key: slice) -> list[Example]: ...

    def __getitem__(self, key: int | slice) -> Example | list[Example]:
        """Reads one example, or a list of them; negative numbers count from the end.

        Raises:
          DatasetError: the record is damaged, or its shard was removed.
        """
        if isinstance(key, slice):
            return [self[number] for number in range(*key.indices(len(self)))]
        number = operator.index(key)  # NumPy's integers, too
        if not -len(self) <= number < len(self):
            raise IndexError(f"example {number} of {len(self)}")
        place = self._index[number]
        try:
            return decode_example(parse_example(self._data(place)), self.manifest)
        except ValueError as error:
            raise self._damaged(place, error) from None

    def texts(self, number: int, names: Collection[str]) -> dict[str, str]:
        """Reads some texts of an example, without its arrays and without verifying its checksum.

        Args:
          number: of the example, from 0.
          names: some of `tfdata.schema.TEXTS`.

        Raises:
          DatasetError: the record is damaged, or its shard was removed.
        """
        place = self._index[number]
        shard, offset, length = place.tolist()
        try:
            found = read_features(
                lambda at, size: self._bytes(shard, offset + at, size), length, names
            )
            return {name: text_of(found, name) for name in names}
        except ValueError as error:
            raise self._damaged(place, error) from None

    def __getstate__(self) -> dict[str, Any]:
        """Returns what is pickled; another process opens the files itself."""
        return {**self.__dict__, "_files": {}}

    @property
    def _shards(self) -> tuple[Shard, ...]:
        return self.manifest.splits[self.split].shards

    def _data(self, place: Index) -> bytes:
        """Returns the data of a record.

        Raises:
          ValueError: its checksum is wrong.
          DatasetError: its shard cannot be read.
        """
        number, offset, length = place.tolist()
        framed = self._bytes(number, offset, length + CHECKSUM_BYTES)
        data, checksum = framed[:length], framed[length:]
        if masked_crc(data) != checksum:
            raise ValueError("the checksum of its data is wrong")
        return data

    def _bytes(self, number: int, offset: int, size: int) -> bytes:
        """Returns bytes of a shard.

        Raises:
          DatasetError: the shard cannot be read.
        """
        name = self._shards[number].file
        try:
            file = self._files.get(number) or self._open(number)
            # Has no file position, which threads and forked processes would share.
            return os.pread(file.fileno(), size, offset)
        except FileNotFoundError:
            raise missing_shard(self._folder, self.manifest, name) from None
        except OSError as error:
            raise DatasetError(f"{self._folder / name} cannot be read: {error.strerror}.") from None

    def _damaged(self, place: Index, error: Exception) -> DatasetError:
        shard = self._shards[place[SHARD]].file
        return DatasetError(
            f"The shard {self._folder / shard} is damaged in the record at byte "
            f"{place[OFFSET]}: {error}; copy the dataset again, or build it again."
        )

    def _open(self, number: int) -> io.BufferedReader:
        """Opens a shard, to be kept open for the next examples.

        A file is closed when no thread uses it and it is not in the table any more. So threads need
        no lock, which a forked process could inherit locked.

        Raises:
          OSError: it cannot be opened.
        """
        if len(self._files) >= MAX_OPEN_FILES:
            self._files = {}
        file = open_regular(self._folder / self._shards[number].file)
        return self._files.setdefault(number, file)


def build_index(folder: Path, manifest: Manifest, split: str) -> Index:
    """Returns the place of each record of a split: int64 [records, 3], SHARD, OFFSET and LENGTH.

    OFFSET is that of the data, in bytes.

    Raises:
      DatasetError: a shard cannot be read, or its lengths are damaged.
    """
    places: list[tuple[int, int, int]] = []
    for number, shard in enumerate(manifest.splits[split].shards):
        try:
            found = _lengths(folder / shard.file, shard)
        except FileNotFoundError:
            raise missing_shard(folder, manifest, shard.file) from None
        except OSError as error:
            path = folder / shard.file
            raise DatasetError(f"{path} cannot be read: {error.strerror}.") from None
        places += [(number, offset, length) for offset, length in found]
    return np.array(places, np.int64).reshape(-1, 3)


def _lengths(path: Path, shard: Shard) -> list[tuple[int, int]]:
    """Returns offset and length of the data of each record of a shard, in bytes."""
    found, at = [], 0
    with open_regular(path) as file:
        descriptor = file.fileno()
        while at < shard.bytes:
            header = os.pread(descriptor, HEADER_BYTES, at)
            if len(header) < HEADER_BYTES or masked_crc(header[:8]) != header[8:]:
                break
            length = struct.unpack_from("<Q", header)[0]
            found.append((at + HEADER_BYTES, length))
            at += HEADER_BYTES + length + CHECKSUM_BYTES
    if at != shard.bytes or len(found) != shard.records:
        raise DatasetError(
            f"The shard {path} is damaged behind record {len(found)}; check the dataset with "
            f"'python -m tfdata.verify {path.parent}'."
        )
    return found


def cached_array(
    name: str,
    fits: Callable[[NDArray[Any]], bool],
    build: Callable[[], NDArray[np.int64]],
) -> NDArray[np.int64]:
    """Returns an array of integers from the cache, or builds and caches it.

    Args:
      name: of the array in the cache; it has the digest of the manifest.
      fits: whether an array from the cache can be the right one.
      build: makes the array.
    """
    path = cache_dir() / "indices" / f"{name}.npy"
    with suppress(OSError, ValueError, EOFError):
        array = np.load(path, allow_pickle=False)
        if array.dtype == np.int64 and fits(array):
            return np.asarray(array)
    array = build()
    with suppress(OSError):  # the next program builds it again
        content = io.BytesIO()
        np.save(content, array)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content.getvalue())
    return array


def _fits(index: NDArray[Any], manifest: Manifest, split: str) -> bool:
    """Returns whether an index has the numbers of records and bytes of a manifest's shards."""
    shards = manifest.splits[split].shards
    if index.shape != (sum(shard.records for shard in shards), 3):
        return False
    overhead = HEADER_BYTES + CHECKSUM_BYTES
    sizes = np.bincount(index[:, SHARD], index[:, LENGTH] + overhead, minlength=len(shards))
    return sizes.tolist() == [shard.bytes for shard in shards]
