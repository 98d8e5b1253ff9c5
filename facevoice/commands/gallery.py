"""Lists the people of a gallery and likely mistakes in it: `facevoice gallery G`.

Possible duplicates are two names with samples that are more similar than samples of different
people are expected to be: one person under two names, or one photograph of two people. Possible
outliers are samples that are nearer to another person than to the other samples of their own.

--json prints an object:

  encoders    modality, 'image' or 'audio', to the encoder
  people      name to modality to [{"media": path, "sha256": digest or null, "enrolled": time}, ...]
  duplicates  [{"modality": ..., "names": [...], "media": [...], "score": cosine}, ...]
  outliers    [{"modality": ..., "name": ..., "media": path, "score": for its own person,
              "nearest": name, "nearest_score": ...}, ...]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tfdata.command_line import Parser, run, say
from tfdata.flag_types import local_path
from tfdata.text import counted

if TYPE_CHECKING:
    from facevoice.gallery.gallery import Gallery

MOST_SHOWN = 20  # duplicates and outliers; --json has all


def main(argv: Sequence[str] | None = None, prog: str = "facevoice gallery") -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument("gallery", type=local_path, metavar="DIR", help="directory of the gallery")
    parser.add_argument("--json", action="store_true", help="print JSON, see above")
    args = parser.parse(argv)
    return run(lambda: _show(args))


def _show(args: argparse.Namespace) -> None:
    from facevoice.gallery.store import read_gallery
    from facevoice.gallery.survey import find_duplicates, find_outliers

    gallery = read_gallery(args.gallery)
    found: dict[str, list[dict[str, Any]]] = {"duplicates": [], "outliers": []}
    for modality, samples in gallery.samples.items():
        for kind, entries in (
            ("duplicates", find_duplicates(samples)),
            ("outliers", find_outliers(samples)),
        ):
            found[kind] += [{"modality": modality} | asdict(each) for each in entries]
    if args.json:
        print(json.dumps(_as_json(gallery) | found, indent=1, ensure_ascii=True))
    else:
        say(*_lines(gallery, args.gallery), *_findings(found))


def _as_json(gallery: Gallery) -> dict[str, Any]:
    people: dict[str, dict[str, list[Any]]] = {name: {} for name in gallery.people}
    for modality, samples in gallery.samples.items():
        for name, source in zip(samples.names, samples.sources, strict=True):
            people[name].setdefault(modality, []).append(asdict(source))
    encoders = {modality: asdict(each.encoder) for modality, each in gallery.samples.items()}
    return {"encoders": encoders, "people": people}


def _lines(gallery: Gallery, folder: object) -> list[str]:
    from facevoice.encoders.exposure import exposure
    from facevoice.encoders.recorded import describe_encoder
    from facevoice.gallery.gallery import IMAGE
    from facevoice.gallery.media import sample_counts
    from facevoice.reports.leakage import exposure_sentence

    enrolled: dict[str, str] = {}
    for samples in gallery.samples.values():
        for name, source in zip(samples.names, samples.sources, strict=True):
            enrolled[name] = max(enrolled.get(name, ""), source.enrolled)
    encoders = [
        f"{'Faces' if modality == IMAGE else 'Voices'}: {describe_encoder(samples.encoder)}"
        for modality, samples in gallery.samples.items()
    ]
    encoders += [
        exposure_sentence(exposure(samples.encoder.name, modality, sorted(set(samples.names))))
        for modality, samples in gallery.samples.items()
    ]
    width = max(map(len, gallery.people), default=0)
    return [
        f"{folder}: {counted(len(gallery.people), 'person', 'people')}",
        *encoders,
        *(
            f"  {name:{width}}  {sample_counts(counts)}, last enrolled {enrolled[name]}"
            for name, counts in gallery.people.items()
        ),
    ]


def _findings(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    lines = []
    if duplicates := found["duplicates"]:
        lines.append(f"Possible duplicates ({len(duplicates)}):")
        lines += [
            f"  {' and '.join(each['names'])}: {each['media'][0]} and {each['media'][1]} "
            f"(score {each['score']:.3f})"
            for each in duplicates[:MOST_SHOWN]
        ]
    if outliers := found["outliers"]:
        lines.append(f"Possible outliers ({len(outliers)}):")
        lines += [
            f"  {each['media']}, enrolled as {each['name']} (score {each['score']:.3f}), is nearer "
            f"to {each['nearest']} ({each['nearest_score']:.3f})"
            for each in outliers[:MOST_SHOWN]
        ]
    if any(len(each) > MOST_SHOWN for each in found.values()):
        lines.append(f"Only {MOST_SHOWN} of each are shown; --json has all.")
    return lines or ["No duplicates or outliers were found."]
