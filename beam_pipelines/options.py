"""The validated command line of the build."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from beam_pipelines.beam_flags import check_beam_flags, split_at_bare_dashes
from beam_pipelines.flags import build_parser
from beam_pipelines.planning.settings import PlanSettings
from facevoice.features import FeatureSettings
from facevoice.features.settings import FRAMES_PER_SECOND
from tfdata.command_line import OWN_DATA, SAMPLE_DATA, Parser
from tfdata.storage.base import Address, Place


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
    parser = build_parser(prog)
    before_dashes, remote_flags = split_at_bare_dashes(argv)
    found, rest = parser.parse_known_args(before_dashes)
    beam_flags = (*check_beam_flags(rest, parser), *remote_flags)
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


def _settings(found: argparse.Namespace, settings: type) -> Any:
    names = [field.name for field in dataclasses.fields(settings)]
    return settings(**{name: getattr(found, name) for name in names})
