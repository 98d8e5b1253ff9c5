"""Scale: the cost of a pair, in building and in planning, as the number of pairs grows.

The bench goes to 16,000 pairs; further in a run of its own:

    python benchmarks/scale.py 4000 16000 64000
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise

from arena import FULL, Answer, Contestant, Scale, contest, summary
from environments import HOME
from media import media_of

OURS = Contestant("FaceVoice, two workers", "own", "build_facevoice.py")
STRAIGHT = 0.1  # a pair of a large build may cost this share more than one of a small build
VOXCELEB2_UTTERANCES = 1_128_246
WHAT = {"build": "building, 2 workers", "plan": "planning, 1 process"}


def rows(scale: Scale) -> str:
    """The tables of this group."""
    return measured(scale.growth, scale.rounds)


def measured(sizes: Sequence[int], rounds: int) -> str:
    """Builds, and plans, corpora of these sizes in turns."""
    corpora = [media_of(pairs).asked() for pairs in sizes]
    with tempfile.TemporaryDirectory(prefix="scale-", dir=HOME) as folder:
        question: Answer = {"work": "growth", "corpora": corpora, "output": f"{folder}/set"}
        (ours,) = contest([OURS], question, rounds, warmups=0)
    if ours.error:
        return f"### Scale\n\n{OURS.name}: {ours.error}\n"
    costs = {what: [costs_ms(a[what], sizes) for a in ours.answers] for what in WHAT}
    lines = [
        "### Scale: what each further pair costs\n",
        "| | ms a pair | least to most | target |",
        "|---|---|---|---|",
    ]
    steps = list(pairwise(sizes))
    for what, words in WHAT.items():
        for i, (fewer, more) in enumerate(steps):
            cells = " | ".join(summary([cost[i] for cost in costs[what]]))
            verdict = straightness(costs[what]) if 0 < i == len(steps) - 1 else ""
            lines.append(f"| {words}, from {fewer:,} to {more:,} pairs | {cells} | {verdict} |")
    return "\n".join([*lines, "", extrapolated(costs), ""])


def costs_ms(seconds: Sequence[float], sizes: Sequence[int]) -> list[float]:
    """What a pair costs between each size and the next."""
    points = list(zip(sizes, seconds, strict=True))
    return [
        1000 * (later - earlier) / (more - fewer)
        for (fewer, earlier), (more, later) in pairwise(points)
    ]


def straightness(costs: Sequence[Sequence[float]]) -> str:
    """Whether the last step of a round costs what the first does, by the median of rounds."""
    ratio = statistics.median(cost[-1] / cost[0] for cost in costs)
    verdict = "met" if ratio <= 1 + STRAIGHT else "missed"
    return f"at most {1 + STRAIGHT:g} of the first step: {ratio:.2f}, {verdict}"


def extrapolated(costs: dict[str, list[list[float]]]) -> str:
    """The last step's cost, times the utterances of VoxCeleb2."""
    if min(cost[-1] for found in costs.values() for cost in found) <= 0:
        return "The builds were too small for a slope."
    hours = {
        what: statistics.median(cost[-1] for cost in found) * VOXCELEB2_UTTERANCES / 3.6e6
        for what, found in costs.items()
    }
    return (
        f"On paper, {VOXCELEB2_UTTERANCES:,} pairs, one for each utterance of VoxCeleb2, take "
        f"{hours['build']:.1f} h on two workers, of which {60 * hours['plan'] / 2:.0f} minutes are "
        f"planning, as long as the media come from the page cache."
    )


if __name__ == "__main__":
    print(measured([int(word) for word in sys.argv[1:]], FULL.rounds))
