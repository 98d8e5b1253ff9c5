"""A product of experts: a face and a voice model, trained separately, whose logits are added.

If face and voice are independent given the person, Bayes' rule makes P(person | face, voice)
proportional to P(person | face) P(person | voice) / P(person). With equally likely people, that is
the product of the experts' probabilities (Hinton, 2002), or the sum of their logits. One Dense
layer without bias over the concatenated embeddings computes that sum. An embedding of zeros adds
nothing to it, so the other expert decides alone if one input is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from models.encoders import Tensor
from models.heads import EMBEDDING, LOGIT_SCALE, PERSON, probabilities
from models.residual import (
    DROPOUT,
    UNITS,
    WIDTHS,
    residual_audio_encoder,
    residual_image_encoder,
)


@keras.saving.register_keras_serializable("facevoice")
class Evidence(layers.Layer):
    """Scales the experts' unit vectors by their logit weights and concatenates them.

    Weights, [2] each, for face and voice:
      alone: used if the other input is missing.
      together: used if both inputs are present.

    `facevoice.training.expert_fusion` fits them on the validation split. They are not trained by
    gradients: both experts are nearly always right on their training examples.

    A missing input is all zeros. No valid input is: a build rejects black faces, every spectrogram
    has a maximum of 255, and embeddings have the norm 1.
    """

    def build(self, input_shape: Any) -> None:
        for name in ("alone", "together"):
            weight = self.add_weight(
                shape=(2,),
                initializer=keras.initializers.Constant(LOGIT_SCALE),
                trainable=False,
                dtype="float32",
                name=name,
            )
            setattr(self, name, weight)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Returns the weighted vectors, [batch, face units + voice units].

        Args:
          inputs: face vectors, voice vectors, and the inputs that they were computed from, such as
            images and spectrograms.
        """
        face, voice, *sources = inputs
        has_face, has_voice = (
            ops.any(ops.not_equal(x, 0), axis=tuple(range(1, len(x.shape)))) for x in sources
        )
        both = ops.logical_and(has_face, has_voice)[:, None]
        weights = ops.cast(ops.where(both, self.together, self.alone), face.dtype)
        face = ops.where(has_face[:, None], face * weights[:, :1], 0.0)
        voice = ops.where(has_voice[:, None], voice * weights[:, 1:], 0.0)
        return ops.concatenate([face, voice], axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        face, voice, *_ = input_shape
        return (face[0], face[1] + voice[1])


def expert_kernels(fusion: keras.Model) -> tuple[Any, Any]:
    """Returns the face's and the voice's part of the last layer's kernel, each [units, classes].

    An expert's logits are its part of the embedding times its part of the kernel.

    Args:
      fusion: a model whose embedding layer is `Evidence`.
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
    """Builds the product of experts of `resnet_image` and `resnet_audio`.

    Args:
      image_shape: (height, width, 3).
      spectrogram_shape: (bands, frames, 1).
      classes: number of people.
      widths, units, dropout: of both encoders; see `residual_image_encoder`.

    Returns:
      A model from {'image': uint8 [batch, height, width, 3], 'spectrogram': uint8 [batch, bands,
      frames, 1]} to probabilities [batch, classes]. A missing input is given as zeros.

    Raises:
      ModelError: images or spectrograms are too small.
    """
    image = keras.Input(image_shape, dtype="uint8", name="image")
    spectrogram = keras.Input(spectrogram_shape, dtype="uint8", name="spectrogram")
    options: dict[str, Any] = {"widths": widths, "units": units, "dropout": dropout}
    face = residual_image_encoder(image, **options)
    voice = residual_audio_encoder(spectrogram, **options)
    x = Evidence(name=EMBEDDING)([face, voice, image, spectrogram])
    outputs = probabilities(x, classes, use_bias=False)
    return keras.Model({"image": image, "spectrogram": spectrogram}, outputs, name="resnet_fusion")
