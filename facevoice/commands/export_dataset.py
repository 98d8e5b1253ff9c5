"""Writes a dataset for another framework.

  facevoice export-dataset --data data/sample --to parquet --output data/sample-parquet

  webdataset  a .tar file for each shard: image.png, spectrogram.npy and json of each pair
  parquet     a .parquet file for each shard, which Hugging Face's datasets opens with images
  tfds        links to the shards, for tfds.builder_from_directory of TensorFlow Datasets

Images are PNG, without loss. TensorFlow is not needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tqdm import tqdm

from facevoice.dataset_export.exporting import KINDS, export_dataset
from tfdata.command_line import SAMPLE_DATA, Parser, run, say
from tfdata.flag_types import local_path
from tfdata.manifest_reader import load_manifest
from tfdata.text import counted


def main(argv: Sequence[str] | None = None, prog: str = "facevoice export-dataset") -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument(
        "--data",
        type=local_path,
        default=SAMPLE_DATA,
        metavar="DIR",
        help="directory of the dataset (default: %(default)s)",
    )
    parser.add_argument("--to", choices=KINDS, required=True, help="format to write")
    parser.add_argument(
        "--output",
        type=local_path,
        required=True,
        metavar="DIR",
        help="directory to write, outside of the dataset's; an earlier export there is replaced",
    )
    args = parser.parse(argv)
    return run(lambda: _export(args))


def _export(args: argparse.Namespace) -> int:
    pairs = sum(split.pairs for split in load_manifest(args.data).splits.values())
    with tqdm(total=pairs, unit=" pairs", leave=False, disable=None, file=sys.stderr) as bar:
        manifest = export_dataset(args.data, args.to, args.output, bar.update)
    say(
        f"{counted(pairs, 'pair')} of {counted(len(manifest.people), 'person', 'people')} are in "
        f"{args.output}, for {args.to}."
    )
    return 0
