"""The command line of the build: our flags, Beam's flags, and nothing misspelt.

Beam's own parser accepts abbreviations and ignores what it does not know. Here every flag is
either ours, or one that an installed Beam option class defines, or stands behind a bare `--`:
options that only a remote job server knows (Flink's `--checkpointing_interval`, say).
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
from tfdata.command_line import (
    OWN_DATA,
    SAMPLE_DATA,
    Parser,
    fraction,
    local_path,
    non_negative_float,
    path_or_address,
    whole_number,
)
from tfdata.storage.base import Address, Place

_ABOUT = """Build a data set of paired faces and voices.

Without --faces and --audio a small sample corpus is made (once) and built from. Every Apache Beam
pipeline option can be given too; behind a bare -- stand options that only a remote runner knows:
  python -m beam_pipelines.build --runner FlinkRunner ... -- --checkpointing_interval=60000
"""


@dataclass(frozen=True)
class Arguments:
    """A checked command line. `faces`, `audio` None: the sample corpus is meant."""

    faces: Place | None
    audio: Place | None
    meta: Path | None
    split_file: Path | None
    output: Place
    dry_run: bool
    strict: bool
    max_reject_fraction: float
    keep_replaced_hours: float
    features: FeatureSettings
    plan: PlanSettings
    runner: str
    preflight_seconds: int
    beam_flags: tuple[str, ...]


def parse(argv: Sequence[str], prog: str = "python -m beam_pipelines.build") -> Arguments:
    """Parses and checks a command line; what is wrong with it ends the program with a sentence."""
    parser = Parser(prog=prog, description=_ABOUT)
    corpus = parser.add_argument_group("corpus and data set")
    corpus.add_argument(
        "--faces",
        type=tree,
        metavar="DIR",
        help="one folder of images a person; a folder, or an address such as s3://bucket/faces",
    )
    corpus.add_argument(
        "--audio", type=tree, metavar="DIR", help="one folder of clips a person, likewise"
    )
    corpus.add_argument(
        "--meta", type=local_path, metavar="CSV", help="vox1_meta.csv (default: equal folder names)"
    )
    corpus.add_argument(
        "--output",
        type=place,
        metavar="DIR",
        help=f"a folder, or an address such as s3://bucket/set "
        f"(default: {OWN_DATA}; of the sample: {SAMPLE_DATA})",
    )
    corpus.add_argument(
        "--dry_run", action="store_true", help="say what would be built, and decode nothing"
    )
    corpus.add_argument(
        "--strict", action="store_true", help="fail if broken media leave anyone short of pairs"
    )
    corpus.add_argument(
        "--max_reject_fraction",
        type=fraction,
        default=0.5,
        metavar="X",
        help="fail if more than this share of the examined media is rejected "
        "(default: %(default)s)",
    )
    corpus.add_argument(
        "--keep_replaced_hours",
        type=non_negative_float,
        default=48.0,
        metavar="X",
        help="keep shards of earlier builds until they have been replaced and unread for this many "
        "hours, for programs that still read them; 0 removes them at once (default: %(default)g)",
    )
    corpus.add_argument("--runner", default="DirectRunner", help="Beam runner (%(default)s)")
    corpus.add_argument(
        "--preflight_seconds",
        type=whole_number,
        default=180,
        metavar="N",
        help="how long a worker of a Flink or Spark cluster may take to answer a question before "
        "the build; 0 asks none (default: %(default)s)",
    )
    selection = parser.add_argument_group("selection, split, shards")
    selection.add_argument(
        "--split_file",
        type=local_path,
        metavar="FILE",
        help="a split of your own: lines of '<1|2|3> id/video/clip', as VoxCeleb's iden_split.txt",
    )
    _add_settings(selection, PlanSettings)
    _add_settings(parser.add_argument_group("faces and spectrograms"), FeatureSettings)

    ours, beyond = _split_at_bare_dashes(argv)
    found, rest = parser.parse_known_args(ours)
    beam_flags = _check_beam_flags(rest, parser)
    if (found.faces is None) != (found.audio is None):
        parser.error("only one of --faces and --audio is given; give both, or neither.")
    if found.meta and not found.faces:
        parser.error("--meta is given without a corpus; give --faces and --audio too.")
    try:
        features, plan = _settings(found, FeatureSettings), _settings(found, PlanSettings)
    except ValueError as error:
        parser.error(str(error))
    plan = _with_split_file(plan, found.split_file, parser)
    return Arguments(
        faces=_with_flags(found.faces, (*beam_flags, *beyond)),
        audio=_with_flags(found.audio, (*beam_flags, *beyond)),
        meta=found.meta,
        split_file=found.split_file,
        dry_run=found.dry_run,
        strict=found.strict,
        max_reject_fraction=found.max_reject_fraction,
        keep_replaced_hours=found.keep_replaced_hours,
        output=_with_flags(found.output, (*beam_flags, *beyond))
        or (OWN_DATA if found.faces else SAMPLE_DATA),
        features=features,
        plan=plan,
        runner=found.runner,
        preflight_seconds=found.preflight_seconds,
        beam_flags=(*beam_flags, *beyond),
    )


def place(text: str) -> Place:
    """A path on this machine's disks, or an address that Beam knows."""
    path_or_address(text)
    if "://" not in text:
        return Path(text)
    url = text.rstrip("/")
    if not re.fullmatch(r"[A-Za-z][\w+.-]*://[^/*?[\]#][^*?[\]#]*", url):
        raise argparse.ArgumentTypeError(
            f"is {text}; an address is like s3://bucket/folder, without any of *?[]#"
        )
    return Address(url)


def tree(text: str) -> Place:
    """A path on disks, or an address that media can be read from."""
    path_or_address(text)
    if "://" in text and not text.startswith("s3://"):
        raise argparse.ArgumentTypeError(
            f"is {text}; media are read from disks and from s3://, so mount it or copy them"
        )
    return place(text)


def _with_flags(output: Place | None, beam_flags: tuple[str, ...]) -> Place | None:
    """Beam's flags, such as --s3_endpoint_url, may say how an address is reached."""
    return Address(output.url, beam_flags) if isinstance(output, Address) else output


def _with_split_file(plan: PlanSettings, split_file: Path | None, parser: Parser) -> PlanSettings:
    """A split file is a way to split, and leaves no room for another."""
    usual = PlanSettings()
    if split_file is None:
        if plan.split_by == "file":
            parser.error("--split_by file needs a --split_file.")
        return plan
    if plan.split_by not in (usual.split_by, "file"):
        parser.error(
            f"--split_file and --split_by {plan.split_by} contradict each other; drop one."
        )
    if plan.split_fractions != usual.split_fractions:
        parser.error("--split_file has its own shares; drop --split_fractions.")
    return dataclasses.replace(plan, split_by="file")


def _add_settings(group: argparse._ArgumentGroup, settings: type) -> None:
    """A flag for each field of a settings dataclass."""
    for field in dataclasses.fields(settings):
        text = field.metadata["help"]
        if field.default not in (None, ()):
            shown = field.default
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
    words = list(argv)
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def _check_beam_flags(rest: list[str], ours: Parser) -> list[str]:
    """Refuses what neither we nor any Beam option class knows."""
    beams = beams_parser()
    _, unknown = beams.parse_known_args(rest)
    if unknown:
        ours.refuse(
            unknown[0],
            also_known=beams._option_string_actions,
            hint=" An option that only a remote runner knows goes behind a bare --.",
        )
    return rest


def beams_parser() -> Parser:
    """Knows the options of all Beam option classes."""
    beams = Parser(add_help=False, conflict_handler="resolve")
    for options in sorted(_subclasses(PipelineOptions), key=lambda cls: cls.__name__):
        options._add_argparse_args(beams)
    return beams


def _subclasses(cls: type) -> set[Any]:
    below: list[Any] = cls.__subclasses__()
    return {*below}.union(*(_subclasses(sub) for sub in below))
