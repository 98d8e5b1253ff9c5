"""The card of a data set: the page that one opens first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from facevoice.reports import card_settings, examples, people
from facevoice.reports.examples import examples_grid
from facevoice.reports.leakage import STYLE as LEAKAGE_STYLE
from facevoice.reports.leakage import leakage_statement
from facevoice.reports.page import bars, page, tiles
from facevoice.reports.people import facts, missing_words, people_by_split
from tfdata.examples import Example
from tfdata.manifest import Manifest
from tfdata.schema import SPLITS
from tfdata.text import counted, duration

STYLE = """
.numbers td, .numbers thead th { text-align: right; font-variant-numeric: tabular-nums; }
.numbers tr > :first-child { text-align: left; }
.numbers tr > :last-child { padding-right: 0; }
.numbers tbody tr:last-child > * { border-bottom: 0; font-weight: 600; color: var(--ink); }
.numbers { min-width: 32rem; }
.last { margin-top: 2.4rem; }
.facts { font-size: .88rem; }
.scroll { overflow-x: auto; }
"""

REASONS = {
    "unreadable": "missing, not permitted, of no known format, or damaged inside",
    "too_large": "an image of more pixels than are decoded",
    "too_small": "an image of which too few pixels are left",
    "blank": "an image of a single colour",
    "too_short": "a clip of less than a quarter of a second",
    "sample_rate": "a clip of an unlikely sample rate",
    "not_finite": "a clip with samples that are no numbers",
    "silent": "a clip without sound",
}


def card(
    manifest: Manifest,
    shown: Sequence[tuple[str, Example]],
    centres_hz: NDArray[np.float64],
    meanings: Mapping[str, str],
) -> str:
    """The page: a function of its arguments alone.

    Args:
      manifest: of the data set.
      shown: split and example, of each of some people.
      centres_hz: frequency of each row of a spectrogram.
      meanings: setting to its help.
    """
    pairs = sum(split.pairs for split in manifest.splits.values())
    title = f"{counted(len(manifest.people), 'person', 'people')}, {counted(pairs, 'pair')}"
    body = [
        f"<p>FaceVoice data set</p><h1>{title} of a face and a voice</h1>",
        f"<p>{_what_a_pair_is(manifest)}</p>",
        tiles(_key_figures(manifest, pairs)),
        leakage_statement(manifest.leakage),
    ]
    if shown:
        window_seconds = float(manifest.features["window_seconds"])
        of_how_many = "" if len(shown) == len(manifest.people) else f" {len(shown)} of"
        body += [
            "<h2>What a model is given</h2>",
            f"<p>One pair of each of{of_how_many} the people: the face, and below it the voice "
            f"that it is paired with. Light is loud; black is "
            f"{abs(manifest.features['floor_db']):g} dB below the loudest, or less.</p>",
            examples_grid(shown, centres_hz, window_seconds, manifest.features["sample_rate_hz"]),
        ]
    body += ["<h2>People by split</h2>", people_by_split(manifest.people)]
    body += [
        f'<p class="facts">{name.title()}: {escape(text)}</p>'
        for name, text in facts(manifest.people.values())
    ]
    body += ["<h2>Counts and durations</h2>", _counts(manifest), *_durations(manifest)]
    body += ["<h2>Rejects</h2>", *_rejects(manifest)]
    body += ["<h2>Settings</h2>", card_settings.groups(manifest, meanings)]
    body += [
        '<p class="last">Faces and voices are biometric data: hand this page on only as you may '
        "hand on the data set.</p>",
    ]
    styles = (STYLE, LEAKAGE_STYLE, examples.STYLE, people.STYLE, card_settings.STYLE)
    return page(f"FaceVoice data set: {title}", body, "".join(styles))


def _what_a_pair_is(manifest: Manifest) -> str:
    height, width, _ = manifest.image_shape
    bands, frames = manifest.spectrogram_shape
    features = manifest.features
    return (
        f"Each pair is a face of {width} by {height} pixels and {features['window_seconds']:g} s "
        f"of the same person's voice, as a spectrogram of {bands} bands by {frames} instants, from "
        f"{features['min_hz']:g} to {features['max_hz']:g} Hz."
    )


def _key_figures(manifest: Manifest, pairs: int) -> list[tuple[str, str]]:
    by_split = ", ".join(f"{manifest.splits[name].pairs:,} {name}" for name in SPLITS)
    return [
        (f"{len(manifest.people):,}", "person" if len(manifest.people) == 1 else "people"),
        (f"{pairs:,}", f"{'pair' if pairs == 1 else 'pairs'}: {by_split}"),
        (f"{_videos(manifest, SPLITS):,}", f"videos, of {manifest.corpus.videos:,} on disk"),
        (
            duration(pairs * manifest.features["window_seconds"]),
            f"of paired audio; {duration(manifest.corpus.audio_seconds)} on disk",
        ),
    ]


def _videos(manifest: Manifest, splits: Sequence[str]) -> int:
    """How many videos some splits hold, each counted once."""
    sessions = [manifest.splits[name].sessions.items() for name in splits]
    return len({(who, video) for part in sessions for who, videos in part for video in videos})


def _counts(manifest: Manifest) -> str:
    seconds = manifest.features["window_seconds"]
    rows = []
    for label, names in [*((name, [name]) for name in SPLITS), ("all", list(SPLITS))]:
        splits = [manifest.splits[name] for name in names]
        pairs = sum(split.pairs for split in splits)
        with_pairs = sum(
            any(person.pairs[name] for name in names) for person in manifest.people.values()
        )
        shards = [shard for split in splits for shard in split.shards]
        cells = [
            f"{with_pairs:,}",
            f"{_videos(manifest, names):,}",
            f"{pairs:,}",
            duration(pairs * seconds),
            f"{len(shards):,}",
            f"{sum(shard.bytes for shard in shards) / 1e6:,.1f} MB",
        ]
        head = f'<i class="dot {label}"></i> {label}' if label in SPLITS else label
        rows.append(f"<tr><th>{head}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    columns = ("", "people", "videos", "pairs", "paired audio", "shards", "on disk")
    head = "".join(f"<th>{column}</th>" for column in columns)
    return (
        f'<div class="scroll"><table class="numbers"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _durations(manifest: Manifest) -> list[str]:
    corpus = manifest.corpus
    mean = (
        f", {duration(corpus.audio_seconds / corpus.clips)} each on average" if corpus.clips else ""
    )
    found = [
        f"<p>These people had on disk: {counted(corpus.videos, 'video')} with "
        f"{counted(corpus.faces, 'face')} and {counted(corpus.clips, 'clip')}, together "
        f"{duration(corpus.audio_seconds)} of audio{mean}.</p>"
    ]
    if overlap := manifest.plan.get("window_overlap"):
        found.append(
            f"<p>Windows of one clip overlap by {overlap:.0%}, so the paired audio counts some "
            f"of it more than once.</p>"
        )
    return found


def _rejects(manifest: Manifest) -> list[str]:
    if not manifest.rejects:
        return ["<p>No media file was rejected.</p>", missing_words(manifest)]
    total = sum(manifest.rejects.values())
    ordered = sorted(manifest.rejects.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        (
            f"{reason}: {REASONS[reason]}" if reason in REASONS else reason,
            count / ordered[0][1],
            f"{count:,}",
        )
        for reason, count in ordered
    ]
    return [
        f"<p>{counted(total, 'media file')} could not be used; rejects.jsonl, beside this page, "
        f"lists each with its reason.</p>",
        bars(rows),
        missing_words(manifest),
    ]
