"""How each model is trained: what was settled here, and what the study did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
      optimizer: 'adam', 'adamw' or 'sgd'.
      learning_rate: at the first step.
      schedule: 'constant', or 'cosine': down to 0 over `epochs`, after a rise over the first two.
      batch_size: examples a step.
      epochs: passes over the training split, at most.
      min_steps: where so many passes over a small split are fewer steps than this, there are more
        of them: see `for_pairs`.
      patience: epochs without a better `watch` before it stops; None goes on to the end.
      watch: 'val_loss' of unseen videos, or the training 'accuracy'.
      weight_decay: of 'adamw', as a share of the rate; kernels alone decay.
      label_smoothing: share of each answer that is spread over all people.
      augment: change each example as `tfdata.augmentation` does.
      seed: of weights, dropout and order.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    batch_size: int = 32
    epochs: int = 40
    min_steps: int = 0
    patience: int | None = 6
    watch: str = "val_loss"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    augment: bool = False
    seed: int = 0

    def steps_an_epoch(self, pairs: int) -> int:
        return math.ceil(pairs / self.batch_size)

    def for_pairs(self, pairs: int) -> Recipe:
        """The recipe with as many epochs as a training split of that size wants."""
        wanted = math.ceil(self.min_steps / self.steps_an_epoch(pairs))
        return replace(self, epochs=max(self.epochs, wanted))


@dataclass(frozen=True)
class Experts:
    """How a fusion model comes from models that are trained apart: see `expert_fusion`.

    Attributes:
      image, audio: the experts' names in the registry.
    """

    image: str
    audio: str


@dataclass(frozen=True)
class Execution:
    """How steps are computed; each of these changes the last digits of the figures.

    Attributes:
      mixed_precision: float16 where it is safe; pays on GPUs with tensor cores.
      jit_compile: compile the step with XLA.
      strategy: 'none', or 'mirrored': a copy of the model on each GPU of this machine.
      service: address of a tf.data service that reads the training split; None reads it here.
    """

    mixed_precision: bool = False
    jit_compile: bool = False
    strategy: str = "none"
    service: str | None = None


_RESIDUAL = Recipe(
    optimizer="adamw",
    learning_rate=2e-3,
    schedule="cosine",
    epochs=60,
    min_steps=1500,
    patience=None,
    weight_decay=0.05,
    label_smoothing=0.1,
    augment=True,
)

# Settled on video-disjoint validation; see docs/models.md.
OURS: Mapping[str, Recipe | Experts] = {
    "cnn_image": Recipe(epochs=25, min_steps=900, patience=10),
    "cnn_audio": Recipe(learning_rate=3e-4, epochs=30, min_steps=600, patience=10),
    "crnn_audio": Recipe(schedule="cosine", epochs=60, patience=None),
    "cnn_cnn": Recipe(epochs=25, min_steps=600),
    "cnn_crnn": Recipe(epochs=25, min_steps=600),
    "resnet_image": _RESIDUAL,
    "resnet_audio": _RESIDUAL,
    "resnet_fusion": Experts("resnet_image", "resnet_audio"),
    "linear_image": Recipe(learning_rate=1e-4, epochs=100),
}

# The study names optimiser, batch and early stopping. The rates are Keras' defaults of that
# optimiser, and the most epochs are ours: it does not say.
_SGD = Recipe(optimizer="sgd", learning_rate=1e-2, batch_size=64, epochs=200, patience=5)
_ADAM = Recipe(optimizer="adam", learning_rate=1e-3, batch_size=64, epochs=200, patience=5)
STUDY: Mapping[str, Recipe | Experts] = {
    "cnn_image": replace(_SGD, batch_size=32, patience=3, watch="accuracy"),
    "cnn_audio": _SGD,
    "crnn_audio": replace(_SGD, patience=15),
    "cnn_cnn": _ADAM,
    "cnn_crnn": _ADAM,
}
