"""Runs a measurement of a dataset that was built with both encoders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tfdata import load_manifest
from tfdata.command_line import Parser, run
from tfdata.manifest import Manifest
from tfdata.manifest_reader import check_embeddings
from tfdata.schema import AUDIO_EMBEDDING, IMAGE_EMBEDDING


def main(description: str | None, measure: Callable[[Path, Manifest], None]) -> int:
    """Measures the dataset that the command line names; returns the exit code.

    A dataset that lacks embeddings of faces or of voices is an error.
    """
    parser = Parser(description=description)
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="directory of the dataset")
    dataset = parser.parse(None).dataset

    def check_and_measure() -> None:
        manifest = load_manifest(dataset)
        check_embeddings(dataset, manifest, (IMAGE_EMBEDDING, AUDIO_EMBEDDING))
        measure(dataset, manifest)

    return run(check_and_measure)
