"""The settings that a data set was built with, grouped, with units and meanings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tfdata.manifest import Manifest

STYLE = """
.settings { columns: 2 22rem; column-gap: 2.5rem; }
.settings section { break-inside: avoid; margin-bottom: 1.4rem; }
.settings h3 { font-size: .95rem; margin: 0 0 .3rem; }
.settings dl { margin: 0; font-size: .88rem; }
.settings dl div { display: grid; grid-template-columns: 1fr auto; gap: 0 1rem;
  padding: .25rem 0; border-top: 1px solid var(--line); }
.settings dt { overflow-wrap: anywhere; }
.settings dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.settings dd.value { text-align: right; font-weight: 600; }
.settings dd.meaning { grid-column: 1 / -1; color: var(--soft); font-size: .78rem;
  line-height: 1.35; }
"""
_GROUPS = {
    "Faces": ("image_size", "face_crop"),
    "Audio": ("sample_rate_hz", "window_seconds", "window_overlap", "trim_silence_db"),
    "Spectrograms": (
        "bands",
        "frames",
        "frequency_scale",
        "fft_size",
        "min_hz",
        "max_hz",
        "floor_db",
    ),
    "Who and what is taken": ("seed", "persons", "pairs_per_person", "pairing"),
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


def groups(manifest: Manifest, meanings: Mapping[str, str]) -> str:
    """Every setting of the manifest, and the versions of the software that decided the bytes."""
    values = {**manifest.features, **manifest.plan}
    known = {name for names in _GROUPS.values() for name in names}
    parts = {title: [name for name in names if name in values] for title, names in _GROUPS.items()}
    parts["Other"] = sorted(values.keys() - known)
    sections = [
        _section(
            title, [(name, shown(name, values[name]), meanings.get(name, "")) for name in names]
        )
        for title, names in parts.items()
        if names
    ]
    software = sorted(manifest.software.items())
    sections.append(_section("Software", [(name, version, "") for name, version in software]))
    return f'<div class="settings">{"".join(sections)}</div>'


def shown(name: str, value: Any) -> str:
    """A value as one would write it, with the unit that its name says."""
    if value is None:
        return "not set"
    if isinstance(value, list | tuple):
        text = ", ".join(f"{part:g}" for part in value)
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
    return f"{text} {unit}".strip()


def _section(title: str, rows: Sequence[tuple[str, str, str]]) -> str:
    lines = []
    for name, value, meaning in rows:
        note = f'<dd class="meaning">{escape(meaning)}</dd>' if meaning else ""
        lines.append(
            f'<div><dt>{escape(name)}</dt><dd class="value">{escape(value)}</dd>{note}</div>'
        )
    return f"<section><h3>{title}</h3><dl>{''.join(lines)}</dl></section>"
