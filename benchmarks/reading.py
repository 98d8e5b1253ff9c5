"""How fast a split is read, beside a bare TFRecordDataset over the same files, and in what memory.

    python benchmarks/reading.py DIR [--rounds 5]

Both are read in turns, in one run, raw records in batches of 32: the ratio is what the order costs.
What parsing and augmentation cost comes after it.
"""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

import tfdata
from command_line import Parser, positive_int
from tfdata.order import epoch_of_records
from tfdata.sources import from_files


def main() -> None:
    """Prints the table."""
    parser = Parser(description=__doc__)
    parser.add_argument("data_dir", type=Path, metavar="DIR")
    parser.add_argument("--rounds", type=positive_int, default=5)
    found = parser.parse(None)
    shards = tfdata.load_manifest(found.data_dir).splits["train"].shards
    files = [str(found.data_dir / shard.file) for shard in shards]
    counts = [shard.records for shard in shards]

    def ordered(**options: Any) -> tf.data.Dataset:
        chosen = tfdata.ReadOptions(**options)
        epochs = tf.data.Dataset.range(1)
        source = from_files(files)
        return epochs.flat_map(lambda epoch: epoch_of_records(source, counts, epoch, chosen)).batch(
            32
        )

    def parsed(**options: Any) -> tf.data.Dataset:
        return tfdata.load(found.data_dir, "train", "pair", tfdata.ReadOptions(**options))

    ways: dict[str, Callable[[], tf.data.Dataset]] = {
        "bare TFRecordDataset": lambda: tf.data.TFRecordDataset(files).batch(32),
        "stored order": lambda: ordered(),
        "shuffled, buffer 1,000": lambda: ordered(shuffle_buffer=1000),
        "stored order, parsed": lambda: parsed(),
        "shuffled, parsed": lambda: parsed(shuffle_buffer=1000),
        "shuffled, parsed, augmented": lambda: parsed(shuffle_buffer=1000, augment=True),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(found.rounds):
        for name, way in ways.items():
            dataset = way()
            next(iter(dataset))  # what is traced is not timed
            started = time.perf_counter()
            for _batch in dataset:
                pass
            rates[name].append(sum(counts) / (time.perf_counter() - started))
    bare = rates["bare TFRecordDataset"]
    print(f"{sum(counts):,} examples of {sum(s.bytes for s in shards) / sum(counts):,.0f} bytes")
    print("| | examples/s | of the bare rate |\n|---|---|---|")
    for name, found_rates in rates.items():
        ratio = statistics.median(one / other for one, other in zip(found_rates, bare, strict=True))
        print(f"| {name} | {statistics.median(found_rates):,.0f} | {ratio:.2f} |")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"The peak of this process' memory was {peak_mb:,.0f} MB.")


if __name__ == "__main__":
    main()
