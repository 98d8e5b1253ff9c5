"""How a split is read: one options object, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tfdata.storage.addresses import check_address

DAMAGE = ("fail", "skip")
IN_MEMORY = "memory"
ADDRESS = re.compile(r"grpc://[^\s:/@?#]+:\d{1,5}")


@dataclass(frozen=True)
class ReadOptions:
    """How a split is read. Raises ValueError, one sentence, where a value makes no sense.

    In the default, deterministic mode the order of examples is a function of the data set,
    `shuffle_buffer`, `seed` and the epoch alone: the same on every machine and degree of
    parallelism. It stays so with a cache, with `augment`, and beginning anywhere.

    Attributes:
      batch_size: examples a batch; the last of all may be smaller.
      drop_remainder: leave that smaller one out.
      shuffle_buffer: examples held for shuffling; 0 reads in stored order. Shards are read in
        another order each epoch, and interleaved, so a small buffer mixes well, too.
      seed: of order and augmentation.
      epoch: the first, counted from 0; each has an order, and an augmentation, of its own.
      epochs: how many; None goes on without end.
      skip: examples of this reader that are passed over, unparsed, at the start of the first
        epoch: `step * batch_size` goes on behind a step.
      take: examples of each epoch at most, after the skipped; None is all.
      augment: change each example as `tfdata.augmentation` does, by draws from `seed`, epoch and
        its key; for training alone.
      cache: 'memory' holds the split's records; a folder keeps copies of its shards, for data
        sets that lie far away; None reads them where they are.
      deterministic: False gives batches as they become ready, in no promised order.
      parallel_calls: threads that decode, and at most so many that read shards at once; None is
        one a core, and one a shard that is open.
      prefetch: batches made ready ahead.
      host_index, host_count: this reader, from 0, and how many share each epoch. Every example
        is read by exactly one of them, and their numbers differ by one at most.
      damage: 'fail' stops at a damaged record; 'skip' leaves it out, and says how many those are.
      service: address of a tf.data service, such as 'grpc://host:5000', whose workers read and
        parse in no promised order: each takes shards of one epoch, or, if `epochs` is None, whole
        epochs, several at a time; None does it here.
    """

    batch_size: int = 32
    drop_remainder: bool = False
    shuffle_buffer: int = 0
    seed: int = 0
    epoch: int = 0
    epochs: int | None = 1
    skip: int = 0
    take: int | None = None
    augment: bool = False
    cache: str | Path | None = None
    deterministic: bool = True
    parallel_calls: int | None = None
    prefetch: int = 2
    host_index: int = 0
    host_count: int = 1
    damage: str = "fail"
    service: str | None = None

    def __post_init__(self) -> None:
        least = {
            **dict.fromkeys(("batch_size", "host_count"), 1),
            **dict.fromkeys(("epochs", "take", "parallel_calls", "prefetch"), 1),
            **dict.fromkeys(("shuffle_buffer", "seed", "epoch", "skip", "host_index"), 0),
        }
        for name, lowest in least.items():
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise ValueError(f"{name} is {value}; use {lowest} or more.")
        if self.host_index >= self.host_count:
            raise ValueError(
                f"host_index is {self.host_index} of host_count {self.host_count}; count from 0."
            )
        if self.damage not in DAMAGE:
            raise ValueError(f"damage is {self.damage!r}; use one of {', '.join(DAMAGE)}.")
        try:
            check_address(self.service or "")
        except ValueError as error:
            raise ValueError(f"service {error}.") from None
        if self.service and not ADDRESS.fullmatch(self.service):
            raise ValueError(f"service is {self.service!r}; use an address as grpc://host:5000.")
        if self.service and (
            self.skip or self.take or self.host_count > 1 or self.epochs not in (1, None)
        ):
            raise ValueError(
                "service is given with skip, take, host_count or a number of epochs; a tf.data "
                "service has no order in which they would mean something."
            )
