"""Groups the settings of a dataset and formats their values with units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FEATURE_GROUPS = {
    "Face images": (
        "image_size",
        "face_crop",
        "face_detector",
        "several_faces",
        "aligned_points",
        "face_encoder",
    ),
    "Audio": (
        "sample_rate_hz",
        "window_seconds",
        "trim_silence_db",
        "voice_activity",
        "min_speech",
        "voice_encoder",
    ),
    "Spectrograms": (
        "bands",
        "frames",
        "frequency_scale",
        "fft_size",
        "min_hz",
        "max_hz",
        "floor_db",
    ),
}
_PLAN_GROUPS = {
    "Selection": (
        "seed",
        "persons",
        "pairs_per_person",
        "pairing",
        "window_overlap",
        "duplicates",
    ),
    "Splits and shards": ("split_by", "split_fractions", "num_shards"),
}
_UNITS = {
    "_hz": "Hz",
    "_seconds": "s",
    "_db": "dB",
    "_fractions": "%",
    "image_size": "pixels",
    "fft_size": "samples",
}


@dataclass(frozen=True)
class Setting:
    """A setting: its name, its value with unit, and its help text, which may be empty."""

    name: str
    value: str
    help_text: str


def feature_groups(
    features: Mapping[str, Any], help_texts: Mapping[str, str]
) -> dict[str, list[Setting]]:
    """Groups the preprocessing settings by title."""
    return _grouped(features, _FEATURE_GROUPS, help_texts)


def plan_groups(plan: Mapping[str, Any], help_texts: Mapping[str, str]) -> dict[str, list[Setting]]:
    """Groups the settings of selection, splits and shards by title."""
    return _grouped(plan, _PLAN_GROUPS, help_texts)


def format_setting(name: str, value: Any) -> str:
    """Formats a value with the unit of its name."""
    if value is None:
        return "not set"
    if isinstance(value, list | tuple):
        text = ", ".join(f"{part:g}" for part in value)
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
    return f"{text} {unit}".strip()


def _grouped(
    values: Mapping[str, Any],
    groups: Mapping[str, tuple[str, ...]],
    help_texts: Mapping[str, str],
) -> dict[str, list[Setting]]:
    """Groups settings; those of no group, such as of later versions, are 'Other'."""
    grouped = {name for names in groups.values() for name in names}
    titles = {**groups, "Other": tuple(sorted(values.keys() - grouped))}
    settings = {
        title: [
            Setting(name, format_setting(name, values[name]), help_texts.get(name, ""))
            for name in names
            if name in values
        ]
        for title, names in titles.items()
    }
    return {title: each for title, each in settings.items() if each}
