"""The fusion of two experts who were trained apart: the product of what they say.

If, for each person, the face tells nothing about the voice, then by Bayes' rule
P(person | face, voice) is proportional to P(person | face) P(person | voice) / P(person): with
people equally likely, experts are to be multiplied (Hinton, 2002). Their logits add up, so one
Dense layer over both embeddings side by side is the product, and an expert without evidence, a
vector of zeros, leaves the answer to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from models.encoders import Tensor
from models.heads import EMBEDDING, EMBEDDING_LENGTH, PERSON, probabilities
from models.residual import (
    DROPOUT,
    UNITS,
    WIDTHS,
    residual_audio_encoder,
    residual_image_encoder,
)


@keras.saving.register_keras_serializable("facevoice")
class Evidence(layers.Layer):
    """Sets unit vectors side by side, each as long as its evidence weighs.

    Weights (not trained by gradients, since on examples that the encoders have learnt by heart
    every expert looks infallible; see `facevoice.training.expert_fusion`):
      alone: [2], of face and voice, where the other is missing.
      together: [2], where both are there.

    An input is missing where it is all zeros: no face that a build lets through is black, and
    every spectrogram has a 255.
    """

    def build(self, input_shape: Any) -> None:
        for name in ("alone", "together"):
            weight = self.add_weight(
                shape=(2,),
                initializer=keras.initializers.Constant(EMBEDDING_LENGTH),
                trainable=False,
                dtype="float32",
                name=name,
            )
            setattr(self, name, weight)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """From [face, voice, image, spectrogram] to [batch, units of the face + of the voice]."""
        face, voice, *sources = inputs
        seen, heard = (ops.any(ops.not_equal(x, 0), axis=(1, 2, 3)) for x in sources)
        both = ops.logical_and(seen, heard)[:, None]
        weights = ops.cast(ops.where(both, self.together, self.alone), face.dtype)
        face = ops.where(seen[:, None], face * weights[:, :1], 0.0)
        voice = ops.where(heard[:, None], voice * weights[:, 1:], 0.0)
        return ops.concatenate([face, voice], axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        face, voice, *_ = input_shape
        return (face[0], face[1] + voice[1])


def expert_kernels(fusion: keras.Model) -> tuple[Any, Any]:
    """The last layer's kernel of the face and that of the voice, each [units, classes].

    Of a model whose embedding is `Evidence`: an embedding's half times its kernel are the logits
    that the expert adds.
    """
    kernel = fusion.get_layer(PERSON).get_weights()[0]
    units = fusion.get_layer(EMBEDDING).input[0].shape[-1]
    return kernel[:units], kernel[units:]


def resnet_fusion(
    image_shape: tuple[int, int, int],
    spectrogram_shape: tuple[int, int, int],
    classes: int,
    *,
    widths: Sequence[int] = WIDTHS,
    units: int = UNITS,
    dropout: float = DROPOUT,
) -> keras.Model:
    """The encoders of `resnet_image` and `resnet_audio`, and the product of their answers.

    Args:
      image_shape: (height, width, 3).
      spectrogram_shape: (bands, frames, 1).
      classes: people to tell apart.
      widths, units, dropout: see `residual_image_encoder`; of both encoders.

    Returns:
      A model from {'image': uint8 [batch, height, width, 3], 'spectrogram': uint8 [batch, bands,
      frames, 1]} to probabilities [batch, classes]. One of the two may be all zeros: missing.

    Raises:
      ModelError: images or spectrograms are too small.
    """
    image = keras.Input(image_shape, dtype="uint8", name="image")
    spectrogram = keras.Input(spectrogram_shape, dtype="uint8", name="spectrogram")
    sizes: dict[str, Any] = {"widths": widths, "units": units, "dropout": dropout}
    face = residual_image_encoder(image, **sizes)
    voice = residual_audio_encoder(spectrogram, **sizes)
    both = Evidence(name=EMBEDDING)([face, voice, image, spectrogram])
    outputs = probabilities(both, classes, use_bias=False)
    return keras.Model({"image": image, "spectrogram": spectrogram}, outputs, name="resnet_fusion")
