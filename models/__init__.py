"""Keras functional models, built from input shapes and the number of classes.

This package imports keras only, so that any of its backends can train the models.
"""

from models.encoders import ModelError
from models.heads import EMBEDDING, LOGIT_SCALE, PERSON
from models.registry import MODELS, Inputs, ModelSpec, build_model

__all__ = [
    "EMBEDDING",
    "LOGIT_SCALE",
    "MODELS",
    "PERSON",
    "Inputs",
    "ModelError",
    "ModelSpec",
    "build_model",
]
