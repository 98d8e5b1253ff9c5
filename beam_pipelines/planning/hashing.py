"""Choices without chance: the order of things is that of a salted hash of their keys.

Python's `hash` differs from process to process and listings differ from disk to disk; this does
neither, and a key's rank does not depend on which other keys there are. Changing it changes
every data set that is built from now on.
"""

from __future__ import annotations

from hashlib import blake2b


def rank(seed: int, *key: str) -> int:
    """A number of 64 bits, uniformly spread, that depends on the seed and the key alone."""
    text = "\x1f".join((str(seed), *key))  # a separator that no file name holds
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest())
