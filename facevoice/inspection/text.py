"""Formats datasets, people and examples as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from facevoice.features import band_centres_hz, column_centres
from facevoice.inspection.examples import StoredExample, feature_settings, people_text
from facevoice.inspection.histogram import Histogram
from facevoice.reports.leakage import duplicates_text, has_leak
from facevoice.reports.settings_table import format_setting
from tfdata.manifest import Leak, Manifest, Split
from tfdata.schema import DetectedFace
from tfdata.text import agree, counted, listed, printable

WIDTH = 100
_NAME_WIDTH = 16


def overview(data_dir: str, manifest: Manifest) -> str:
    """Summarizes a dataset from its manifest."""
    pairs = sum(split.pairs for split in manifest.splits.values())
    people = counted(len(manifest.people), "person", "people")
    rows = [
        ("People", people_text(manifest)),
        ("Preprocessing", _settings(manifest.features)),
        ("Selection", _settings(manifest.plan)),
        ("Data leakage", _leakage(manifest) + _duplicates(manifest)),
        (
            "Rejected media",
            _pairs({name: f"{count:,}" for name, count in manifest.rejects.items()}) or "none",
        ),
        ("Missing pairs", _missing(manifest)),
        ("Software", _pairs(manifest.software)),
    ]
    return "\n".join(
        [
            f"{printable(data_dir)}: {counted(pairs, 'pair')} of a face and a voice, of {people}.",
            "",
            _splits(manifest),
            "",
            *(_row(name, text) for name, text in rows),
        ]
    )


def example(found: StoredExample, manifest: Manifest) -> str:
    """Describes the sources and the statistics of an example."""
    settings = feature_settings(manifest)
    face, voice = Histogram.of(found.image), Histogram.of(found.spectrogram)
    start = found.window_start_samples / settings.sample_rate_hz
    end = start + settings.window_seconds
    trimmed = " after leading silence" if settings.trim_silence_db is not None else ""
    speech = "" if found.speech_share is None else f", {found.speech_share:.0%} speech"
    floor, step_db = f"{settings.floor_db:g} dB", -settings.floor_db / 255
    range_db = (voice.quantile(0.95) - voice.quantile(0.05)) * step_db
    band, column = divmod(int(found.spectrogram.argmax()), found.spectrogram.shape[1])
    loudest_s = column_centres(settings)[column] / settings.sample_rate_hz
    rows = [
        ("Person", _person(found.identity, manifest)),
        ("Place", f"{found.place}: record {found.record} of {found.shard}"),
        ("Video", found.session),
        ("Face", found.face_source + _frame(found) + _detected(found.face)),
        ("Voice", f"{found.audio_source}, {start:.3f} to {end:.3f} s{trimmed}{speech}"),
        ("Face levels", _statistics(face)),
        (
            "Voice levels",
            f"{_statistics(voice)}; {voice.share(0):.1%} at 0 ({floor}), {voice.share(255):.2%} at "
            f"255 (0 dB); dynamic range {range_db:.0f} dB (5th to 95th percentile); loudest at "
            f"{band_centres_hz(settings)[band]:.0f} Hz, {loudest_s:.2f} s",
        ),
    ]
    return "\n".join([printable(found.key), "", *(_row(name, text) for name, text in rows)])


def person(
    identity: str, manifest: Manifest, splits: Sequence[str], examples: Sequence[StoredExample]
) -> str:
    """Describes a person and lists some of their examples.

    Args:
      identity: the person.
      manifest: of the dataset.
      splits: names of the splits to describe.
      examples: to list.
    """
    parts = [printable(_person(identity, manifest))]
    for split in splits:
        pairs = manifest.people[identity].pairs[split]
        videos = len(manifest.splits[split].sessions.get(identity, ()))
        of_split = [found for found in examples if found.split == split]
        shown = f"; {len(of_split)} shown" if len(of_split) < pairs else ""
        parts += ["", f"{split}: {counted(pairs, 'pair')} of {counted(videos, 'video')}{shown}"]
        parts += [f"  {found.index:>6}  {printable(found.key)}" for found in of_split]
    return "\n".join(parts)


def table(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Formats rows in columns; the first one is aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        indent
        + "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _splits(manifest: Manifest) -> str:
    rows = [("", "pairs", "people", "videos", "shards", "MB")]
    for name, split in manifest.splits.items():
        people = sum(1 for person in manifest.people.values() if person.pairs[name])
        rows.append((name, f"{split.pairs:,}", f"{people:,}", *_sizes(split)))
    return table(rows)


def _sizes(split: Split) -> tuple[str, str, str]:
    videos = sum(map(len, split.sessions.values()))
    megabytes = sum(shard.bytes for shard in split.shards) / 1e6
    return f"{videos:,}", f"{len(split.shards):,}", f"{megabytes:,.1f}"


def _leakage(manifest: Manifest) -> str:
    leaks = {name: leak for name, leak in manifest.leakage.items() if leak.pairs}
    if not leaks:
        return "no held-out data"
    if not any(map(has_leak, leaks.values())):
        return f"no video and no audio sample of {listed(list(leaks), 'or')} is in train"
    return "; ".join(_leak(name, leak) for name, leak in leaks.items())


def _leak(split: str, leak: Leak) -> str:
    copies = (
        f"; {leak.same_content:,} {agree(leak.same_content, 'has', 'have')} a copy of a file of "
        f"train"
    )
    return (
        f"of {counted(leak.pairs, f'{split} pair')}, {leak.same_video:,} "
        f"{agree(leak.same_video, 'is', 'are')} from a video that is also in train, and "
        f"{leak.same_audio:,} {agree(leak.same_audio, 'shares', 'share')} audio samples with train"
        f"{copies if leak.same_content else ''}"
    )


def _duplicates(manifest: Manifest) -> str:
    text = duplicates_text(manifest.duplicates)
    return f".{text}" if text else ""


def _missing(manifest: Manifest) -> str:
    """Counts the pairs that were planned but are not in the dataset."""
    missing = {name: person.missing for name, person in manifest.people.items() if person.missing}
    missing |= manifest.without_pairs
    return (
        f"{counted(sum(missing.values()), 'planned pair')} of "
        f"{counted(len(missing), 'person', 'people')}"
        if missing
        else "none"
    )


def _settings(settings: Mapping[str, Any]) -> str:
    return _pairs({name: format_setting(name, value) for name, value in settings.items()})


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _person(identity: str, manifest: Manifest) -> str:
    found = manifest.people[identity]
    meta = "".join(f", {name} {value}" for name, value in found.meta.items())
    return f"{identity}: label {found.label}{meta}"


def _frame(found: StoredExample) -> str:
    """Returns the time of the frame of a video."""
    seconds = found.face_time_seconds
    return "" if seconds is None else f", frame at {seconds:.3f} s"


def _detected(face: DetectedFace | None) -> str:
    """Describes where a face detector found a face."""
    if face is None:
        return ""
    left, top, right, bottom = face.box.tolist()
    return (
        f", found at {left:.1%} to {right:.1%} of the width and {top:.1%} to {bottom:.1%} of the "
        f"height, score {face.score:.2f}"
    )


def _statistics(values: Histogram) -> str:
    return f"mean {values.mean:.1f}, std {values.std:.1f}, {values.min} to {values.max}"


def _row(name: str, text: str) -> str:
    return textwrap.fill(
        printable(text),
        WIDTH,
        initial_indent=name.ljust(_NAME_WIDTH),
        subsequent_indent=" " * _NAME_WIDTH,
        break_long_words=False,
        break_on_hyphens=False,
    )
