"""Benchmark of the second lane: the same work with Python 3.13, the newest TensorFlow and NumPy 2.

`make test-lane2` sets up its environment; without it, the rows of the second lane say so. Both
lanes read the same files and must get equal arrays. A round of training is an epoch; the losses of
the lanes differ in their last digits, so they are not compared.
"""

from __future__ import annotations

import tempfile

from environments import HOME, LANE2, OWN
from harness import Competitor, Config, reject_mismatches, started, table
from read import IMAGE_SIZES_PX, PAIR_SHUFFLED, rate
from step_time import BATCH_SIZE, step_ms

LANES = {"default lane": OWN, "second lane": LANE2}
READERS = [Competitor(name, lane, "read_facevoice.py") for name, lane in LANES.items()]
TRAININGS = [Competitor(name, lane, "train_keras.py") for name, lane in LANES.items()]
KILOBYTES = 65


def run(config: Config) -> str:
    """Returns the tables of this group."""
    with tempfile.TemporaryDirectory(prefix="lanes-", dir=HOME) as root:
        folder = f"{root}/pairs"
        tables = [_read(config, folder)]
        with started(TRAININGS) as running:
            for model in config.models:
                task = {"task": "train", "folder": folder, "model": model, "feed": "files"}
                results = running.run_rounds({**task, "steps": config.steps}, config.rounds)
                title = f"Lanes: {model}, steps of {BATCH_SIZE}"
                tables.append(
                    table(
                        title, results, READERS[0].name, "ms per step", step_ms, less_is_better=True
                    )
                )
    return "\n".join(tables)


def _read(config: Config, folder: str) -> str:
    """Writes the dataset; compares and measures reading."""
    write = {"task": "write", "folder": folder, "count": config.examples}
    write["image_size"] = IMAGE_SIZES_PX[KILOBYTES]
    request = {"folder": folder, "modality": "pair", "shuffled": True}
    with started(READERS) as running:
        running.subset(READERS[:1]).run_rounds(write, rounds=1, warmups=0)
        digests = running.run_rounds({**request, "task": "digest"}, rounds=1, warmups=0)
        equal = reject_mismatches(digests, READERS[0].name)
        results = running.run_rounds({**request, "task": "read"}, config.rounds, previous=equal)
    title = f"Lanes: {PAIR_SHUFFLED.name}, {KILOBYTES} KB per example"
    return table(title, results, READERS[0].name, "examples/s", rate)
