"""Orders keys by a salted hash, instead of at random.

Python's `hash` differs between processes, and the order of a listing between disks; this is the
same everywhere, and the rank of a key does not depend on other keys. Another hash would change
every dataset.
"""

from __future__ import annotations

from hashlib import blake2b


def rank(seed: int, *key: str) -> int:
    """Returns a uniformly distributed 64-bit integer that depends only on seed and key."""
    text = "\x1f".join((str(seed), *key))  # a separator that is in no file name
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest())
