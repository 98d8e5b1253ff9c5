"""Validation accuracy of a residual model with cross-entropy and with a margin loss.

    python benchmarks/margin_loss.py DATASET --model resnet_image --output build/margin.jsonl

Trains the model with each loss and seed by its recipe, and prints how many validation pairs are
right after the best epoch, and the cross-entropy. A margin, of the cosine as in
`models.margin_loss` or of the angle, needs class weights of norm 1. To tell its effect from theirs,
they are also trained without a margin. Losses scale the logits differently, so the cross-entropy is
that at the best temperature. Results in --output are not measured again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

import facevoice.training.fit as training
import tfdata
from facevoice.training.recipes import OURS, Execution, Recipe
from models import EMBEDDING, MODELS
from models.encoders import Tensor
from models.heads import LOGIT_SCALE, PERSON, probabilities


@keras.saving.register_keras_serializable("benchmarks")
class AngularMarginLoss(keras.losses.Loss):
    """Cross-entropy after adding a margin to the angle of the true person.

    Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019. Where the
    sum exceeds pi, its cosine would rise again; the cosine minus margin * sin(margin) takes its
    place, as in the authors' code.
    """

    def __init__(self, margin: float, label_smoothing: float, **options: Any) -> None:
        super().__init__(**options)
        self.margin, self.label_smoothing = margin, label_smoothing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns the loss [batch].

        Args:
          y_true: one-hot labels [batch, classes].
          y_pred: LOGIT_SCALE times the cosines [batch, classes].
        """
        cosine = ops.clip(y_pred / LOGIT_SCALE, -1, 1)
        # At a cosine of 1 or -1 the gradient of the root would be infinite.
        sine = ops.sqrt(ops.maximum(1 - cosine**2, 1e-7))
        sum_cosine = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        within_pi = cosine > -math.cos(self.margin)
        shifted = ops.where(within_pi, sum_cosine, cosine - self.margin * math.sin(self.margin))
        logits = LOGIT_SCALE * ops.where(y_true > 0, shifted, cosine)
        targets = y_true * (1 - self.label_smoothing) + self.label_smoothing / y_true.shape[-1]
        return ops.categorical_crossentropy(targets, logits, from_logits=True)

    def get_config(self) -> dict[str, Any]:
        own = {"margin": self.margin, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **own}


@dataclass(frozen=True)
class Variant:
    """A loss with its class weights.

    Attributes:
      margin: of the cosine, or of the angle in radians.
      unit_norm: whether class weights have norm 1.
      angular: whether the margin is that of the angle. The model then ends with logits, because
        angles cannot be computed from probabilities.
    """

    margin: float = 0.0
    unit_norm: bool = True
    angular: bool = False

    def build(self, ours: Callable[..., keras.Model], *shapes_and_classes: Any) -> keras.Model:
        """Builds `ours`, a builder of `models`, with the output that the loss needs."""
        model = ours(*shapes_and_classes)
        if not self.unit_norm:
            return model
        x = model.get_layer(EMBEDDING).output
        outputs = probabilities(x, shapes_and_classes[-1], use_bias=False, unit_norm=True)
        model = keras.Model(model.input, outputs, name=model.name)
        if self.angular:
            model.get_layer(PERSON).activation = keras.activations.linear
        return model


VARIANTS = {
    "cross-entropy": Variant(unit_norm=False),
    "unit norm, no margin": Variant(),
    "margin 0.1": Variant(0.1),
    "margin 0.2": Variant(0.2),
    "angular margin 0.2": Variant(0.2, angular=True),
    "angular margin 0.5": Variant(0.5, angular=True),
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
        "--losses", nargs="+", default=list(VARIANTS), choices=VARIANTS, help="losses (all)"
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


def train(dataset: Path, model: str, name: str, seed: int, epochs: int) -> Trained:
    """Trains a model; returns its result after the epoch with the lowest validation loss."""
    variant, recipe, spec = VARIANTS[name], OURS[model], MODELS[model]
    assert isinstance(recipe, Recipe)
    margin = 0.0 if variant.angular else variant.margin
    recipe = replace(recipe, epochs=epochs, margin=margin, seed=seed)
    loss = training._loss(recipe)
    if variant.angular:
        loss = AngularMarginLoss(variant.margin, recipe.label_smoothing)
    manifest = tfdata.load_manifest(dataset)
    keras.backend.clear_session()
    MODELS["margin_benchmark"] = replace(spec, build=partial(variant.build, spec.build))
    with (
        mock.patch.object(training, "_loss", return_value=loss),
        tempfile.TemporaryDirectory() as run_dir,
    ):
        trained = training.fit(
            "margin_benchmark", dataset, manifest, recipe, Execution(), Path(run_dir)
        )
    batches = tfdata.load(dataset, "validation", spec.reads, manifest=manifest)
    labels = np.concatenate([label.numpy() for _, label in batches])
    outputs = trained.model.predict(batches, verbose=0)
    logits = outputs if variant.angular else np.log(np.maximum(outputs, 1e-30))
    right = int((outputs.argmax(axis=1) == labels).sum())
    entropy = best_cross_entropy(logits, labels)
    return Trained(model, name, seed, epochs, trained.best_epoch, right, len(labels), entropy)


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
