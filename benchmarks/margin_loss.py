"""Validation accuracy of a residual model with cross-entropy and with a margin loss.

    python benchmarks/margin_loss.py DATASET --model resnet_image --output build/margin.jsonl

Trains the model with each loss and seed by its recipe, and prints how many validation pairs are
right after the best epoch, and the cross-entropy. The additive margin of `models.margin_loss` needs
class weights of norm 1. To tell its effect from theirs, they are also trained without a margin.
Losses scale the logits differently, so the cross-entropy is that at the best temperature. Results
in --output are not measured again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

import tfdata
from facevoice.training.fit import fit
from facevoice.training.recipes import OURS, Execution, Recipe
from models import EMBEDDING, MODELS
from models.heads import probabilities

CROSS_ENTROPY = "cross-entropy"
# Name of the loss to its margin, and to whether class weights have norm 1.
LOSSES = {
    CROSS_ENTROPY: (0.0, False),
    "unit norm, no margin": (0.0, True),
    "margin 0.1": (0.1, True),
    "margin 0.2": (0.2, True),
}


@dataclass(frozen=True)
class Trained:
    """Result of one training, on the validation split."""

    model: str
    loss: str
    seed: int
    epochs: int
    best_epoch: int
    right: int
    pairs: int
    cross_entropy: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path, help="directory of the dataset")
    parser.add_argument(
        "--model",
        choices=["resnet_image", "resnet_audio"],
        required=True,
        help="model to train with each loss",
    )
    parser.add_argument("--output", type=Path, required=True, help="file of results (JSON lines)")
    parser.add_argument("--epochs", type=int, default=60, help="of each training (default: 60)")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    parser.add_argument(
        "--losses", nargs="+", default=list(LOSSES), choices=LOSSES, help="losses (all)"
    )
    args = parser.parse_args()
    args.output.touch()
    lines = args.output.read_text().splitlines()
    found = [Trained(**json.loads(line)) for line in lines]
    done = {(each.model, each.loss, each.seed) for each in found}
    for seed, loss in itertools.product(range(args.seeds), args.losses):
        if (args.model, loss, seed) not in done:
            found.append(train(args.dataset, args.model, loss, seed, args.epochs))
            with args.output.open("a") as file:
                print(json.dumps(asdict(found[-1])), file=file)
    print(table(found))


def train(dataset: Path, model: str, loss: str, seed: int, epochs: int) -> Trained:
    """Trains a model; returns its result after the epoch with the lowest validation loss."""
    margin, unit_norm = LOSSES[loss]
    recipe, spec = OURS[model], MODELS[model]
    assert isinstance(recipe, Recipe)
    recipe = replace(recipe, epochs=epochs, margin=margin, seed=seed)
    manifest = tfdata.load_manifest(dataset)
    build = with_unit_norm(spec.build) if unit_norm else spec.build
    keras.backend.clear_session()
    MODELS["margin_benchmark"] = replace(spec, build=build)
    with tempfile.TemporaryDirectory() as run_dir:
        trained = fit("margin_benchmark", dataset, manifest, recipe, Execution(), Path(run_dir))
    batches = tfdata.load(dataset, "validation", spec.reads, manifest=manifest)
    labels = np.concatenate([label.numpy() for _, label in batches])
    outputs = trained.model.predict(batches, verbose=0)
    right = int((outputs.argmax(axis=1) == labels).sum())
    entropy = best_cross_entropy(np.log(np.maximum(outputs, 1e-30)), labels)
    return Trained(model, loss, seed, epochs, trained.best_epoch, right, len(labels), entropy)


def with_unit_norm(build: Callable[..., keras.Model]) -> Callable[..., keras.Model]:
    """Returns a builder of the same model, the class weights of which have norm 1."""

    def unit_norm_model(*shapes_and_classes: Any) -> keras.Model:
        model = build(*shapes_and_classes)
        embedding = model.get_layer(EMBEDDING).output
        outputs = probabilities(embedding, shapes_and_classes[-1], use_bias=False, unit_norm=True)
        return keras.Model(model.input, outputs, name=model.name)

    return unit_norm_model


def best_cross_entropy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Returns the mean cross-entropy of logits, divided by the temperature that minimises it."""

    def cross_entropy(log_scale: float) -> float:
        scaled = log_softmax(np.exp(log_scale) * logits, axis=1)
        return float(-scaled[np.arange(len(labels)), labels].mean())

    return float(minimize_scalar(cross_entropy, bounds=(-3, 3)).fun)


def table(results: list[Trained]) -> str:
    """Formats the sums over seeds; brackets hold the figures of each seed."""
    lines = ["| model | loss | right | cross-entropy, mean |", "|---|---|---|---|"]
    for model, loss in dict.fromkeys((each.model, each.loss) for each in results):
        of_seeds = [each for each in results if (each.model, each.loss) == (model, loss)]
        right = sum(each.right for each in of_seeds)
        pairs = sum(each.pairs for each in of_seeds)
        rights = ", ".join(str(each.right) for each in of_seeds)
        entropies = ", ".join(f"{each.cross_entropy:.3f}" for each in of_seeds)
        mean = np.mean([each.cross_entropy for each in of_seeds])
        lines.append(
            f"| {model} | {loss} | {right} of {pairs} ({rights}) | {mean:.3f} ({entropies}) |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
