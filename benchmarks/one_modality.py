"""Benchmark of reading one modality of a dataset of pairs.

Compares images or audio read from pairs with whole pairs, with TensorFlow's reader without parsing,
and with audio of pairs whose images have 192 bytes, which is close to audio stored alone.
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
    speedups,
    started,
    summary,
)
from read import BARE_RECORDS, IMAGE_SIZES_PX, rate

TINY_PX = 8


def facevoice(name: str) -> Competitor:
    return Competitor(name, "own", "read_facevoice.py")


PAIR, IMAGE, AUDIO = (
    facevoice("pair"),
    facevoice("image of a pair"),
    facevoice("audio of a pair"),
)
AUDIO_ALONE = facevoice("audio of a pair with a tiny image")
MODALITIES = {PAIR: "pair", IMAGE: "image", AUDIO: "audio", AUDIO_ALONE: "audio"}
COMPETITORS = (*MODALITIES, BARE_RECORDS)


def run(config: Config) -> str:
    """Returns the tables of this group."""
    with started(COMPETITORS) as running:
        tables = [
            table(f"One modality: stored order, {kilobytes} KB per example", results)
            for kilobytes in config.example_kb
            for results in [read(running, config, IMAGE_SIZES_PX[kilobytes])]
        ]
    return "\n".join(tables)


def read(running: RunningCompetitors, config: Config, image_size: int) -> list[Result]:
    """Writes a dataset, and one with tiny images, and reads them in turns."""
    with tempfile.TemporaryDirectory(prefix="read-", dir=HOME) as root:
        folders = dict.fromkeys(COMPETITORS, f"{root}/whole") | {AUDIO_ALONE: f"{root}/tiny"}
        for each, size in ((PAIR, image_size), (AUDIO_ALONE, TINY_PX)):
            dataset = {"folder": folders[each], "count": config.examples, "image_size": size}
            running.subset([each]).run_rounds({"task": "write", **dataset}, rounds=1, warmups=0)

        def request(each: Competitor) -> Message:
            modality = MODALITIES.get(each, "pair")
            options = {"folder": folders[each], "modality": modality, "shuffled": False}
            return {"task": "read", **options}

        results = running.run_rounds(request, config.rounds)
    return reject_mismatches(results, PAIR.name, key="examples")


def table(title: str, results: Sequence[Result]) -> str:
    """Formats rates, and their ratios to those of the whole pair and of the bare reader."""
    lines = [
        f"### {title}\n",
        "| | examples/s | min to max | relative to the pair | relative to TFRecordDataset |",
        "|---|---|---|---|---|",
    ]
    by_name = {result.name: result for result in results}
    pair, bare = by_name[PAIR.name], by_name[BARE_RECORDS.name]
    for result in results:
        error = result.error or pair.error or bare.error
        if error:
            lines.append(f"| {result.name} | {error} | | | |")
            continue
        ratios = [
            summary(speedups(other, result, rate, less_is_better=False)) for other in (pair, bare)
        ]
        cells = [*summary([rate(r) for r in result.responses]), *(ratio[0] for ratio in ratios)]
        lines.append(f"| {result.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
