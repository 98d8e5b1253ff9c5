"""Trains a model: `python train.py --model cnn_image`; `--model all` trains and compares all.

Without --data it takes data/dataset, where the build puts a corpus of yours, or else data/sample,
which it builds from the sample corpus when it is not there. A run that was stopped or killed goes
on from what was kept last when the same command is given again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from facevoice.training.recipes import OURS, STUDY, Execution
from tfdata.command_line import (
    OWN_DATA,
    SAMPLE_DATA,
    Parser,
    fail,
    local_path,
    path_or_address,
    positive_float,
    positive_int,
    run,
    seed,
)
from tfdata.errors import DatasetError
from tfdata.local_copy import local_copy
from tfdata.options import ADDRESS
from tfdata.rebuilds import is_rebuilt
from tfdata.schema import MANIFEST_NAME, SPLITS, Manifest, load_manifest
from tfdata.storage.files import check_no_links, replace_file

if TYPE_CHECKING:  # it imports TensorFlow, which takes seconds
    from facevoice.training.trainer import Session

ALL = "all"
BASELINE = "linear_image"  # what 'all' leaves out


def main(argv: Sequence[str] | None = None, prog: str = "train.py") -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument("--model", required=True, help="a name such as cnn_image, or 'all'")
    parser.add_argument(
        "--data",
        type=path_or_address,
        metavar="DIR",
        help="a data set's folder, or its address (s3://...)",
    )
    parser.add_argument("--output", type=local_path, metavar="DIR", help="default: runs/MODEL")
    parser.add_argument(
        "--recipe",
        choices=("ours", "study"),
        default="ours",
        help="how to train where the flags below do not say (%(default)s)",
    )
    parser.add_argument("--epochs", type=positive_int, help="at most")
    parser.add_argument("--batch_size", type=positive_int)
    parser.add_argument("--learning_rate", type=positive_float)
    parser.add_argument(
        "--patience", type=positive_int, help="epochs without a better one before it stops"
    )
    parser.add_argument("--seed", type=seed, default=0, help="of weights and order (%(default)s)")
    parser.add_argument(
        "--mixed_precision", action="store_true", help="float16 where it is safe, for GPUs"
    )
    parser.add_argument("--jit_compile", action="store_true", help="compile the step with XLA")
    parser.add_argument(
        "--strategy",
        choices=("none", "mirrored"),
        default="none",
        help="'mirrored': a copy of the model on each GPU (%(default)s)",
    )
    parser.add_argument(
        "--service",
        type=_service_address,
        metavar="ADDRESS",
        help="a tf.data service that reads for it, grpc://host:5000",
    )
    found = parser.parse(argv)
    return run(
        lambda: _train(found, parser),
        needs_training_packages="training",
        interrupted="Stopped; the same command resumes from the last checkpoint.",
    )


def _train(found: argparse.Namespace, parser: Parser) -> int:
    recipes = STUDY if found.recipe == "study" else OURS
    if found.model not in {*OURS, ALL}:
        parser.error(f"--model is {found.model!r}; there are {', '.join([*OURS, ALL])}.")
    if found.model not in {*recipes, ALL}:
        parser.error(f"--recipe {found.recipe} has no {found.model}; it has {', '.join(recipes)}.")
    data_dir = local_copy(found.data) if found.data else _default_data()
    manifest = load_manifest(data_dir)  # before the seconds that importing TensorFlow takes
    _check_splits(data_dir, manifest)

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from facevoice.training.trainer import Session
    from tfdata.recovery import first_damage

    given = {
        name: getattr(found, name)
        for name in ("epochs", "batch_size", "learning_rate", "patience", "seed")
        if getattr(found, name) is not None
    }
    execution = Execution(found.mixed_precision, found.jit_compile, found.strategy, found.service)
    session = Session(data_dir, manifest, recipes, given, execution)
    try:
        if found.model == ALL:
            run_dir = _train_all(session, found.output or Path("runs") / ALL)
        else:
            run_dir = session.train(found.model, found.output)
            print(_result(run_dir))
            print(f"The report is {run_dir / 'report.html'}.")
        if is_rebuilt(data_dir, manifest):
            print(
                f"Note: {data_dir} was rebuilt during the training; this run used the dataset as "
                f"it was at the start, see {run_dir / MANIFEST_NAME}."
            )
    except tf.errors.OpError as error:  # a damaged record, a full disk under TensorBoard's logs
        of_data = (
            tf.errors.DataLossError,
            tf.errors.InvalidArgumentError,
            tf.errors.NotFoundError,
        )
        damage = first_damage(data_dir, manifest) if isinstance(error, of_data) else None
        return fail(str(damage or f"TensorFlow stopped: {_cause(error.message)}."))
    return 0


def _train_all(session: Session, folder: Path) -> Path:
    """Trains all models, one after the other, and compares them; finished ones are kept.

    Returns the folder of the last run.
    """
    from facevoice.reports.comparison import comparison_page, comparison_text
    from facevoice.training.errors import TrainingError
    from facevoice.training.run_dir import read_metrics

    try:
        check_no_links(folder)
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {error.strerror}.") from None
    models = [model for model in session.recipes if model != BASELINE]
    for model in models:
        print(_result(session.train_once(model, folder / model)), flush=True)
    results = {model: read_metrics(folder / model) for model in models}
    page = comparison_page(results, session.manifest.leakage["test"])
    replace_file(folder / "report.html", page.encode())
    print(comparison_text(results))
    print(f"The comparison is {folder / 'report.html'}.")
    return folder / models[-1]


def _result(run_dir: Path) -> str:
    from facevoice.training.run_dir import read_metrics

    metrics = read_metrics(run_dir)
    test = metrics["test"]
    return (
        f"Test accuracy of {metrics['model']}: {test['accuracy']:.1%} ({test['correct']} of "
        f"{test['pairs']}, 95 % interval {test['low']:.1%} to {test['high']:.1%}); chance is "
        f"{metrics['chance']:.1%}."
    )


def _service_address(text: str) -> str:
    path_or_address(text)
    if not ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no address; use one as grpc://host:5000")
    return text


def _cause(message: str) -> str:
    """The line of TensorFlow's page that says why."""
    lines = [line.strip() for line in message.splitlines()]
    told = [line for line in lines if line and "derived error" not in line and "{{" not in line]
    return (told or lines)[-1].rstrip(".")


def _default_data() -> Path:
    """The user's data set, or else the sample, which is built when it is missing."""
    if (OWN_DATA / MANIFEST_NAME).is_file():
        return OWN_DATA
    if not (SAMPLE_DATA / MANIFEST_NAME).is_file():
        # Beam and TensorFlow each want a process of their own.
        command = [sys.executable, "-m", "beam_pipelines.build"]
        if subprocess.run(command, check=False).returncode:
            raise DatasetError("The sample data set could not be built; its error stands above.")
    return SAMPLE_DATA


def _check_splits(data_dir: Path, manifest: Manifest) -> None:
    """Refuses what cannot be trained on: an empty split, or people whom training never meets."""
    if empty := [name for name in SPLITS if not manifest.splits[name].pairs]:
        raise DatasetError(
            f"{data_dir} has no {' and no '.join(empty)} pairs, and training needs all three "
            f"splits; build it with --split_fractions 80,10,10 from people with three videos or "
            f"more."
        )
    if len(manifest.people) < 2:
        raise DatasetError(
            f"{data_dir} has one person, of whom there is nothing to learn; build it from more."
        )
    if strangers := [who for who, person in manifest.people.items() if not person.pairs["train"]]:
        raise DatasetError(
            f"{data_dir} has {len(strangers)} people without a training pair, {strangers[0]} for "
            f"one, whom no model could learn to know; leave them out with --exclude when building."
        )
