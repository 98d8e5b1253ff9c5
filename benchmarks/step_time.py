"""Benchmark of training: time per step with input from `tfdata.load` and from memory.

A round is one epoch of a dataset of pairs of 65 KB and continues the training of the round before.
The losses of the first round must be equal, which shows that all competitors get the same batches.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

from environments import HOME
from harness import (
    Competitor,
    Config,
    Message,
    Result,
    RunningCompetitors,
    reject_mismatches,
    started,
    summary,
    table,
)

from facevoice.training.recipes import OURS as RECIPES
from facevoice.training.recipes import Recipe

OURS = Competitor("tfdata.load", "own", "train_keras.py")
FROM_MEMORY = Competitor("arrays in memory", "own", "train_keras.py")
AUGMENTED = Competitor("arrays in memory, augmented on the fly", "own", "train_keras.py")
FEEDS = {OURS: "files", FROM_MEMORY: "memory", AUGMENTED: "augmented"}
IMAGE_SIZE_PX, BATCH_SIZE = 128, 32
MAX_SLOWDOWN, MAX_WAIT = 1.02, 0.01  # targets


def run(config: Config) -> str:
    """Returns the tables of this group."""
    with (
        tempfile.TemporaryDirectory(prefix="train-", dir=HOME) as root,
        started(tuple(FEEDS)) as running,
    ):
        folder = f"{root}/pairs"
        count = config.steps * BATCH_SIZE
        write = {"task": "write", "folder": folder, "count": count, "image_size": IMAGE_SIZE_PX}
        running.subset([OURS]).run_rounds(write, rounds=1, warmups=0)
        tables = []
        for model in config.models:
            task = {"task": "train", "folder": folder, "model": model, "steps": config.steps}
            recipe = RECIPES[model]
            augments = isinstance(recipe, Recipe) and recipe.augment
            competitors = running if augments else running.subset([OURS, FROM_MEMORY])
            results = train(competitors, task, config.rounds)
            tables.append(step_table(f"Training: {model}, steps of {BATCH_SIZE}", results))
    return "\n".join(tables)


def train(running: RunningCompetitors, task: Message, rounds: int) -> list[Result]:
    """Compares the losses of a first round, then measures steps in turns."""

    def request(each: Competitor) -> Message:
        return {**task, "feed": FEEDS[each]}

    first = running.run_rounds(request, rounds=1, warmups=0)
    checked = reject_mismatches(first, OURS.name, key="losses")
    return running.run_rounds(request, rounds, previous=checked)


def step_table(title: str, results: Sequence[Result]) -> str:
    """Formats the time per step and the wait for input."""
    # If the recipe augments, the comparison is fair only with a competitor that augments.
    rival = AUGMENTED if AUGMENTED.name in {result.name for result in results} else FROM_MEMORY
    targets = {rival.name: 1 / MAX_SLOWDOWN}
    steps = table(title, results, OURS.name, "ms per step", step_ms, targets, less_is_better=True)
    return f"{steps}\n{waiting(results)}\n"


def step_ms(response: Message) -> float:
    return float(1000 * response["seconds"] / response["steps"])


def waiting(results: Sequence[Result]) -> str:
    """Formats the share of a step that is spent waiting for a batch."""
    ours = next(result for result in results if result.name == OURS.name)
    if ours.error:
        return f"The wait for input is unknown: {ours.error}."
    shares = [response["wait_seconds"] / response["seconds"] for response in ours.responses]
    median, min_to_max = summary([100 * share for share in shares])
    verdict = "met" if max(shares) <= MAX_WAIT else "missed"
    return (
        f"{median} % ({min_to_max}) of a step was spent waiting for a batch in `next` of the "
        f"iterator; target {100 * MAX_WAIT:g} %: {verdict}."
    )
