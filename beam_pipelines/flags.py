"""The flags of the build, without those of Beam."""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path

from beam_pipelines.planning.settings import PlanSettings
from facevoice.features import FeatureSettings
from tfdata.command_line import OWN_DATA, SAMPLE_DATA, Parser
from tfdata.flag_types import (
    fraction,
    non_negative_float,
    non_negative_int,
    path_or_address,
    positive_float,
)
from tfdata.storage.base import Address, Place

CORPUS_SCHEMES = ("s3", "gs", "hdfs")
_DESCRIPTION = """Builds a dataset of paired face images and spectrograms.

Without --faces and --audio, or --videos, a small sample corpus is created once and used. All
pipeline options of Apache Beam are accepted. Options that only a remote runner knows follow a
bare --:
  python -m beam_pipelines.build --runner FlinkRunner ... -- --checkpointing_interval=60000
"""


def build_parser(prog: str) -> Parser:
    """Returns a parser of the flags.

    The settings of features and of planning have a flag for each field. `face_detector` and
    `pairing` are None where they are not given: their defaults depend on the corpus.
    """
    parser = Parser(prog=prog, description=_DESCRIPTION)
    corpus = parser.add_argument_group("corpus and dataset")
    corpus.add_argument(
        "--faces",
        type=tree,
        metavar="DIR",
        help="directory or URL (s3://, gs://, hdfs://) with one subdirectory of images per person "
        "(default: the sample corpus)",
    )
    corpus.add_argument(
        "--audio",
        type=tree,
        metavar="DIR",
        help="directory or URL (s3://, gs://, hdfs://) with one subdirectory of clips per person "
        "(default: the sample corpus)",
    )
    corpus.add_argument(
        "--videos",
        type=tree,
        metavar="DIR",
        help="directory or URL with one subdirectory of videos per person: MP4, MOV, MKV or WebM, "
        "whose frames and sound are paired by moments; alone or with --faces and --audio "
        "(default: none)",
    )
    corpus.add_argument(
        "--meta",
        type=tree,
        metavar="CSV",
        help="metadata file, or its URL, that maps ids to names, such as vox1_meta.csv "
        "(default: match subdirectories of equal names)",
    )
    corpus.add_argument(
        "--output",
        type=place,
        metavar="DIR",
        help=f"directory or URL of the dataset, such as s3://bucket/set "
        f"(default: {OWN_DATA}; for the sample corpus: {SAMPLE_DATA})",
    )
    corpus.add_argument("--dry_run", action="store_true", help="print the plan and write nothing")
    corpus.add_argument(
        "--strict",
        action="store_true",
        help="fail if pairs are missing because media are broken",
    )
    corpus.add_argument(
        "--max_reject_fraction",
        type=fraction,
        default=0.5,
        metavar="X",
        help="fail if more than this fraction of the examined images, clips, videos or moments of "
        "videos is rejected, 0 to 1 (default: %(default)s)",
    )
    corpus.add_argument(
        "--keep_replaced_hours",
        type=non_negative_float,
        default=48.0,
        metavar="X",
        help="hours to keep a shard of an earlier build after it was replaced or last read, for "
        "programs that still read it; 0 removes it at once (default: %(default)g)",
    )
    corpus.add_argument(
        "--settle_seconds",
        type=non_negative_float,
        default=0.0,
        metavar="S",
        help="leave media that changed within the last S seconds for the next build, as they may "
        "still be copied; 0 uses all media (default: %(default)g)",
    )
    corpus.add_argument(
        "--no_card_audio",
        action="store_true",
        help="leave the voices of its examples, about 20 KB each, out of card.html",
    )
    corpus.add_argument(
        "--runner", default="DirectRunner", help="Beam runner (default: %(default)s)"
    )
    corpus.add_argument(
        "--preflight_seconds",
        type=non_negative_int,
        default=180,
        metavar="N",
        help="seconds to wait for the check of a Flink or Spark worker before the build; 0 skips "
        "the check (default: %(default)s)",
    )
    corpus.add_argument(
        "--progress_seconds",
        type=positive_float,
        default=15.0,
        metavar="S",
        help="seconds between lines of progress where the output is no terminal "
        "(default: %(default)g)",
    )
    selection = parser.add_argument_group("selection, splits, shards")
    selection.add_argument(
        "--split_file",
        type=tree,
        metavar="FILE",
        help="file of splits, or its URL, with lines '<1|2|3> id/video/clip' as in VoxCeleb's "
        "iden_split.txt (default: none)",
    )
    _add_settings(selection, PlanSettings)
    _add_settings(parser.add_argument_group("face images and spectrograms"), FeatureSettings)
    parser.set_defaults(face_detector=None, pairing=None)
    return parser


def place(text: str) -> Place:
    """Parses a local path or a URL of a Beam file system."""
    path_or_address(text)
    if "://" not in text:
        return Path(text)
    url = text.rstrip("/")
    if not re.fullmatch(r"[A-Za-z][\w+.-]*://[^/*?[\]#][^*?[\]#]*", url):
        raise argparse.ArgumentTypeError(
            f"is {text}; a URL is like s3://bucket/folder, without any of *?[]#"
        )
    return Address(url)


def tree(text: str) -> Place:
    """Parses a local path or a URL that media and tables can be read from."""
    path_or_address(text)
    if "://" in text and text.partition("://")[0] not in CORPUS_SCHEMES:
        raise argparse.ArgumentTypeError(
            f"is {text}; a corpus is read from disks, s3://, gs:// and hdfs://, so mount it or "
            f"copy it"
        )
    return place(text)


def _add_settings(group: argparse._ArgumentGroup, settings: type) -> None:
    """Adds a flag for each field of a settings dataclass."""
    for field in dataclasses.fields(settings):
        text = field.metadata["help"]
        if field.default not in (None, ()):
            shown = field.metadata["shown"] or field.default
            if isinstance(shown, tuple):
                shown = ",".join(f"{value:g}" for value in shown)
            text += f" (default: {shown})"
        group.add_argument(
            f"--{field.name}",
            type=field.metadata["parse"],
            default=field.default,
            help=text.replace("%", "%%"),
            metavar="X",
        )
