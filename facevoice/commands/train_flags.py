"""Flags of the training command."""

from __future__ import annotations

import argparse

from facevoice.training.recipes import OURS
from tfdata.command_line import OWN_DATA, SAMPLE_DATA, Parser
from tfdata.flag_types import local_path, path_or_address, positive_float, positive_int, seed
from tfdata.options import ADDRESS

ALL = "all"
BASELINE = "linear_image"  # not part of 'all'


def add_train_flags(parser: Parser) -> None:
    """Adds the flags of `train.py`."""
    parser.add_argument(
        "--model",
        metavar="NAME",
        help=f"model to train: {', '.join(OURS)}, '{ALL}' for all but {BASELINE}, or one of your "
        "own as package.module:name; models on embeddings need a dataset built with "
        f"--face_encoder and --voice_encoder, without which '{ALL}' leaves them out",
    )
    parser.add_argument(
        "--settings",
        type=local_path,
        metavar="FILE",
        help="settings.json of a run to repeat: its model, recipe and dataset; other flags replace "
        "single settings. Code of other packages that it names is imported only if --model, "
        "--schedule or --augmentation names it again",
    )
    parser.add_argument(
        "--data",
        type=path_or_address,
        metavar="DIR",
        help=f"dataset directory or URL, such as s3://bucket/set (default: {OWN_DATA} if it "
        f"exists, else {SAMPLE_DATA})",
    )
    parser.add_argument(
        "--output",
        type=local_path,
        metavar="DIR",
        help="run directory; an unfinished run in it resumes (default: runs/MODEL, or "
        "runs/MODEL-2, ... if that has a run with other settings; runs/all for all models)",
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="hyperparameters for flags that are not given: 'ours', 'study' for the study's, or "
        "your own as package.module:name (default: ours, or those of --settings)",
    )
    parser.add_argument(
        "--schedule",
        metavar="NAME",
        help="learning-rate schedule: 'constant', 'cosine', or your own as package.module:name "
        "(default: from the recipe)",
    )
    parser.add_argument(
        "--augmentation",
        metavar="NAME",
        help="augmentation of training examples: 'none', 'standard', or your own as "
        "package.module:name (default: from the recipe)",
    )
    parser.add_argument(
        "--epochs",
        type=positive_int,
        metavar="N",
        help="maximum number of epochs; a larger number than that of a run extends the run, if its "
        "learning rate is constant (default: from the recipe)",
    )
    parser.add_argument(
        "--batch_size",
        type=positive_int,
        metavar="N",
        help="examples per training step (default: from the recipe)",
    )
    parser.add_argument(
        "--learning_rate",
        type=positive_float,
        metavar="X",
        help="initial learning rate (default: from the recipe)",
    )
    parser.add_argument(
        "--patience",
        type=positive_int,
        metavar="N",
        help="epochs without improvement before training stops (default: from the recipe)",
    )
    parser.add_argument(
        "--seed",
        type=seed,
        metavar="N",
        help="random seed of weights, dropout and order (default: 0, or that of --settings)",
    )
    parser.add_argument(
        "--mixed_precision",
        action="store_true",
        help="compute in float16 where that is safe, for GPUs with tensor cores",
    )
    parser.add_argument(
        "--jit_compile", action="store_true", help="compile the training step with XLA"
    )
    parser.add_argument(
        "--strategy",
        choices=("none", "mirrored"),
        help="distribution strategy; 'mirrored' trains on all GPUs of this machine "
        "(default: none, or that of --settings)",
    )
    parser.add_argument(
        "--service",
        type=_service_address,
        metavar="ADDRESS",
        help="address of a tf.data service that reads the training split, such as "
        "grpc://host:5000 (default: read locally)",
    )


def _service_address(text: str) -> str:
    path_or_address(text)
    if not ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"is {text!r}; use an address such as grpc://host:5000")
    return text
