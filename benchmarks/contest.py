"""What a contestant of a benchmark says and hears: a line of JSON each way.

A contestant is a program of its own, in the environment of the tool that it shows, so this file
imports nothing but Python. It is started once and asked in turns with the others; what it
imports and prepares is not timed.

    > {"work": "pair", "folder": "pairs"}
    < {"examples": 4000, "seconds": 1.9, "digest": "5d41…"}
"""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

Work = Callable[..., dict[str, Any]]


def serve(works: dict[str, Work]) -> None:
    """Answers until the questions end; each work gets the rest of its question as keywords."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = works[question.pop("work")](**question)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers)


def timed(examples: Iterable[int]) -> dict[str, Any]:
    """Runs through batches, each given by its number of examples, and takes the time.

    It ends with the last batch: TensorFlow's tuner may hold up the end that follows.
    """
    started = ended = time.perf_counter()
    total = 0
    for number in examples:
        total += number
        ended = time.perf_counter()
    return {"examples": total, "seconds": ended - started}


def unordered_digest(records: Iterable[bytes]) -> str:
    """A digest of what was read that does not depend on the order."""
    return f"{sum(zlib.crc32(record) * 2654435761 % 2**61 for record in records) % 2**61:x}"
