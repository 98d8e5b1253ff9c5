"""Identifies people: `python predict.py --run runs/cnn_image --face photo.jpg`.

A model of faces needs --face, a model of voices --audio, and a model of both needs both;
resnet_fusion and embedding_fusion accept either alone. Each flag takes any number of files.
A folder alone stands for all media files below it, and - for standard input. With both flags, the
first face belongs to the first clip, and so on, and folders are not accepted. Media are
preprocessed with the feature settings of the run.

--json prints a list with one object per prediction, in the order of the files:

  face, audio  paths as given; null for a medium that was not given
  answer       identity of the most probable person; null for an unknown person or after an error
  known        false for an unknown person; null after an error
  people       the --top most probable people: [{"name": identity, "probability": 0 to 1}, ...]
  error        why a file cannot be used; null without an error

A person is unknown if no probability is above the threshold in RUN/threshold.json, which
'evaluate.py --unknown' sets. Without this file, everyone is taken for a known person.
The exit code is 1 if a file cannot be used. No prediction is made for it or for the file paired
with it; all others are predicted.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from facevoice.commands.answer_flags import add_answer_flags, check_pairs
from facevoice.commands.encoder_flags import add_own_encoder_flags
from facevoice.commands.model_flag import add_model_flag, use_models
from facevoice.evaluation.query_files import STDIN, files_below, saved_stdin
from facevoice.features.clips import MAX_SECONDS
from facevoice.features.file_types import AUDIO_SUFFIXES, IMAGE_SUFFIXES
from facevoice.features.native_output import without_native_stderr
from tfdata.command_line import Parser, fail, run, say
from tfdata.flag_types import local_path
from tfdata.text import agree, listed, readable

if TYPE_CHECKING:  # imports TensorFlow, which takes seconds
    from facevoice.evaluation.inference import Prediction, Query
    from facevoice.evaluation.runs import Run

FLAGS = {"image": ("--face",), "audio": ("--audio",), "pair": ("--face", "--audio")}


def main(argv: Sequence[str] | None = None, prog: str = "predict.py") -> int:
    """Runs the command; returns its exit code."""
    parser = _parser(prog)
    args = parser.parse(argv)
    if not args.face and not args.audio:
        parser.error("no files are given; use --face, --audio, or both.")
    if args.start_seconds is not None and not args.audio:
        parser.error("--start_seconds needs --audio.")
    paths = [*(args.face or ()), *(args.audio or ())]
    if paths.count(STDIN) > 1:
        parser.error("- (standard input) is given more than once; it has one file.")
    check_pairs(parser, args.face, args.audio)
    # Before TensorFlow is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return run(lambda: _predict(args, parser), needs_training_packages="prediction")


def _parser(prog: str) -> Parser:
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument(
        "--run", type=local_path, required=True, metavar="DIR", help="directory of a finished run"
    )
    add_model_flag(parser)
    parser.add_argument(
        "--face",
        type=_file,
        nargs="+",
        action="extend",
        metavar="FILE",
        help="face images, a folder of them, or - for standard input",
    )
    parser.add_argument(
        "--audio",
        type=_file,
        nargs="+",
        action="extend",
        metavar="FILE",
        help="clips, a folder of them, or - for standard input; probabilities are averaged over up "
        "to 20 windows of each",
    )
    add_own_encoder_flags(parser)
    parser.add_argument(
        "--start_seconds",
        type=_seconds,
        metavar="S",
        help="use only the window of each clip that starts here, in seconds (default: the whole "
        "clip)",
    )
    add_answer_flags(parser)
    return parser


def _predict(args: argparse.Namespace, parser: Parser) -> int:
    from facevoice.evaluation.inference import predict, read_threshold
    from facevoice.evaluation.runs import open_run

    use_models(args.model)
    run = open_run(args.run, {"image": args.face_encoder, "audio": args.voice_encoder})
    _check_media(args, parser, run)
    run.media_encoders()  # fails before the first file
    if warning := run.revision_warning():
        say(warning, file=sys.stderr)
    _expand_folders(args)
    threshold = read_threshold(run)
    predictions = []
    with saved_stdin([*(args.face or ()), *(args.audio or ())]) as stdin:
        for query in _queries(args):
            with without_native_stderr():
                prediction = predict(run, _with_stdin(query, stdin), threshold, args.top)
            error = prediction.error
            if error and stdin:
                error = error.replace(stdin, "The file from standard input", 1)
            prediction = replace(prediction, face=query.face, audio=query.audio, error=error)
            predictions.append(prediction)
            if error:
                fail(error)
            elif not args.json:
                say(*_lines(prediction, threshold, run))
    if args.json:
        print(json.dumps([asdict(prediction) for prediction in predictions], indent=1))
    elif threshold is None and any(prediction.people for prediction in predictions):
        say(
            f"Note: no threshold is set, so unknown people are not detected; 'python evaluate.py "
            f"--run {args.run} --unknown DIR' sets one."
        )
    return int(any(prediction.error for prediction in predictions))


def _check_media(args: argparse.Namespace, parser: Parser, run: Run) -> None:
    """Exits with an error unless the given media are those that the model needs."""
    needed = FLAGS[run.modality]
    given = tuple(flag for flag in ("--face", "--audio") if getattr(args, flag[2:]))
    if given == needed or run.accepts_missing:
        return
    only, hint = ("", "; resnet_fusion accepts either alone") if len(needed) > 1 else ("only ", "")
    parser.error(
        f"the model {run.model} needs {only}{listed(needed)}, but {listed(given)} "
        f"{agree(len(given), 'was', 'were')} given{hint}."
    )


def _queries(args: argparse.Namespace) -> Iterator[Query]:
    from facevoice.evaluation.inference import Query

    faces: list[str] = args.face or []
    clips: list[str] = args.audio or []
    for face, audio in itertools.zip_longest(faces, clips):
        yield Query(face, audio, args.start_seconds)


def _expand_folders(args: argparse.Namespace) -> None:
    """Replaces a folder that is alone by its files, and prints how many other files it has."""
    for flag, suffixes in (("face", IMAGE_SUFFIXES), ("audio", AUDIO_SUFFIXES)):
        paths: list[str] = getattr(args, flag) or []
        if len(paths) == 1 and Path(paths[0]).is_dir():
            files, note = files_below(f"--{flag}", paths[0], suffixes)
            setattr(args, flag, files)
            if note:
                say(note, file=sys.stderr)


def _with_stdin(query: Query, stdin: str | None) -> Query:
    """Returns a query with the file of standard input in place of `-`."""
    return replace(
        query,
        face=stdin if query.face == STDIN else query.face,
        audio=stdin if query.audio == STDIN else query.audio,
    )


def _lines(prediction: Prediction, threshold: float | None, run: Run) -> list[str]:
    """Returns the files, the predicted person, and the most probable people, as lines."""
    files = listed([file for file in (prediction.face, prediction.audio) if file is not None])
    if run.accepts_missing and None in (prediction.face, prediction.audio):
        files += " (voice only)" if prediction.face is None else " (face only)"
    if prediction.answer is not None:
        answer = readable(prediction.answer)
    else:
        answer = f"unknown (no probability above {threshold:.3f})"
    people = (f"  {each.probability:6.1%}  {readable(each.name)}" for each in prediction.people)
    return [f"{files}: {answer}", *people]


def _file(text: str) -> str:
    """Parses the path of a local file; returns it as given."""
    local_path(text)
    return text


def _seconds(text: str) -> float:
    """Parses a position in a clip, in seconds."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"is {text!r}; use a number from 0 to {MAX_SECONDS}")
    return value
