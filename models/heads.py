"""Heads: the embedding and the softmax layer that end every model."""

from __future__ import annotations

from keras import constraints, layers, regularizers

from models.encoders import Tensor

# Name of the layer whose output is the embedding: the input of the last Dense layer, before
# dropout. Every registered model has it.
EMBEDDING = "embedding"
PERSON = "person"  # name of the last layer
# Logit scale: the norm of the residual models' embeddings. At 1 the softmax cannot saturate.
LOGIT_SCALE = 16.0


def projection(x: Tensor, units: int, *, l2: float, name: str) -> Tensor:
    """Applies a Dense layer with relu: [batch, any] to [batch, units].

    An `l2` of 0 means no weight decay.
    """
    return layers.Dense(
        units,
        activation="relu",
        kernel_initializer="he_normal",
        kernel_regularizer=regularizers.L2(l2) if l2 else None,
        name=name,
    )(x)


def classifier(x: Tensor, classes: int, *, units: int, l2: float, dropout: float) -> Tensor:
    """Applies a Dense embedding with relu, dropout and the softmax layer.

    Args:
      x: [batch, any].
      classes: number of people.
      units: width of the embedding.
      l2: weight decay of the embedding's kernel.
      dropout: dropout rate after the embedding.

    Returns:
      Probabilities, float32 [batch, classes].
    """
    x = projection(x, units, l2=l2, name=EMBEDDING)
    return probabilities(layers.Dropout(dropout, name="dropout")(x), classes)


def unit_norm_classifier(x: Tensor, classes: int) -> Tensor:
    """Applies the logit scale and the softmax layer to unit vectors.

    Features are normalised and scaled as in NormFace (Wang et al., 2017); the class weights are not
    normalised. There is no bias, so that an embedding of zeros favours no class.

    Args:
      x: [batch, units], of L2 norm 1.
      classes: number of people.

    Returns:
      Probabilities, float32 [batch, classes].
    """
    x = layers.Rescaling(LOGIT_SCALE, name=EMBEDDING)(x)
    return probabilities(x, classes, use_bias=False)


def probabilities(
    x: Tensor, classes: int, *, l2: float = 0.0, use_bias: bool = True, unit_norm: bool = False
) -> Tensor:
    """Applies the softmax layer: [batch, any] to probabilities, float32 [batch, classes].

    It computes in float32 under any dtype policy: half precision loses small probabilities.

    Args:
      x: [batch, any].
      classes: number of people.
      l2: weight decay of the kernel.
      use_bias: whether there is a bias.
      unit_norm: whether each training step gives the weights of each class the L2 norm 1.
    """
    return layers.Dense(
        classes,
        activation="softmax",
        use_bias=use_bias,
        kernel_regularizer=regularizers.L2(l2) if l2 else None,
        kernel_constraint=constraints.UnitNorm(axis=0) if unit_norm else None,
        dtype="float32",
        name=PERSON,
    )(x)
