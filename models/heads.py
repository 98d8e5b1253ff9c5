"""From vectors to an answer: the Dense layers that end every model."""

from __future__ import annotations

from keras import layers, regularizers

from models.encoders import Tensor

# The layer whose output is what a model knows about its input: what the last Dense sees, before
# dropout. Every registered model has it.
EMBEDDING = "embedding"
PERSON = "person"  # the last layer
# Of the embeddings of unit vectors: with 1, no softmax could be sure of anybody.
EMBEDDING_LENGTH = 16.0


def projection(x: Tensor, units: int, *, l2: float, name: str) -> Tensor:
    """A Dense layer with relu: [batch, any] to [batch, units]; an `l2` of 0 is no weight decay."""
    return layers.Dense(
        units,
        activation="relu",
        kernel_initializer="he_normal",
        kernel_regularizer=regularizers.L2(l2) if l2 else None,
        name=name,
    )(x)


def classifier(x: Tensor, classes: int, *, units: int, l2: float, dropout: float) -> Tensor:
    """Embedding, dropout, answer.

    Args:
      x: [batch, any].
      classes: people to tell apart.
      units: width of the embedding.
      l2: weight decay of the embedding's kernel.
      dropout: share of the embedding that training drops.

    Returns:
      Probabilities, float32 [batch, classes].
    """
    x = projection(x, units, l2=l2, name=EMBEDDING)
    return probabilities(layers.Dropout(dropout, name="dropout")(x), classes)


def unit_classifier(unit: Tensor, classes: int) -> Tensor:
    """Embedding and answer where the person is a direction.

    Features are normalised and scaled as in NormFace (Wang et al., 2017), the people's vectors are
    free.

    Args:
      unit: [batch, units], each of length 1.
      classes: people to tell apart.

    Returns:
      Probabilities, float32 [batch, classes]; without a bias, so that nothing (a vector of zeros)
      speaks for nobody.
    """
    x = layers.Rescaling(EMBEDDING_LENGTH, name=EMBEDDING)(unit)
    return probabilities(x, classes, use_bias=False)


def probabilities(x: Tensor, classes: int, *, l2: float = 0.0, use_bias: bool = True) -> Tensor:
    """The last Dense layer: float32 under any policy, since half precision loses small ones."""
    return layers.Dense(
        classes,
        activation="softmax",
        use_bias=use_bias,
        kernel_regularizer=regularizers.L2(l2) if l2 else None,
        dtype="float32",
        name=PERSON,
    )(x)
