"""Parses the command line of the build: its own flags and the pipeline options of Beam.

Beam's parser accepts abbreviations and ignores unknown flags. Here every flag is a flag of the
build, an option of an installed Beam option class, or follows a bare `--`: options that only a
remote job server knows, such as Flink's `--checkpointing_interval`.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from beam_pipelines.planning.settings import PlanSettings
from facevoice.features import FeatureSettings
from facevoice.features.settings import FRAMES_PER_SECOND
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


@dataclass(frozen=True)
class Arguments:
    """A validated command line.

    `faces` and `audio` are None for the sample corpus and for videos alone, and `face_detector` is
    None where the corpus decides; until then, that of `features` is 'none'.
    """

    faces: Place | None
    audio: Place | None
    videos: Place | None
    meta: Place | None
    split_file: Place | None
    output: Place
    dry_run: bool
    strict: bool
    max_reject_fraction: float
    keep_replaced_hours: float
    settle_seconds: float
    card_audio: bool
    features: FeatureSettings
    face_detector: str | None
    plan: PlanSettings
    runner: str
    preflight_seconds: int
    progress_seconds: float
    beam_flags: tuple[str, ...]

    @property
    def is_sample_corpus(self) -> bool:
        return self.faces is None and self.videos is None


def parse(argv: Sequence[str], prog: str = "python -m beam_pipelines.build") -> Arguments:
    """Parses a command line; exits with a one-line error if an argument is invalid."""
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
    parser.set_defaults(face_detector=None, pairing=None)  # depend on the corpus

    before_dashes, remote_flags = _split_at_bare_dashes(argv)
    found, rest = parser.parse_known_args(before_dashes)
    beam_flags = (*_check_beam_flags(rest, parser), *remote_flags)
    if (found.faces is None) != (found.audio is None):
        parser.error("only one of --faces and --audio is given; give both or neither.")
    if found.meta and not found.faces:
        parser.error("--meta is given without a corpus; give --faces and --audio too.")
    _apply_video_defaults(found, parser)
    face_detector = found.face_detector
    found.face_detector = face_detector or "none"
    try:
        features, plan = _settings(found, FeatureSettings), _settings(found, PlanSettings)
    except ValueError as error:
        parser.error(re.sub(r"`(\w+)`", r"--\1", str(error)))  # `field` -> --field
    plan = _with_split_file(plan, found.split_file, parser)
    return Arguments(
        faces=_with_flags(found.faces, beam_flags),
        audio=_with_flags(found.audio, beam_flags),
        videos=_with_flags(found.videos, beam_flags),
        meta=_with_flags(found.meta, beam_flags),
        split_file=_with_flags(found.split_file, beam_flags),
        dry_run=found.dry_run,
        strict=found.strict,
        max_reject_fraction=found.max_reject_fraction,
        keep_replaced_hours=found.keep_replaced_hours,
        settle_seconds=found.settle_seconds,
        card_audio=not found.no_card_audio,
        output=_with_flags(found.output, beam_flags)
        or (OWN_DATA if found.faces or found.videos else SAMPLE_DATA),
        features=features,
        face_detector=face_detector,
        plan=plan,
        runner=found.runner,
        preflight_seconds=found.preflight_seconds,
        progress_seconds=found.progress_seconds,
        beam_flags=beam_flags,
    )


def _apply_video_defaults(found: argparse.Namespace, parser: Parser) -> None:
    """Sets the flags whose defaults depend on --videos; refuses those that contradict it."""
    if not found.videos:
        if found.frames_per_second is not None:
            parser.error("--frames_per_second has no effect without --videos; remove it.")
        if found.pairing == "moment":
            parser.error("--pairing moment pairs the frames and the sound of --videos; give it.")
        found.pairing = found.pairing or PlanSettings.pairing
        return
    if found.pairing not in (None, "moment"):
        parser.error(
            f"--pairing is {found.pairing}, but --videos are paired by moments; remove --pairing."
        )
    if found.trim_silence_db is not None:
        parser.error(
            "--trim_silence_db would move the sound of --videos away from the frames; remove it."
        )
    found.pairing = "moment"
    if found.frames_per_second is None:
        found.frames_per_second = FRAMES_PER_SECOND


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


def _with_flags(place: Place | None, beam_flags: tuple[str, ...]) -> Place | None:
    """Adds Beam's flags to a URL; some, such as --s3_endpoint_url, configure its file system."""
    return Address(place.url, beam_flags) if isinstance(place, Address) else place


def _with_split_file(plan: PlanSettings, split_file: Place | None, parser: Parser) -> PlanSettings:
    """Sets `split_by` if there is a split file; refuses flags that contradict it."""
    defaults = PlanSettings()
    if split_file is None:
        if plan.split_by == "file":
            parser.error("--split_by file needs a --split_file.")
        return plan
    if plan.split_by not in (defaults.split_by, "file"):
        parser.error(
            f"--split_file and --split_by {plan.split_by} contradict each other; remove one."
        )
    if plan.split_fractions != defaults.split_fractions:
        parser.error("--split_file determines the splits; remove --split_fractions.")
    return dataclasses.replace(plan, split_by="file")


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


def _settings(found: argparse.Namespace, settings: type) -> Any:
    names = [field.name for field in dataclasses.fields(settings)]
    return settings(**{name: getattr(found, name) for name in names})


def _split_at_bare_dashes(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    arguments = list(argv)
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def _check_beam_flags(flags: list[str], parser: Parser) -> list[str]:
    """Returns the flags; exits if no Beam option class defines one of them."""
    beam = beam_parser()
    _, unknown = beam.parse_known_args(flags)
    if unknown:
        parser.refuse(
            unknown[0],
            also_known=beam._option_string_actions,
            hint=" Put an option that only a remote runner knows after a bare --.",
        )
    return flags


def beam_parser() -> Parser:
    """Returns a parser of the options of all Beam option classes."""
    parser = Parser(add_help=False, conflict_handler="resolve")
    for options in sorted(_subclasses(PipelineOptions), key=lambda cls: cls.__name__):
        options._add_argparse_args(parser)
    return parser


def _subclasses(cls: type) -> set[Any]:
    direct: list[Any] = cls.__subclasses__()
    return {*direct}.union(*(_subclasses(each) for each in direct))
