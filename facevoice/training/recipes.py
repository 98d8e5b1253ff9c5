"""Training recipes: the hyperparameters of each model, ours and those of the study."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a model.

    Attributes:
      optimizer: 'adam', 'adamw' or 'sgd'.
      learning_rate: initial learning rate.
      schedule: 'constant', or 'cosine': decays to 0 over `epochs`, after a warm-up of two epochs;
        or `package.module:name`, a function as in `facevoice.training.schedules`.
      batch_size: examples per step.
      epochs: maximum number of passes over the training split.
      min_steps: minimum number of steps; a small split gets more epochs, see `for_pairs`.
      patience: epochs without an improvement of `watch` before training stops; None never stops
        early.
      watch: 'val_loss', or 'accuracy' on the training split.
      weight_decay: of 'adamw', as a fraction of the learning rate; applies to kernels only.
      label_smoothing: share of each label that is spread over all classes.
      augment: whether examples are augmented, see `tfdata.augmentation`; or `package.module:name`,
        a function with the parameters of `tfdata.augmentation.augment`.
      seed: of weights, dropout and order.
      margin: of the true person's cosine, see `models.margin_loss`; 0 is cross-entropy.
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
    augment: bool | str = False
    seed: int = 0
    margin: float = 0.0

    def steps_per_epoch(self, pairs: int) -> int:
        """Returns the number of steps for a training split of `pairs` pairs."""
        return math.ceil(pairs / self.batch_size)

    def for_pairs(self, pairs: int) -> Recipe:
        """Returns the recipe with enough epochs for `min_steps` on a split of `pairs` pairs."""
        epochs = math.ceil(self.min_steps / self.steps_per_epoch(pairs))
        return replace(self, epochs=max(self.epochs, epochs))


@dataclass(frozen=True)
class Experts:
    """Recipe of a product of experts that are trained separately, see `expert_fusion`.

    Attributes:
      image, audio: model names of the experts.
    """

    image: str
    audio: str


@dataclass(frozen=True)
class Execution:
    """How steps are computed. Each setting can change results slightly.

    Attributes:
      mixed_precision: whether to compute in float16 where that is safe, for GPUs with tensor cores.
      jit_compile: whether to compile the training step with XLA.
      strategy: 'none', or 'mirrored': one replica of the model on each GPU of this machine.
      service: address of a tf.data service that reads the training split; None reads it locally.
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

_EMBEDDING = Recipe(
    learning_rate=1e-2, schedule="cosine", epochs=20, min_steps=300, patience=None, margin=0.2
)

# Chosen on a video-disjoint validation split; see docs/explanation/models.md.
OURS: Mapping[str, Recipe | Experts] = {
    "cnn_image": Recipe(epochs=25, min_steps=900, patience=10),
    "cnn_audio": Recipe(learning_rate=3e-4, epochs=30, min_steps=600, patience=10),
    "crnn_audio": Recipe(schedule="cosine", epochs=60, patience=None),
    "cnn_cnn": Recipe(epochs=25, min_steps=600),
    "cnn_crnn": Recipe(epochs=25, min_steps=600),
    "resnet_image": _RESIDUAL,
    "resnet_audio": _RESIDUAL,
    "resnet_fusion": Experts("resnet_image", "resnet_audio"),
    "embedding_image": _EMBEDDING,
    "embedding_audio": _EMBEDDING,
    "embedding_fusion": Experts("embedding_image", "embedding_audio"),
    "linear_image": Recipe(learning_rate=1e-4, epochs=100),
}

# The study states optimiser, batch size and early stopping. The learning rates are the defaults of
# Keras, and the maximum number of epochs is ours.
_SGD = Recipe(optimizer="sgd", learning_rate=1e-2, batch_size=64, epochs=200, patience=5)
_ADAM = Recipe(optimizer="adam", learning_rate=1e-3, batch_size=64, epochs=200, patience=5)
STUDY: Mapping[str, Recipe | Experts] = {
    "cnn_image": replace(_SGD, batch_size=32, patience=3, watch="accuracy"),
    "cnn_audio": _SGD,
    "crnn_audio": replace(_SGD, patience=15),
    "cnn_cnn": _ADAM,
    "cnn_crnn": _ADAM,
}
