"""Exports a run with its preprocessing: `facevoice export --run RUN --format tflite`.

The graph takes a photograph of any size as uint8 RGB and a clip as float32 samples, crops, resizes,
and computes spectrograms as a build does, and returns the probability of each person. It needs no
code of this project:

  savedmodel  TensorFlow (tf.saved_model.load, TensorFlow Serving); also takes image files and WAV
              files as bytes, by its signature `encoded`
  tflite      LiteRT, on phones and elsewhere, with built-in operations only
  onnx        ONNX Runtime; needs the extra [onnx]
  keras       Keras, to train further: takes faces of the model's size and windows of sound

Written to --output: the graph, `export.json` (inputs, outputs, labels, threshold, settings,
licences), and the face detector and the face encoder of the dataset, if it has them. The graph is
opened again and compared with the build and the model; if they differ too much, nothing is written.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from facevoice.commands.model_flag import add_model_flag, use_models
from tfdata.command_line import Parser, run, say
from tfdata.flag_types import local_path
from tfdata.text import counted

KINDS = ("savedmodel", "tflite", "onnx", "keras")


def main(argv: Sequence[str] | None = None, prog: str = "facevoice export") -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument(
        "--run", type=local_path, required=True, metavar="DIR", help="directory of a finished run"
    )
    add_model_flag(parser)
    parser.add_argument("--format", choices=KINDS, required=True, help="format of the graph")
    parser.add_argument(
        "--output",
        type=local_path,
        metavar="DIR",
        help="directory to write; an earlier export there is replaced (default: RUN/export-FORMAT)",
    )
    parser.add_argument(
        "--media",
        type=local_path,
        nargs="+",
        action="extend",
        default=[],
        metavar="PATH",
        help="face images and clips, or folders of them, to compare graph and build on (default: "
        "ten drawn faces and ten synthesised voices)",
    )
    args = parser.parse(argv)
    # Before TensorFlow is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return run(lambda: _export(args), needs_training_packages="export")


def _export(args: argparse.Namespace) -> int:
    from facevoice.export.exporting import export_run

    use_models(args.model)
    folder, check = export_run(args.run, args.format, args.output, args.media)
    facts = check.to_json()
    within = facts["probabilities"]["within_0.01"]
    unusable = f" ({counted(check.unusable, 'file')} cannot be used)" if check.unusable else ""
    say(
        f"The export is in {folder}.",
        f"Compared with the build on {check.media}{unusable}: "
        f"{counted(check.queries, 'query', 'queries')}, the same person in {check.same_top_1}, "
        f"{within:.1%} of the probabilities within 0.01.",
    )
    return 0
