"""Audio-visual person identification: features, training, evaluation and reports.

The public names are imported on first use, so that `import facevoice` does not import TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facevoice.api import Dataset, build, open_dataset, predict, train
    from facevoice.evaluation.inference import Query, read_threshold
    from facevoice.evaluation.runs import open_run
    from facevoice.features import FeatureSettings, read_face, read_window, spectrogram
    from facevoice.random_access import Examples, read
    from facevoice.training.recipes import Recipe
    from models import build_model
    from tfdata import Manifest, ReadOptions, load, load_manifest
    from tfdata.errors import FaceVoiceError

# Public name to the module that defines it.
_MODULES = {
    "Dataset": "facevoice.api",
    "Examples": "facevoice.random_access",
    "FaceVoiceError": "tfdata.errors",
    "FeatureSettings": "facevoice.features",
    "Manifest": "tfdata",
    "Query": "facevoice.evaluation.inference",
    "ReadOptions": "tfdata",
    "Recipe": "facevoice.training.recipes",
    "build": "facevoice.api",
    "build_model": "models",
    "load": "tfdata",
    "load_manifest": "tfdata",
    "open_dataset": "facevoice.api",
    "open_run": "facevoice.evaluation.runs",
    "predict": "facevoice.api",
    "read": "facevoice.random_access",
    "read_face": "facevoice.features",
    "read_threshold": "facevoice.evaluation.inference",
    "read_window": "facevoice.features",
    "spectrogram": "facevoice.features",
    "train": "facevoice.api",
}

# Type checkers and linters need the names as literals.
__all__ = [
    "Dataset",
    "Examples",
    "FaceVoiceError",
    "FeatureSettings",
    "Manifest",
    "Query",
    "ReadOptions",
    "Recipe",
    "build",
    "build_model",
    "load",
    "load_manifest",
    "open_dataset",
    "open_run",
    "predict",
    "read",
    "read_face",
    "read_threshold",
    "read_window",
    "spectrogram",
    "train",
]


def __getattr__(name: str) -> Any:
    """Imports a public name on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
