"""One modality of a data set of pairs: what the bytes that nobody asked for cost.

Image or audio read from pairs, beside the pair in full, TensorFlow's reader without any parsing,
and audio of pairs whose images have 192 bytes: as if it were stored alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

from arena import (
    Answer,
    Contestant,
    Result,
    Ring,
    Scale,
    refused_unequal,
    started,
    summary,
    times_as_fast,
)
from environments import HOME
from read import BARE_RECORDS, IMAGE_SIZES_PX, rate

TINY_PX = 8


def ours(name: str) -> Contestant:
    return Contestant(name, "own", "read_facevoice.py")


PAIR, IMAGE, AUDIO = ours("pair"), ours("image of a pair"), ours("audio of a pair")
AUDIO_ALONE = ours("audio of a pair with a tiny image")
MODALITIES = {PAIR: "pair", IMAGE: "image", AUDIO: "audio", AUDIO_ALONE: "audio"}
EVERYONE = (*MODALITIES, BARE_RECORDS)


def rows(scale: Scale) -> str:
    """The tables of this group."""
    with started(EVERYONE) as ring:
        tables = [
            table(f"One modality: stored order, {kilobytes} KB an example", results)
            for kilobytes in scale.example_kb
            for results in [read(ring, scale, IMAGE_SIZES_PX[kilobytes])]
        ]
    return "\n".join(tables)


def read(ring: Ring, scale: Scale, image_size: int) -> list[Result]:
    """Writes a data set, and one with tiny images, and reads them in turns."""
    with tempfile.TemporaryDirectory(prefix="read-", dir=HOME) as root:
        folders = dict.fromkeys(EVERYONE, f"{root}/whole") | {AUDIO_ALONE: f"{root}/tiny"}
        for each, size in ((PAIR, image_size), (AUDIO_ALONE, TINY_PX)):
            made = {"folder": folders[each], "count": scale.examples, "image_size": size}
            ring.only([each]).contest({"work": "write", **made}, rounds=1, warmups=0)

        def question(each: Contestant) -> Answer:
            modality = MODALITIES.get(each, "pair")
            asked = {"folder": folders[each], "modality": modality, "shuffled": False}
            return {"work": "read", **asked}

        results = ring.contest(question, scale.rounds)
    return refused_unequal(results, PAIR.name, key="examples")


def table(title: str, results: Sequence[Result]) -> str:
    """Rates, and how many times those of the whole pair and of the bare reader they are."""
    lines = [
        f"### {title}\n",
        "| | examples/s | least to most | of the pair's | of TFRecordDataset's |",
        "|---|---|---|---|---|",
    ]
    found = {result.name: result for result in results}
    pair, bare = found[PAIR.name], found[BARE_RECORDS.name]
    for result in results:
        error = result.error or pair.error or bare.error
        if error:
            lines.append(f"| {result.name} | {error} | | | |")
            continue
        shares = [
            summary(times_as_fast(other, result, rate, less_is_better=False))
            for other in (pair, bare)
        ]
        cells = [*summary([rate(a) for a in result.answers]), *(s[0] for s in shares)]
        lines.append(f"| {result.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
