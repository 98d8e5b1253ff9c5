"""Registers the Beam coder of elements that hold many references.

Beam finds the coder by the type hint of a PCollection, so transforms take and return the objects
themselves. The local runner keeps the encoded elements of a shuffle in the memory of the driver;
with this coder, a pair and its spares take a quarter of the bytes of Beam's default, a pickle.
"""

from __future__ import annotations

import pickle
import zlib
from dataclasses import dataclass
from typing import Any

from apache_beam.coders import Coder
from apache_beam.coders.typecoders import registry

from beam_pipelines.corpus.listing import PersonFiles
from beam_pipelines.planning.plan import Pair
from beam_pipelines.shards.fingerprints import ShardPlan

ENCODED_BYTES = 100  # of one reference, roughly


@dataclass(frozen=True)
class PairBatch:
    """Pairs of one person that travel as one element."""

    pairs: tuple[Pair, ...]


class ReferenceCoder(Coder):
    """Encodes an object as a compressed pickle.

    The classes of references have no slots: Python pickles dataclasses with slots field by field,
    which is slower and larger.
    """

    def encode(self, value: Any) -> bytes:
        return zlib.compress(pickle.dumps(value))

    def decode(self, encoded: bytes) -> Any:
        return pickle.loads(zlib.decompress(encoded))

    def estimate_size(self, value: Any) -> int:
        """Returns a rough size, which Beam wants for its metrics; encoding would take longer."""
        is_listing = isinstance(value, PersonFiles)
        media = (value.faces, value.clips, value.videos) if is_listing else (value.pairs,)
        return ENCODED_BYTES * sum(map(len, media))

    def is_deterministic(self) -> bool:
        return False  # such elements are values of shuffles, never keys


for _type in (PairBatch, PersonFiles, ShardPlan):
    registry.register_coder(_type, ReferenceCoder)
