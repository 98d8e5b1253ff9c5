"""The additive-margin softmax loss."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from models.encoders import Tensor
from models.heads import LOGIT_SCALE


@keras.saving.register_keras_serializable("facevoice")
class AdditiveMarginLoss(keras.losses.Loss):
    """Cross-entropy after subtracting a margin from the cosine of the true person.

    An example has a low loss only if its cosine exceeds those of other people by the margin (Wang
    et al., "Additive Margin Softmax for Face Verification", 2018). The model's logits are
    LOGIT_SCALE times a cosine. Its outputs are probabilities, whose logarithms differ from the
    logits by one number for all people, which does not change the loss.
    """

    def __init__(
        self,
        margin: float,
        label_smoothing: float = 0.0,
        name: str = "additive_margin_loss",
        **options: Any,
    ) -> None:
        """Creates the loss.

        Args:
          margin: of the cosine; 0 is cross-entropy.
          label_smoothing: share of each label that is spread over all classes.
          name, **options: of Keras.
        """
        super().__init__(name=name, **options)
        self.margin = margin
        self.label_smoothing = label_smoothing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns the loss [batch].

        Args:
          y_true: one-hot labels [batch, classes].
          y_pred: probabilities [batch, classes].
        """
        logits = ops.log(ops.maximum(y_pred, 1e-30)) - LOGIT_SCALE * self.margin * y_true
        targets = y_true * (1 - self.label_smoothing) + self.label_smoothing / y_true.shape[-1]
        return ops.categorical_crossentropy(targets, logits, from_logits=True)

    def get_config(self) -> dict[str, Any]:
        own = {"margin": self.margin, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **own}
