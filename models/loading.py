"""Loads models and weights from files that may be damaged or tampered with."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import keras

from models.encoders import ModelError

# What Keras says of a file that would run code of its author. Its advice is to allow that.
_REFUSED_BY_SAFE_MODE = re.compile(r"safe_mode|unsafe|arbitrary code", re.IGNORECASE)


def load_model(path: Path, *, compile: bool = False) -> keras.Model:
    """Loads a model without running code that the file brings along.

    Raises:
      ModelError: not a regular file, not a Keras archive, damaged, or with code in it; a clause
        that says what is wrong with the file.
    """
    if not path.is_file():
        raise ModelError("it is not a regular file")
    if not zipfile.is_zipfile(path):
        raise ModelError("it is not a Keras archive")
    try:
        return keras.models.load_model(path, compile=compile, safe_mode=True)
    # A damaged archive raises BadZipFile, KeyError, OSError, RecursionError, TypeError and more.
    except Exception as error:
        raise ModelError(_reason(error)) from None


def load_weights(model: keras.Model, path: Path) -> None:
    """Loads weights into a model of the same shape.

    Raises:
      ModelError: as `load_model` does.
    """
    if not path.is_file():
        raise ModelError("it is not a regular file")
    try:
        model.load_weights(path)
    except Exception as error:
        raise ModelError(_reason(error)) from None


def _reason(error: Exception) -> str:
    if _REFUSED_BY_SAFE_MODE.search(str(error)):
        return (
            "it contains code, such as a Lambda layer, which is not loaded; only models that "
            "train.py wrote can be used"
        )
    return "it is damaged, or was not written by train.py"
