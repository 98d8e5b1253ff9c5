"""Benchmark of scaling: the cost per pair of building and planning as the number of pairs grows.

`bench.py` measures up to 16,000 pairs. To measure other numbers:

    python benchmarks/scale.py 4000 16000 64000
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise

from corpora import make_corpus
from environments import HOME
from harness import FULL, Competitor, Config, Message, run_rounds, summary

OURS = Competitor("FaceVoice, two workers", "own", "build_facevoice.py")
MAX_GROWTH = 0.1  # target: how much more a pair of a large build may cost, as a fraction
VOXCELEB2_UTTERANCES = 1_128_246
PHASES = {"build": "building, 2 workers", "plan": "planning, 1 process"}


def run(config: Config) -> str:
    """Returns the tables of this group."""
    return measure(config.growth, config.rounds)


def measure(sizes: Sequence[int], rounds: int) -> str:
    """Measures building and planning of corpora of these sizes in turns; returns the table."""
    corpora = [make_corpus(pairs).as_arguments() for pairs in sizes]
    with tempfile.TemporaryDirectory(prefix="scale-", dir=HOME) as folder:
        request: Message = {"task": "growth", "corpora": corpora, "output": f"{folder}/set"}
        (ours,) = run_rounds([OURS], request, rounds, warmups=0)
    if ours.error:
        return f"### Scale\n\n{OURS.name}: {ours.error}\n"
    costs = {phase: [costs_ms(r[phase], sizes) for r in ours.responses] for phase in PHASES}
    lines = [
        "### Scale: cost per additional pair\n",
        "| | ms per pair | min to max | target |",
        "|---|---|---|---|",
    ]
    steps = list(pairwise(sizes))
    for phase, name in PHASES.items():
        for i, (fewer, more) in enumerate(steps):
            cells = " | ".join(summary([cost[i] for cost in costs[phase]]))
            verdict = growth_verdict(costs[phase]) if 0 < i == len(steps) - 1 else ""
            lines.append(f"| {name}, from {fewer:,} to {more:,} pairs | {cells} | {verdict} |")
    return "\n".join([*lines, "", extrapolation(costs), ""])


def costs_ms(seconds: Sequence[float], sizes: Sequence[int]) -> list[float]:
    """Returns the cost per additional pair between each size and the next."""
    points = list(zip(sizes, seconds, strict=True))
    return [
        1000 * (later - earlier) / (more - fewer)
        for (fewer, earlier), (more, later) in pairwise(points)
    ]


def growth_verdict(costs: Sequence[Sequence[float]]) -> str:
    """Formats the ratio of the last to the first cost, the median over rounds."""
    ratio = statistics.median(cost[-1] / cost[0] for cost in costs)
    verdict = "met" if ratio <= 1 + MAX_GROWTH else "missed"
    return f"at most {1 + MAX_GROWTH:g} times the first step: {ratio:.2f}, {verdict}"


def extrapolation(costs: dict[str, list[list[float]]]) -> str:
    """Extrapolates the last cost to the utterances of VoxCeleb2."""
    if min(cost[-1] for rounds in costs.values() for cost in rounds) <= 0:
        return "The builds were too small to measure a slope."
    hours = {
        phase: statistics.median(cost[-1] for cost in rounds) * VOXCELEB2_UTTERANCES / 3.6e6
        for phase, rounds in costs.items()
    }
    return (
        f"Extrapolated, {VOXCELEB2_UTTERANCES:,} pairs, one per utterance of VoxCeleb2, take "
        f"{hours['build']:.1f} h on two workers, of which {60 * hours['plan'] / 2:.0f} minutes are "
        f"planning, if the media are in the page cache."
    )


if __name__ == "__main__":
    print(measure([int(size) for size in sys.argv[1:]], FULL.rounds))
