"""Options of reading a split."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from tfdata.fields import MAX_INT64
from tfdata.storage.addresses import check_address

DAMAGE = ("fail", "skip")
IN_MEMORY = "memory"
ADDRESS = re.compile(r"grpc://[^\s:/@?#]+:\d{1,5}")


@dataclass(frozen=True)
class ReadOptions:
    """Options of reading a split. Raises ValueError if a value is invalid.

    If `deterministic`, the order of examples is a function of the dataset, `shuffle_buffer`, `seed`
    and the epoch: the same on every machine and with every number of threads, with a cache, with
    `augment`, and after `skip`.

    Attributes:
      batch_size: examples per batch; the last batch may be smaller.
      drop_remainder: drop the last batch if it is smaller.
      shuffle_buffer: number of examples in the shuffle buffer; 0 reads in stored order. Shards are
        permuted in each epoch and interleaved, so a small buffer shuffles well.
      seed: of order and augmentation.
      epoch: the first epoch, from 0; each has another order and augmentation.
      epochs: number of epochs; None repeats without end.
      skip: number of examples of this host to skip in the first epoch, without parsing;
        `step * batch_size` continues after a step.
      take: maximum number of examples per epoch, after the skipped ones; None reads all.
      augment: augment examples as `tfdata.augmentation.augment` does, with random numbers from
        `seed`, epoch and key; for training only. A function with the same parameters replaces it.
      cache: 'memory' keeps the split's records in memory; a directory keeps copies of its shards,
        for remote datasets; None does not cache, except for a remote dataset, whose shards are
        copied to a temporary directory ahead of the reader.
      max_cache_bytes: maximum size of the copies in the temporary directory; beyond it, the oldest
        are removed, except for the last 64, which may be in use.
      deterministic: False returns batches in the order in which they are ready.
      parallel_calls: number of threads that decode, and maximum number of threads that read shards;
        None is one per core and one per open shard.
      prefetch: number of batches to prefetch.
      host_index, host_count: this host, from 0, and the number of hosts that divide each epoch.
        Each example is read by one host, and their numbers of examples differ by at most one.
      damage: 'fail' stops at a damaged record; 'skip' skips it, and warns with the number of
        skipped records.
      service: address of a tf.data service, such as 'grpc://host:5000', whose workers read and
        parse, in no particular order. A worker reads shards of one epoch, or, if `epochs` is None,
        whole epochs, several at a time. None reads in this process.
    """

    batch_size: int = 32
    drop_remainder: bool = False
    shuffle_buffer: int = 0
    seed: int = 0
    epoch: int = 0
    epochs: int | None = 1
    skip: int = 0
    take: int | None = None
    augment: bool | Callable[..., Any] = False
    cache: str | Path | None = None
    max_cache_bytes: int = 10_000_000_000
    deterministic: bool = True
    parallel_calls: int | None = None
    prefetch: int = 2
    host_index: int = 0
    host_count: int = 1
    damage: str = "fail"
    service: str | None = None

    def __post_init__(self) -> None:
        minimum = {
            **dict.fromkeys(("batch_size", "host_count"), 1),
            **dict.fromkeys(("epochs", "take", "parallel_calls", "prefetch"), 1),
            **dict.fromkeys(("shuffle_buffer", "seed", "epoch", "skip", "host_index"), 0),
            "max_cache_bytes": 0,
        }
        for name, lowest in minimum.items():
            value = getattr(self, name)
            if value is None and name in ("epochs", "take", "parallel_calls"):
                continue
            if not isinstance(value, Integral) or isinstance(value, bool):
                raise ValueError(f"{name} is {value!r}; use a whole number of {lowest} or more.")
            if not lowest <= int(value) <= MAX_INT64:
                limit = f"{lowest} or more" if int(value) < lowest else f"at most {MAX_INT64}"
                raise ValueError(f"{name} is {value}; use {limit}.")
        for name in ("drop_remainder", "augment", "deterministic"):
            is_function = name == "augment" and callable(self.augment)
            if not isinstance(value := getattr(self, name), bool | np.bool_) and not is_function:
                form = "True, False or a function" if name == "augment" else "True or False"
                raise ValueError(f"{name} is {value!r}; use {form}.")
        for name, kind in (("cache", str | Path), ("service", str)):
            if not isinstance(value := getattr(self, name), kind | None):
                raise ValueError(f"{name} is {value!r}; use a text.")
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
            raise ValueError(
                f"service is {self.service!r}; use an address such as grpc://host:5000."
            )
        if self.service and (
            self.skip or self.take or self.host_count > 1 or self.epochs not in (1, None)
        ):
            raise ValueError(
                "service is given with skip, take, host_count or a number of epochs; leave these "
                "out, as a tf.data service has no order of examples."
            )
