"""Recipes of other packages: `train.py --recipe package.module:name`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from facevoice import plugins
from facevoice.training.recipes import OURS, Experts, Recipe
from facevoice.training.saved_settings import checked_recipe
from facevoice.training.schedules import SCHEDULES
from tfdata.text import nearest


def own_recipes(name: str) -> Mapping[str, Recipe | Experts] | Recipe:
    """Imports a recipe, or a mapping from names of models to recipes, that a user names.

    Schedules and augmentations that it names are imported, too.

    Raises:
      FaceVoiceError: it cannot be imported, or is something else.
    """
    value = plugins.use("recipe", name)
    if not isinstance(value, Recipe | Mapping):
        raise _wrong_type(name, value)
    for recipe in value.values() if isinstance(value, Mapping) else [value]:
        if not isinstance(recipe, Recipe | Experts):
            raise _wrong_type(name, recipe)
        if isinstance(recipe, Recipe):
            _use_parts(recipe)
    return value


def recipes_for(model: str, recipe: Recipe) -> Mapping[str, Recipe | Experts]:
    """Returns one recipe for every model that is trained by itself."""
    ours = {name: each for name, each in OURS.items() if isinstance(each, Experts)}
    return {**dict.fromkeys([*OURS, model], recipe), **ours}


def check_overrides(overrides: Mapping[str, Any]) -> None:
    """Checks that names and values are those of fields of a recipe.

    Raises:
      PluginError: a name is unknown, or a value is of another type or out of range.
    """
    known = [field.name for field in fields(Recipe)]
    for name in overrides:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}."
            raise plugins.PluginError(f"There is no setting {name!r} of a recipe; {hint}")
    try:
        checked_recipe(overrides)
    except (TypeError, ValueError) as error:
        raise plugins.PluginError(f"A setting of the recipe is invalid: {error}.") from None


def _use_parts(recipe: Recipe) -> None:
    if recipe.schedule not in SCHEDULES:
        plugins.use("schedule", recipe.schedule)
    if isinstance(recipe.augment, str):
        plugins.use("augmentation", recipe.augment)


def _wrong_type(name: str, value: object) -> plugins.PluginError:
    return plugins.PluginError(
        f"The recipe {name} is of type {type(value).__name__}; use a Recipe, or a mapping from "
        f"names of models to recipes."
    )
