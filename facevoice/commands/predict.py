"""Says who somebody is: `python predict.py --run runs/cnn_image --face photo.jpg`.

A model of faces takes --face, one of voices --audio, one of both takes both; resnet_fusion takes
a face alone, a voice alone, or both. Many files may be given at once; where both are, the first
face belongs to the first clip, and so on. Media are read by the functions and with the settings
that built the data set of the run.

--json writes a list with an object a question, in the order of the files:

  face, audio  the files that the answer is from, as given; null for a medium that was not given
  answer       the identity of the likeliest person; null for nobody whom the run knows
  known        false for nobody whom the run knows; null where a file cannot be used
  people       the likeliest --top people: [{"name": identity, "probability": 0 to 1}, ...]
  error        why a file cannot be used, a sentence; or null

Nobody whom the run knows is somebody whose largest probability is not above the threshold in
RUN/threshold.json, which 'evaluate.py --unknown' sets; without that file, everybody is known.
The exit code is 1 if a file cannot be used. The file that belongs to it is not asked about alone;
all others are answered.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from facevoice.features.audio import MAX_SECONDS
from tfdata.command_line import Parser, fail, local_path, positive_int, run
from tfdata.text import counted, listed, readable

if TYPE_CHECKING:  # they import TensorFlow, which takes seconds
    from facevoice.evaluation.inference import Prediction, Question
    from facevoice.evaluation.runs import Run

FLAGS = {"image": ("--face",), "audio": ("--audio",), "pair": ("--face", "--audio")}


def main(argv: Sequence[str] | None = None, prog: str = "predict.py") -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument(
        "--run", type=local_path, required=True, metavar="DIR", help="a run's folder"
    )
    parser.add_argument(
        "--face", type=_file, nargs="+", action="extend", metavar="FILE", help="photographs"
    )
    parser.add_argument(
        "--audio",
        type=_file,
        nargs="+",
        action="extend",
        metavar="FILE",
        help="clips; the answer is the mean over the windows of each, 20 of them at most",
    )
    parser.add_argument(
        "--start_seconds",
        type=_seconds,
        metavar="S",
        help="ask about the one window of each clip that begins there",
    )
    parser.add_argument(
        "--top", type=positive_int, default=5, metavar="N", help="people named (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="for programs; see above")
    found = parser.parse(argv)
    if not found.face and not found.audio:
        parser.error("there is nothing to ask about; give --face, --audio, or both.")
    if found.start_seconds is not None and not found.audio:
        parser.error("--start_seconds is of --audio; give that too.")
    if found.face and found.audio and len(found.face) != len(found.audio):
        parser.error(
            f"there are {counted(len(found.face), 'face')} and "
            f"{counted(len(found.audio), 'clip')}; give as many of one as of the other."
        )
    # Before anything imports TensorFlow.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return run(lambda: _predict(found, parser), needs_training_packages="prediction")


def _predict(found: argparse.Namespace, parser: Parser) -> int:
    from facevoice.evaluation.inference import predict, read_threshold
    from facevoice.evaluation.runs import open_run

    run = open_run(found.run)
    _check_flags(found, parser, run)
    threshold = read_threshold(run)
    predictions = []
    for question in _questions(found):
        prediction = predict(run, question, threshold, found.top)
        predictions.append(prediction)
        if prediction.error:
            fail(prediction.error)
        elif not found.json:
            print(_table(prediction, threshold, run), flush=True)
    if found.json:
        print(json.dumps([asdict(prediction) for prediction in predictions], indent=1))
    elif threshold is None and any(prediction.people for prediction in predictions):
        print(
            f"Strangers are given names, too: 'python evaluate.py --run {found.run} --unknown DIR' "
            f"sets the threshold below which a face or a voice is nobody's."
        )
    return int(any(prediction.error for prediction in predictions))


def _check_flags(found: argparse.Namespace, parser: Parser, run: Run) -> None:
    """Refuses media that the model does not read, and the lack of those that it does."""
    needed = FLAGS[run.modality]
    given = tuple(flag for flag in ("--face", "--audio") if getattr(found, flag[2:]))
    if given == needed or run.takes_halves:
        return
    alone, hint = ("", "; resnet_fusion takes either alone") if len(needed) > 1 else (" alone", "")
    parser.error(
        f"the model {run.model} needs {listed(needed)}{alone}, and was given {listed(given)}{hint}."
    )


def _questions(found: argparse.Namespace) -> Iterator[Question]:
    from facevoice.evaluation.inference import Question

    for face, audio in itertools.zip_longest(found.face or (), found.audio or ()):
        yield Question(face, audio, found.start_seconds)


def _table(prediction: Prediction, threshold: float | None, run: Run) -> str:
    """The files, the answer, and the likeliest people below, as text."""
    files = listed([file for file in (prediction.face, prediction.audio) if file is not None])
    # A name on disk need not be UTF-8, and printing must not stop at it.
    files = files.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if run.takes_halves and None in (prediction.face, prediction.audio):
        files += " (the voice alone)" if prediction.face is None else " (the face alone)"
    if prediction.answer is not None:
        answer = readable(prediction.answer)
    else:
        answer = f"nobody I know (no probability above {threshold:.3f})"
    people = (f"  {who.probability:6.1%}  {readable(who.name)}" for who in prediction.people)
    return "\n".join([f"{files}: {answer}", *people])


def _file(text: str) -> str:
    """A file on this machine's disks, as it was given."""
    local_path(text)
    return text


def _seconds(text: str) -> float:
    """A place in a clip."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"is {text!r}; use a number from 0 to {MAX_SECONDS}")
    return value
