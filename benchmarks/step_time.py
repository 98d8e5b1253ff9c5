"""Training: the time of a step, fed by `tfdata.load` and by arrays that are in memory already.

A round is an epoch of a data set of pairs of 65 KB, and goes on where the one before it ended. The
losses of the first one, which have to be equal, say that all are fed the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

from arena import Answer, Contestant, Result, Ring, Scale, refused_unequal, started, summary, table
from environments import HOME

from facevoice.training.recipes import OURS as RECIPES
from facevoice.training.recipes import Recipe

OURS = Contestant("tfdata.load", "own", "train_keras.py")
FROM_MEMORY = Contestant("arrays in memory", "own", "train_keras.py")
AUGMENTED = Contestant("arrays in memory, augmented as they come", "own", "train_keras.py")
FEEDS = {OURS: "files", FROM_MEMORY: "memory", AUGMENTED: "augmented"}
IMAGE_SIZE_PX, BATCH_SIZE = 128, 32
AT_MOST_SLOWER = 1.02
MOST_WAIT = 0.01


def rows(scale: Scale) -> str:
    """The tables of this group."""
    with (
        tempfile.TemporaryDirectory(prefix="train-", dir=HOME) as root,
        started(tuple(FEEDS)) as ring,
    ):
        pairs = {"folder": f"{root}/pairs"}
        made = {"count": scale.steps * BATCH_SIZE, "image_size": IMAGE_SIZE_PX}
        ring.only([OURS]).contest({"work": "write", **pairs, **made}, rounds=1, warmups=0)
        tables = []
        for model in scale.models:
            asked = {"work": "train", **pairs, "model": model, "steps": scale.steps}
            recipe = RECIPES[model]
            augments = isinstance(recipe, Recipe) and recipe.augment
            fed = ring if augments else ring.only([OURS, FROM_MEMORY])
            results = train(fed, asked, scale.rounds)
            tables.append(step_table(f"Training: {model}, steps of {BATCH_SIZE}", results))
    return "\n".join(tables)


def train(ring: Ring, asked: Answer, rounds: int) -> list[Result]:
    """Takes rounds of steps in turns, after one whose losses are compared."""

    def question(each: Contestant) -> Answer:
        return {**asked, "feed": FEEDS[each]}

    first = ring.contest(question, rounds=1, warmups=0)
    checked = refused_unequal(first, OURS.name, key="losses")
    return ring.contest(question, rounds, checked=checked)


def step_table(title: str, results: Sequence[Result]) -> str:
    """Times of a step, and the wait for input that is in them."""
    # Where a recipe augments, the fair rival augments, too.
    rival = AUGMENTED if AUGMENTED.name in {result.name for result in results} else FROM_MEMORY
    targets = {rival.name: 1 / AT_MOST_SLOWER}
    steps = table(title, results, OURS.name, "ms a step", step_ms, targets, less_is_better=True)
    return f"{steps}\n{waiting(results)}\n"


def step_ms(answer: Answer) -> float:
    return float(1000 * answer["seconds"] / answer["steps"])


def waiting(results: Sequence[Result]) -> str:
    """A sentence: which part of a step there was no batch to train on."""
    ours = next(result for result in results if result.name == OURS.name)
    if ours.error:
        return f"The wait for input is not known: {ours.error}."
    shares = [answer["wait_seconds"] / answer["seconds"] for answer in ours.answers]
    median, least_to_most = summary([100 * share for share in shares])
    met = "met" if max(shares) <= MOST_WAIT else "missed"
    return (
        f"Of a step, {median} % ({least_to_most}) was spent in `next` of the iterator, waiting for "
        f"a batch; target {100 * MOST_WAIT:g} %: {met}."
    )
