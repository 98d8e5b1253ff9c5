"""Reads the settings of a run, to repeat it: `train.py --settings RUN/settings.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from facevoice import plugins
from facevoice.training.errors import TrainingError
from facevoice.training.recipes import OURS, Execution, Experts, Recipe
from facevoice.training.schedules import SCHEDULES
from tfdata.fields import check_types, from_fields
from tfdata.flag_types import MAX_INT
from tfdata.storage.addresses import check_address
from tfdata.storage.files import read_json

_CHOICES = {
    "optimizer": ("adam", "adamw", "sgd"),
    "watch": ("val_loss", "accuracy"),
    "strategy": ("none", "mirrored"),
}


@dataclass(frozen=True)
class SavedSettings:
    """The settings of a run.

    Attributes:
      model: model name.
      recipes: model name to recipe, of the model and of its experts.
      execution: how steps were computed. The tf.data service is left out.
      data: directory of the dataset.
      content: the parsed file.
    """

    model: str
    recipes: Mapping[str, Recipe | Experts]
    execution: Execution
    data: str
    content: Mapping[str, Any]


def read_saved_settings(path: Path) -> SavedSettings:
    """Reads `settings.json` of a run of this or an earlier release.

    Raises:
      TrainingError: the file cannot be read, or is not the settings of a run.
    """
    try:
        content = read_json(path)
        check_types(content, {"model": str, "data": str}, are_required=True)
        model, data = content["model"], content["data"]
        if model not in OURS:
            plugins.find_known("model", model)
        if not data or "\0" in data:
            raise ValueError(f"data is {data!r}")
        check_address(data)
        own = OURS.get(model)
        recipes: dict[str, Recipe | Experts] = {}
        if isinstance(own, Experts):
            recipes[model] = own
            experts = dict.fromkeys((own.image, own.audio), Mapping[str, Any])
            check_types(content, {"experts": Mapping[str, Any]}, are_required=True)
            check_types(content["experts"], experts, "experts", are_required=True)
            for name in (own.image, own.audio):
                recipes[name] = checked_recipe(content["experts"][name])
        else:
            recipes[model] = checked_recipe(content)
        execution = from_fields(Execution, {**_only(Execution, content), "service": None})
        if execution.strategy not in _CHOICES["strategy"]:
            raise ValueError(f"strategy is {execution.strategy!r}")
        return SavedSettings(model, recipes, execution, data, content)
    except plugins.NotTrustedError as error:
        raise TrainingError(f"--settings {path} cannot be used: {error}") from None
    except KeyError as error:
        reason = f"it has no {error.args[0]}"
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, TypeError) as error:
        reason = str(error)
    raise TrainingError(
        f"--settings {path} cannot be used ({reason}); give the settings.json of a run."
    )


def checked_recipe(values: Mapping[str, Any]) -> Recipe:
    """Builds a recipe from its fields in the settings of a run; others are ignored.

    Raises:
      TypeError, ValueError: a value has another type or is out of range.
      NotTrustedError: it names code that the user did not name.
    """
    recipe = from_fields(Recipe, _only(Recipe, values))
    for name in ("optimizer", "watch"):
        if (value := getattr(recipe, name)) not in _CHOICES[name]:
            raise ValueError(f"{name} is {value!r}")
    if recipe.schedule not in SCHEDULES:
        plugins.find_known("schedule", recipe.schedule)
    if isinstance(recipe.augment, str):
        plugins.find_known("augmentation", recipe.augment)
    positive = {
        "learning_rate": recipe.learning_rate,
        "batch_size": recipe.batch_size,
        "epochs": recipe.epochs,
        "patience": 1 if recipe.patience is None else recipe.patience,
    }
    for name, value in positive.items():
        if not 0 < value <= MAX_INT:  # as for the flags
            raise ValueError(f"{name} is {value}")
    if not (0 <= recipe.label_smoothing < 1 and recipe.weight_decay >= 0):
        raise ValueError("label_smoothing or weight_decay is out of range")
    if not 0 <= recipe.min_steps <= MAX_INT:
        raise ValueError(f"min_steps is {recipe.min_steps}")
    if not 0 <= recipe.seed < 2**32:
        raise ValueError(f"seed is {recipe.seed}")
    return recipe


def _only(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of a dataclass; the rest of a run's settings is of other ones."""
    return {field.name: values[field.name] for field in fields(kind) if field.name in values}
