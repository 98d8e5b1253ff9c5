"""Flags of commands that open runs: code that a run may need."""

from __future__ import annotations

from collections.abc import Iterable

from facevoice import plugins
from tfdata.command_line import Parser


def add_model_flag(parser: Parser) -> None:
    """Adds --model."""
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME",
        help="package.module:name of the model of a run, if it has layers of your own; that module "
        "is imported, so name only code that you trust; may be repeated",
    )


def use_models(names: Iterable[str]) -> None:
    """Imports the models that the command line names.

    Raises:
      FaceVoiceError: one cannot be imported, or is no model.
    """
    from models import MODELS  # imports Keras

    for name in names:
        if name not in MODELS:
            plugins.use("model", name)
