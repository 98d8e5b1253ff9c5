"""Keras functional models, from input shapes and a number of classes.

Imports keras alone, so that any of its backends can train them.
"""

from models.encoders import ModelError
from models.registry import MODELS, Inputs, build_model

__all__ = ["MODELS", "Inputs", "ModelError", "build_model"]
