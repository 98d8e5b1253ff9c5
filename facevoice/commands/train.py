"""Trains a model, `python train.py --model cnn_image`, or all models, `--model all`.

Without --data, the dataset data/dataset is used if it exists, otherwise data/sample, which is built
from the sample corpus if it is missing. An interrupted run resumes from its last checkpoint when
the same command is run again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from facevoice import plugins
from facevoice.commands.train_flags import ALL, BASELINE, add_train_flags
from facevoice.run_layout import RUNS
from facevoice.training.dataset import (
    check_not_moved,
    dataset_at_start,
    moved_dataset,
    open_training_data,
)
from facevoice.training.own_recipes import own_recipes, recipes_for
from facevoice.training.recipes import (
    OURS,
    STANDARD_AUGMENTATIONS,
    STUDY,
    Execution,
    Experts,
    Recipe,
)
from facevoice.training.saved_settings import SavedSettings, read_saved_settings
from facevoice.training.schedules import SCHEDULES
from tfdata.command_line import OWN_DATA, SAMPLE_DATA, Parser, fail, run, say
from tfdata.errors import DatasetError
from tfdata.local_copy import local_copy
from tfdata.manifest_reader import is_rebuilt
from tfdata.schema import MANIFEST_NAME
from tfdata.storage.files import check_no_links, replace_file
from tfdata.text import agree, listed, nearest

if TYPE_CHECKING:  # imports TensorFlow, which takes seconds
    from facevoice.training.trainer import Trainer

OVERRIDES = ("epochs", "batch_size", "learning_rate", "patience", "schedule", "seed")


def main(argv: Sequence[str] | None = None, prog: str = "train.py") -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog=prog, description=__doc__)
    add_train_flags(parser)
    args = parser.parse(argv)
    if not (args.model or args.settings):
        parser.error("--model is missing; name a model, or the --settings of a run to repeat.")
    return run(
        lambda: _train(args, parser),
        needs_training_packages="training",
        interrupted="Stopped; run the same command again to continue.",
    )


def _train(args: argparse.Namespace, parser: Parser) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    recipes = _use_named(args, parser)
    saved = _saved_settings(args, parser) if args.settings else None
    if saved:
        args.model, args.data, recipes = saved.model, args.data or saved.data, saved.recipes
    if args.model not in {*recipes, ALL}:
        parser.error(
            f"--recipe {args.recipe} has no model {args.model}; use one of {', '.join(recipes)}."
        )
    # Errors of the dataset are reported before TensorFlow is imported, which takes seconds.
    check_not_moved(args.model, args.output, args.data)
    data = open_training_data(local_copy(args.data) if args.data else _default_data())

    import tensorflow as tf

    from facevoice.training.run_settings import describe, differences
    from facevoice.training.trainer import Trainer
    from tfdata.recovery import first_damage

    overrides = {name: getattr(args, name) for name in OVERRIDES if getattr(args, name) is not None}
    if args.augmentation:
        overrides["augment"] = STANDARD_AUGMENTATIONS.get(args.augmentation, args.augmentation)
    before = saved.execution if saved else Execution()
    execution = Execution(
        args.mixed_precision or before.mixed_precision,
        args.jit_compile or before.jit_compile,
        args.strategy or before.strategy,
        args.service,
    )
    trainer = Trainer(data, recipes, overrides, execution)
    if args.model != ALL:
        trainer = _with_dataset_at_start(trainer, args.model, args.output)
        data = trainer.data
    if saved and (changed := differences(saved.content, trainer.settings(args.model))):
        say(f"Unlike {args.settings}, this run has {describe(changed)}.")
    try:
        if args.model == ALL:
            run_dir = _train_all(trainer, args.output or RUNS / ALL)
        else:
            run_dir = trainer.train(args.model, args.output)
            say(_test_accuracy(run_dir), f"The report is {run_dir / 'report.html'}.")
    except tf.errors.OpError as error:  # a damaged record, or a full disk under TensorBoard's logs
        data_errors = (
            tf.errors.DataLossError,
            tf.errors.InvalidArgumentError,
            tf.errors.NotFoundError,
        )
        damage = None
        if isinstance(error, data_errors):
            damage = first_damage(data.data_dir, data.manifest)
        return fail(str(damage or f"TensorFlow stopped: {_cause(error.message)}."))
    if is_rebuilt(data.data_dir, data.manifest):
        say(
            f"Note: {data.data_dir} was rebuilt during the training; this run used the dataset as "
            f"it was at the start, see {run_dir / MANIFEST_NAME}."
        )
    return 0


def _saved_settings(args: argparse.Namespace, parser: Parser) -> SavedSettings:
    """Returns the settings of the run to repeat; exits with an error if other flags contradict."""
    if args.recipe:
        parser.error("--recipe and --settings cannot be combined; remove one of them.")
    saved = read_saved_settings(args.settings)
    if args.model not in (None, saved.model):
        parser.error(
            f"--model is {args.model}, but --settings {args.settings} is of the model "
            f"{saved.model}; remove one of them."
        )
    if not args.data and not (Path(saved.data) / MANIFEST_NAME).is_file():
        raise moved_dataset(args.settings.parent, Path(saved.data))
    return saved


def _use_named(args: argparse.Namespace, parser: Parser) -> Mapping[str, Recipe | Experts]:
    """Imports code of other packages that the command line names; returns the recipes.

    Exits with a one-line error if a name is unknown.
    """
    _use(parser, "model", args.model, [*OURS, ALL])
    _use(parser, "schedule", args.schedule, SCHEDULES)
    _use(parser, "augmentation", args.augmentation, STANDARD_AUGMENTATIONS)
    if args.recipe == "study":
        return STUDY
    if args.recipe not in (None, "ours"):
        _check_name(parser, "recipe", args.recipe, ("ours", "study"))
        found = own_recipes(args.recipe)
        return recipes_for(args.model, found) if isinstance(found, Recipe) else found
    own = {} if args.model in (None, ALL) else {args.model: Recipe()}
    return {**own, **OURS}


def _use(parser: Parser, kind: str, name: str | None, built_in: Collection[str]) -> None:
    if name is not None and name not in built_in:
        _check_name(parser, kind, name, built_in)
        plugins.use(kind, name)


def _check_name(parser: Parser, kind: str, name: str, built_in: Collection[str]) -> None:
    """Exits with a one-line error if a name can only be a misspelt one of those built in."""
    if not plugins.is_named(kind, name):
        near = nearest(name, built_in)
        hint = f" Did you mean {near}?" if near else ""
        parser.error(
            f"--{kind} is {name!r}; use one of {', '.join(built_in)}, or your own as "
            f"package.module:name.{hint}"
        )


def _with_dataset_at_start(trainer: Trainer, model: str, output: Path | None) -> Trainer:
    """Returns the trainer with the dataset as it was when the run to resume began.

    If there is no such run, or the dataset was not rebuilt since then, this is the same trainer.
    """
    from facevoice.training.run_settings import differences, read_settings

    run_dir = output or RUNS / plugins.short_name(model)
    at_start = dataset_at_start(trainer.data, run_dir)
    if at_start is None:
        return trainer
    resumed = replace(trainer, data=at_start)
    if differences(read_settings(run_dir) or {}, resumed.settings(model)):
        return trainer
    say(
        f"{at_start.data_dir} was rebuilt since the run in {run_dir} began; it resumes with the "
        f"dataset as it was then."
    )
    return resumed


def _train_all(trainer: Trainer, output: Path) -> Path:
    """Trains all models that are not finished, and writes a comparison of all.

    Returns:
      The run directory of the last model.
    """
    from facevoice.reports.comparison import comparison_page, comparison_text
    from facevoice.training.errors import TrainingError
    from facevoice.training.run_dir import read_metrics
    from models import MODELS

    try:
        check_no_links(output)
    except OSError as error:
        raise TrainingError(f"{output} cannot be written: {error.strerror}.") from None
    models = [model for model in trainer.recipes if model != BASELINE]
    encoded = trainer.data.manifest.encoders
    without = [
        model
        for model in models
        if MODELS[model].on_embeddings
        and any(name.removesuffix("_embedding") not in encoded for name in MODELS[model].inputs)
    ]
    if without:
        say(
            f"{listed(without)} {agree(len(without), 'is', 'are')} left out, because "
            f"{trainer.data.data_dir} has no such embeddings; --face_encoder and --voice_encoder "
            f"of the build store them."
        )
    models = [model for model in models if model not in without]
    for model in models:
        say(_test_accuracy(trainer.train(model, output / model, output)))
    results = {model: read_metrics(output / model) for model in models}
    page = comparison_page(results, trainer.data.manifest.leakage["test"])
    replace_file(output / "report.html", page.encode())
    say(*comparison_text(results).split("\n"), f"The comparison is {output / 'report.html'}.")
    return output / models[-1]


def _test_accuracy(run_dir: Path) -> str:
    """Returns one line with the test accuracy of a finished run."""
    from facevoice.training.run_dir import read_metrics

    metrics = read_metrics(run_dir)
    test = metrics["test"]
    return (
        f"Test accuracy of {metrics['model']}: {test['accuracy']:.1%} ({test['correct']} of "
        f"{test['pairs']}, 95 % interval {test['low']:.1%} to {test['high']:.1%}); chance is "
        f"{metrics['chance']:.1%}."
    )


def _cause(message: str) -> str:
    """Returns the line of a TensorFlow error message that states the cause."""
    lines = [line.strip() for line in message.splitlines()]
    causes = [line for line in lines if line and "derived error" not in line and "{{" not in line]
    return (causes or lines)[-1].rstrip(".")


def _default_data() -> Path:
    """Returns the user's dataset if there is one, else the sample, which is built if missing."""
    if (OWN_DATA / MANIFEST_NAME).is_file():
        return OWN_DATA
    if not (SAMPLE_DATA / MANIFEST_NAME).is_file():
        # Beam and TensorFlow cannot share a process.
        with subprocess.Popen([sys.executable, "-m", "beam_pipelines.build"]) as build:
            try:
                build.wait()
            except KeyboardInterrupt:
                build.terminate()  # Ctrl-C reaches it as well, SIGTERM does not
                build.wait()
                raise
        if build.returncode:
            raise DatasetError("The sample dataset could not be built; see the error above.")
    return SAMPLE_DATA
