"""The competitors' side of the benchmarks: requests and responses as lines of JSON.

A competitor is a program in the environment of its tool, so this module imports only the standard
library. It is started once and serves requests in turns with the others.

    > {"task": "read", "folder": "pairs"}
    < {"examples": 4000, "seconds": 1.9}
"""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

Task = Callable[..., dict[str, Any]]


def serve(tasks: dict[str, Task]) -> None:
    """Responds to requests until standard input ends.

    Args:
      tasks: functions by name; a request's other entries are their keyword arguments.
    """
    responses = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not mix with the responses
    print(json.dumps({"ready": True}), file=responses)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            response = tasks[request.pop("task")](**request)
        except Exception as error:
            response = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(response), file=responses)


def timed(batch_sizes: Iterable[int]) -> dict[str, Any]:
    """Iterates over batches, given by their numbers of examples, and measures the time.

    The time ends with the last batch: TensorFlow's autotuner may delay the end of the iteration.
    """
    started = ended = time.perf_counter()
    examples = 0
    for size in batch_sizes:
        examples += size
        ended = time.perf_counter()
    return {"examples": examples, "seconds": ended - started}


def unordered_digest(records: Iterable[bytes]) -> str:
    """Returns a digest of records that does not depend on their order."""
    return f"{sum(zlib.crc32(record) * 2654435761 % 2**61 for record in records) % 2**61:x}"
