"""Audio-visual person identification: features of media, models of people, evaluation, reports.

Names below are imported on first use, so that `import facevoice` needs no TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facevoice.evaluation.inference import predict, read_threshold
    from facevoice.evaluation.runs import open_run
    from facevoice.features import FeatureSettings, read_face, read_window, spectrogram
    from models import build_model
    from tfdata import Manifest, ReadOptions, load, load_manifest
    from tfdata.errors import FaceVoiceError

_MODULES = {
    "FaceVoiceError": "tfdata.errors",
    "FeatureSettings": "facevoice.features",
    "Manifest": "tfdata",
    "ReadOptions": "tfdata",
    "build_model": "models",
    "load": "tfdata",
    "load_manifest": "tfdata",
    "open_run": "facevoice.evaluation.runs",
    "predict": "facevoice.evaluation.inference",
    "read_face": "facevoice.features",
    "read_threshold": "facevoice.evaluation.inference",
    "read_window": "facevoice.features",
    "spectrogram": "facevoice.features",
}

__all__ = [
    "FaceVoiceError",
    "FeatureSettings",
    "Manifest",
    "ReadOptions",
    "build_model",
    "load",
    "load_manifest",
    "open_run",
    "predict",
    "read_face",
    "read_threshold",
    "read_window",
    "spectrogram",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
