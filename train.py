"""Trains a model: `python train.py --model cnn_image`.

Without --data it takes data/dataset, where the build puts a corpus of yours, or else data/sample,
which it builds from the sample corpus when it is not there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from command_line import OWN_DATA, SAMPLE_DATA, Parser, positive_float, positive_int, seed
from tfdata.schema import MANIFEST_NAME, DatasetError, load_manifest


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog="train.py", description=__doc__)
    parser.add_argument("--model", required=True, help="a name such as cnn_image")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a data set's folder")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: runs/MODEL")
    parser.add_argument("--epochs", type=positive_int, default=40, help="at most (%(default)s)")
    parser.add_argument("--batch_size", type=positive_int, help="default: the model's own")
    parser.add_argument("--learning_rate", type=positive_float, help="default: the model's own")
    parser.add_argument(
        "--patience",
        type=positive_int,
        default=6,
        help="epochs without a better validation loss before it stops (%(default)s)",
    )
    parser.add_argument("--seed", type=seed, default=0, help="of weights and order (%(default)s)")
    found = parser.parse(argv)
    try:
        return _train(found, parser)
    except (DatasetError, OSError) as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        return _fail(
            f"{error.name} is missing; training needs 'make setup', or pip install -e '.[train]'."
        )
    except KeyboardInterrupt:
        print("Stopped; this run is not finished.", file=sys.stderr)
        return 130


def _train(found: argparse.Namespace, parser: Parser) -> int:
    data_dir = found.data or _default_data()
    manifest = load_manifest(data_dir)  # before the seconds that importing TensorFlow takes

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from models import MODELS, ModelError
    from training.fit import Recipe, TrainingError, fit
    from training.run_folder import new_run_dir, write_run

    if found.model not in MODELS:
        parser.error(f"--model is {found.model!r}; there are {', '.join(MODELS)}.")
    recipe = Recipe(
        model=found.model,
        epochs=found.epochs,
        batch_size=found.batch_size or MODELS[found.model].batch_size,
        learning_rate=found.learning_rate or MODELS[found.model].learning_rate,
        patience=found.patience,
        seed=found.seed,
    )
    _check_splits(data_dir, {name: split.pairs for name, split in manifest.splits.items()})
    try:
        run_dir = new_run_dir(found.output, recipe.model)
        print(
            f"Training {recipe.model} on {data_dir}: {len(manifest.people)} people, "
            f"{manifest.splits['train'].pairs} pairs.",
            flush=True,
        )
        fitted = fit(data_dir, manifest, recipe, run_dir)
        test = write_run(run_dir, data_dir, manifest, recipe, fitted)
    except (ModelError, TrainingError) as error:
        return _fail(str(error))
    except tf.errors.DataLossError as error:
        return _fail(
            f"A shard of {data_dir} is damaged ({error.message.splitlines()[0]}); copy the data "
            f"set again, or build it again."
        )
    except tf.errors.OpError as error:  # a full disk under TensorBoard's logs, say
        return _fail(f"TensorFlow stopped: {error.message.splitlines()[0]}.")
    print(
        f"Test accuracy of {recipe.model}: {test.accuracy:.1%} ({test.correct} of {test.pairs}, "
        f"95 % interval {test.low:.1%} to {test.high:.1%}); chance is "
        f"{1 / len(manifest.people):.1%}."
    )
    print(f"The report is {run_dir / 'report.html'}.")
    return 0


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


def _check_splits(data_dir: Path, pairs: dict[str, int]) -> None:
    if empty := [name for name, count in pairs.items() if not count]:
        raise DatasetError(
            f"{data_dir} has no {' and no '.join(empty)} pairs, and training needs all three "
            f"splits; build it with --split_fractions 80,10,10 from people with three videos or "
            f"more."
        )


def _fail(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
