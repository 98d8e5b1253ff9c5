"""Checks that the content of a manifest is consistent, in milliseconds. Pure functions."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from tfdata.fields import MAX_INT64, Range, check_types, from_fields
from tfdata.manifest import Manifest
from tfdata.schema import MANIFEST_NAME
from tfdata.text import bytes_text, counted

_SHA256 = re.compile("[0-9a-f]{64}")
_Positive = Annotated[int, Range(1, MAX_INT64)]
_Share = Annotated[float, Range(0, 1)]

# Types of known settings. Programs that use a setting also check its range.
FEATURE_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(("image_size", "sample_rate_hz", "bands", "frames", "fft_size"), _Positive),
    "window_seconds": Annotated[float, Range(0, MAX_INT64)],
    "trim_silence_db": float | None,
    **dict.fromkeys(("min_hz", "max_hz", "floor_db"), float),
    "face_crop": _Share,
    "aligned_points": tuple[float, ...],
    "frames_per_second": float | None,
    "min_speech": _Share,
    **dict.fromkeys(
        (
            "frequency_scale",
            "face_detector",
            "several_faces",
            "voice_activity",
            "face_encoder",
            "voice_encoder",
        ),
        str,
    ),
}
PLAN_TYPES: Mapping[str, Any] = {
    "seed": int,
    "persons": _Positive | None,
    **dict.fromkeys(("pairs_per_person", "num_shards"), _Positive),
    "window_overlap": _Share,
    "split_fractions": tuple[float, float, float],
    **dict.fromkeys(("pairing", "split_by", "duplicates"), str),
}


@dataclass(frozen=True)
class _Record:
    """The part of the description of a record that is checked."""

    features: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def check_content(manifest: Manifest, fields: Mapping[str, Any]) -> None:
    """Checks that the parts of a manifest agree with each other.

    Args:
      manifest: the manifest, whose fields have their types.
      fields: the parsed JSON that it was made from.

    Raises:
      TypeError, ValueError: what is wrong, as a clause.
    """
    check_types({"format_version": None, **fields}, {"format_version": int}, "")
    check_types(manifest.features, FEATURE_TYPES, "features")
    check_types(manifest.plan, PLAN_TYPES, "plan")
    _check_shards(manifest)
    _check_record(manifest, fields.get("record", {}))
    _check_people(manifest)


def _check_record(manifest: Manifest, record: Any) -> None:
    """Checks that the description of a record, which other software reads, is that of its arrays.

    Features and facts that this version does not know are ignored.
    """
    known = manifest.describe_record()["features"]
    found = from_fields(_Record, record, ignore_unknown=True, path="record").features
    for name, feature in known.items():
        for fact in ("dtype", "shape", "encoding"):
            value, expected = found.get(name, {}).get(fact), feature.get(fact)
            if None not in (value, expected) and value != expected:
                raise ValueError(
                    f"record.features.{name}.{fact} is {reprlib.repr(value)}, not {expected}"
                )


def _check_shards(manifest: Manifest) -> None:
    """Checks the shapes and the shards of a manifest; raises ValueError."""
    if min(*manifest.image_shape, *manifest.spectrogram_shape) < 1:
        raise ValueError("a shape has no size")
    if manifest.image_shape[2] != 3:
        raise ValueError(
            f"image_shape has {counted(manifest.image_shape[2], 'channel')} instead of 3"
        )
    for shard in manifest.shards:
        name = shard.file
        if Path(name).name != name or name in ("", "..", MANIFEST_NAME) or "\0" in name:
            raise ValueError(f"{name!r} is not a file name of a shard")
        if not _SHA256.fullmatch(shard.sha256):
            raise ValueError(f"the sha256 of {name!r} is not 64 hexadecimal digits")
    files = [shard.file for shard in manifest.shards]
    if len(set(files)) < len(files):
        raise ValueError("two shards have the same name")
    record_bytes = math.prod(manifest.image_shape) + math.prod(manifest.spectrogram_shape)
    for shard in manifest.shards:
        if shard.bytes < shard.records * record_bytes:
            raise ValueError(
                f"{shard.file!r} has {bytes_text(shard.bytes)}, too few for "
                f"{counted(shard.records, 'record')} of the manifest's shapes"
            )


def _check_people(manifest: Manifest) -> None:
    """Checks the labels, counts and videos of a manifest; raises ValueError."""
    labels = [person.label for person in manifest.people.values()]
    if labels != list(range(len(labels))):
        raise ValueError("the people's labels do not count from 0")
    for name, split in manifest.splits.items():
        for identity, person in manifest.people.items():
            if name not in person.pairs:
                raise ValueError(f"{name!r} is missing from the pairs of {identity!r}")
            if person.pairs[name] and not split.sessions.get(identity):
                raise ValueError(f"the {name} split has pairs but no videos of {identity!r}")
        if unknown := split.sessions.keys() - manifest.people.keys():
            raise ValueError(
                f"the {name} split has videos of {min(unknown)!r}, who is not in its people"
            )
        of_shards = sum(shard.records for shard in split.shards)
        of_people = sum(person.pairs[name] for person in manifest.people.values())
        if not split.pairs == of_shards == of_people:
            raise ValueError(
                f"its {name} split has {counted(split.pairs, 'pair')}, its shards {of_shards} and "
                f"its people {of_people}"
            )
    for name, leak in manifest.leakage.items():
        if max(asdict(leak).values()) > leak.pairs:
            raise ValueError(f"leakage.{name} counts more shared pairs than pairs")
