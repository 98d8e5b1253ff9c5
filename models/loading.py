"""Loads models and weights from untrusted files."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import keras

from models.encoders import ModelError

# Match Keras' errors about layers of unknown classes, and about files that contain code; the advice
# of the latter is to turn safe mode off.
_MISSING_CODE = re.compile(r"Could not locate (class|function) ")
_SAFE_MODE_ERROR = re.compile(r"safe_mode|unsafe|arbitrary code", re.IGNORECASE)


class MissingCodeError(ModelError):
    """Raised if a model has layers whose code is not imported."""


def load_model(path: Path, *, compile: bool = False) -> keras.Model:
    """Loads a model in safe mode: code in the file is not run.

    Raises:
      MissingCodeError: the model has layers of code that is not imported.
      ModelError: the file is not a regular file, is not a Keras archive, is damaged or contains
        code. The message is a clause whose subject is the file.
    """
    if not path.is_file():
        raise ModelError("it is not a regular file")
    if not zipfile.is_zipfile(path):
        raise ModelError("it is not a Keras archive")
    try:
        return keras.models.load_model(path, compile=compile, safe_mode=True)
    # Damaged archives raise BadZipFile, KeyError, OSError, RecursionError, TypeError and others.
    except Exception as error:
        if _MISSING_CODE.search(str(error)):
            raise MissingCodeError("it has layers of code that is not imported") from None
        raise ModelError(_reason(error)) from None


def load_weights(model: keras.Model, path: Path) -> None:
    """Loads weights into a model of the same architecture.

    Raises:
      ModelError: see `load_model`.
    """
    if not path.is_file():
        raise ModelError("it is not a regular file")
    try:
        model.load_weights(path)
    except Exception as error:
        raise ModelError(_reason(error)) from None


def _reason(error: Exception) -> str:
    if _SAFE_MODE_ERROR.search(str(error)):
        return (
            "it contains code, such as a Lambda layer, which is not loaded; only models that "
            "train.py wrote can be used"
        )
    return "it is damaged, or was not written by train.py"
