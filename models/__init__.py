"""Keras functional models, from input shapes and a number of classes.

Imports keras alone, so that any of its backends can train them.
"""

from models.encoders import ModelError
from models.heads import EMBEDDING, EMBEDDING_LENGTH, PERSON
from models.registry import MODELS, Inputs, ModelSpec, build_model

__all__ = [
    "EMBEDDING",
    "EMBEDDING_LENGTH",
    "MODELS",
    "PERSON",
    "Inputs",
    "ModelError",
    "ModelSpec",
    "build_model",
]
