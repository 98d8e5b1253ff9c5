"""Settings of a run: what its results depend on, and how two runs differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from facevoice import plugins
from facevoice.inspection.examples import feature_settings
from facevoice.run_layout import SETTINGS_NAME
from facevoice.training.dataset import TrainingData
from facevoice.training.recipes import Execution
from tfdata.storage.files import read_json, replace_file
from tfdata.text import listed

# Packages whose versions can change the results of a run. FaceVoice is not among them: a release
# must not prevent runs from resuming.
RECORDED_PACKAGES = ("keras", "numpy", "tensorflow")
EPOCHS = "epochs"
CODE = "code"  # digests of the code of other packages, by name
DATASET = frozenset({"manifest_sha256", "preprocessing_revision"})
_LOCATIONS = ("data", "service")  # results do not depend on them
# Of settings that runs of earlier releases do not record.
_DEFAULTS = {"preprocessing_revision": 1, "margin": 0.0}
_MOST_NAMED = 6

Differences = Mapping[str, tuple[Any, Any]]


def run_settings(
    model: str, data: TrainingData, recipe: Mapping[str, Any], execution: Execution
) -> dict[str, Any]:
    """Returns the contents of `settings.json`: everything that the results of a run depend on.

    Raises:
      DatasetError: the feature settings of the dataset are invalid.
    """
    feature_settings(data.manifest)
    recipes = recipe["experts"].values() if "experts" in recipe else [recipe]
    names = [model, *(each[name] for each in recipes for name in ("schedule", "augment"))]
    code = plugins.code_digests(names)
    return {
        "model": model,
        **({CODE: code} if code else {}),
        **recipe,
        **asdict(execution),
        "data": str(data.data_dir.absolute()),
        "manifest_sha256": data.manifest_sha256,
        "preprocessing_revision": data.manifest.preprocessing_revision,
        "split_by": data.manifest.plan.get("split_by"),
        "backend": keras.backend.backend(),
        "software": {name: metadata.version(name) for name in RECORDED_PACKAGES},
    }


def read_settings(run_dir: Path) -> dict[str, Any] | None:
    """Returns the settings of a run; None if there are none that can be read."""
    try:
        settings = read_json(run_dir / SETTINGS_NAME)
    except (FileNotFoundError, ValueError):
        return None
    return settings if isinstance(settings, dict) else None


def write_settings(run_dir: Path, settings: Mapping[str, Any]) -> None:
    """Writes the settings of a run."""
    text = json.dumps(settings, indent=1) + "\n"
    replace_file(run_dir / SETTINGS_NAME, text.encode())


def differences(saved: Mapping[str, Any], settings: Mapping[str, Any]) -> Differences:
    """Returns name to value of both, of the settings that differ and that results depend on.

    Args:
      saved: settings of a run of any release.
      settings: of `run_settings`.
    """
    now = _flat(settings)
    before = {name: _DEFAULTS.get(name.rpartition(".")[2]) for name in now} | _flat(saved)
    return {
        name: (before[name], value)
        for name, value in now.items()
        if name not in _LOCATIONS and before[name] != value
    }


def describe(changed: Differences) -> str:
    """Returns the settings that differ as a clause: "epochs 50 instead of 25"."""
    clauses = [_clause(name, *values) for name, values in changed.items()]
    if len(clauses) > _MOST_NAMED:
        clauses[_MOST_NAMED - 1 :] = [f"{len(clauses) - _MOST_NAMED + 1} other settings"]
    return listed(clauses)


def _clause(name: str, before: Any, now: Any) -> str:
    if name == "manifest_sha256":
        return "another dataset"
    if name.startswith(f"{CODE}."):
        return f"other code of {name.removeprefix(f'{CODE}.')}"
    return f"{name} {now} instead of {before}"


def is_software(changed: Differences) -> bool:
    """Returns whether only versions of packages differ."""
    return changed.keys() <= set(RECORDED_PACKAGES)


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings with those of groups named 'experts.resnet_image.epochs' or 'keras'."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            prefix = "" if name == "software" else f"{name}."
            flat |= {f"{prefix}{key}": each for key, each in _flat(value).items()}
        else:
            flat[name] = value
    return flat
