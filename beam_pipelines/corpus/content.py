"""Compares media files by digests of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from facevoice.features import MediaError, Reason
from tfdata.storage.files import open_regular

DIGEST_BYTES = 16
READ_BYTES = 1 << 20


@dataclass(frozen=True, order=True)
class FileOf:
    """A media file of a person, in the order in which one of several equal files is kept."""

    path: str
    identity: str
    kind: str


@dataclass(frozen=True)
class Copy:
    """A file that has the content of another file, which comes before it in sorted order."""

    file: FileOf
    original: FileOf


def content_digest(source: Path | BytesIO) -> bytes:
    """Returns a digest of the content of a file, of DIGEST_BYTES bytes.

    SHA-1 is the fastest of hashlib with and without CPU instructions for it. Nothing depends on
    its safety against attacks: who can write a file can also write a copy.

    Args:
      source: path, or a file in memory, whose position does not matter.

    Raises:
      MediaError: the file cannot be read, or is not a regular file.
    """
    content = hashlib.sha1(usedforsecurity=False)
    try:
        if isinstance(source, BytesIO):
            content.update(source.getbuffer())
        else:
            with open_regular(source) as file:
                while block := file.read(READ_BYTES):
                    content.update(block)
    except OSError as error:
        raise MediaError(Reason.UNREADABLE, error.strerror or str(error)) from None
    return content.digest()[:DIGEST_BYTES]


def copies_among(equal_files: Iterable[FileOf]) -> Iterator[Copy]:
    """Yields all but the first, in sorted order, of files with equal content."""
    original, *others = sorted(equal_files)
    for file in others:
        yield Copy(file, original)
