"""Models, augmentations, schedules and recipes of other packages, by name.

A name is that of an entry point of an installed package, or `package.module:name`. The latter is
imported by `use` only, which commands call with what their user names. Names in files, such as the
settings of a run, are given to `find`, so opening a run never imports a module that the run names.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from tfdata.errors import FaceVoiceError
from tfdata.importing import import_object, is_import_name, source_digest
from tfdata.text import listed

# Kind to entry-point group.
GROUPS = {
    "model": "facevoice.models",
    "augmentation": "facevoice.augmentations",
    "schedule": "facevoice.schedules",
    "recipe": "facevoice.recipes",
}
# Required parameters of a model's function, to its modality.
MODALITIES = {
    ("image_shape", "classes"): "image",
    ("spectrogram_shape", "classes"): "audio",
    ("image_shape", "spectrogram_shape", "classes"): "pair",
}
_used: dict[str, dict[str, Any]] = {kind: {} for kind in GROUPS}  # kind to name to value
_code: dict[str, str] = {}  # name to the digest of the source, of what `use` registered


class PluginError(FaceVoiceError):
    """Code of another package that cannot be used."""


class NotTrustedError(PluginError):
    """Code that a file names, and that its user did not name."""


def is_named(kind: str, name: str) -> bool:
    """Returns whether a name has the form `package.module:name`, or is an entry point's."""
    return is_import_name(name) or name in _installed(kind)


def use(kind: str, name: str, value: Any = None) -> Any:
    """Registers code of another package under its name, and returns it.

    Args:
      kind: a key of `GROUPS`.
      name: an entry point or `package.module:name`, which a user gave.
      value: what has this name; None imports it.

    Raises:
      FaceVoiceError: there is no such name, it cannot be imported, or it is of another kind.
    """
    digest = _own_digest(value)
    if value is None:
        path = _import_name(kind, name)
        value, digest = import_object(path), source_digest(path)
    if kind != "recipe" and not callable(value):
        raise PluginError(f"The {kind} {name} is of type {type(value).__name__}; name a function.")
    if kind == "model":
        from models import MODELS  # imports Keras, which takes seconds

        MODELS[name] = value = _model_spec(name, value)
    _used[kind][name] = value
    _code[name] = digest
    return value


def find(kind: str, name: str) -> Any | None:
    """Returns the code that has a name in a file; None if there is none.

    That is what `use` has registered, or an entry point of an installed package.
    """
    if name not in _used[kind] and name in _installed(kind):
        use(kind, name)
    return _used[kind].get(name)


def find_known(kind: str, name: str) -> Any:
    """Returns the code that has a name in a file, as `find` does.

    Raises:
      NotTrustedError: it is the name of a module that the user did not give.
      ValueError: there is no such name.
    """
    if (value := find(kind, name)) is not None:
        return value
    if is_import_name(name):
        raise NotTrustedError(
            f"its {kind} is {name}, and files do not import code; if you trust that code, add "
            f"--{kind} {name}."
        )
    raise ValueError(f"there is no {kind} {name!r}")


def code_digests(names: Iterable[Any]) -> dict[str, str]:
    """Returns the digest of the source code of each name that `use` has registered."""
    return {name: _code[name] for name in sorted({name for name in names if name in _code})}


def short_name(model: str) -> str:
    """Returns the name of a model in paths: that of the function of `package.module:function`."""
    return model.rpartition(":")[2]


def name_of(function: Callable[..., Any]) -> str:
    """Returns the name of a function as `package.module:function`, which files record.

    Raises:
      PluginError: it has no such name, as lambda functions and functions in functions.
    """
    place = getattr(function, "__module__", None)
    name = f"{place}:{getattr(function, '__qualname__', type(function).__name__)}"
    if not is_import_name(name) or not hasattr(function, "__qualname__"):
        raise PluginError(
            f"{name} has no name that can be recorded; define a function with def, outside of "
            f"other functions."
        )
    return name


def _installed(kind: str) -> dict[str, EntryPoint]:
    return {entry_point.name: entry_point for entry_point in entry_points(group=GROUPS[kind])}


def _import_name(kind: str, name: str) -> str:
    """Returns `package.module:name` of a name that a user gave."""
    if entry_point := _installed(kind).get(name):
        return entry_point.value
    if is_import_name(name):
        return name
    raise PluginError(
        f"There is no {kind} {name!r}; name your own as package.module:name, or install the "
        f"package that has it."
    )


def _own_digest(function: Any) -> str:
    """Returns the digest of the source of a function of this program, "" if it has none."""
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
    except (OSError, TypeError):
        return ""


def _model_spec(name: str, build: Callable[..., Any]) -> Any:
    """Returns the registry's entry for a function that builds a model.

    Raises:
      PluginError: its required parameters are not those of a model.
    """
    from models import ModelSpec

    parameters = inspect.signature(build).parameters.values()
    needed = tuple(each.name for each in parameters if each.default is inspect.Parameter.empty)
    if needed not in MODALITIES:
        forms = [f"({', '.join(form)})" for form in MODALITIES]
        raise PluginError(
            f"The model {name} has the parameters ({', '.join(needed)}); use {listed(forms, 'or')}."
        )
    description = (inspect.getdoc(build) or short_name(name)).partition("\n")[0].rstrip(".")

    def checked(*arguments: Any, **hyper_parameters: Any) -> Any:
        model = build(*arguments, **hyper_parameters)
        _check_model(name, model, classes=arguments[-1])
        return model

    return ModelSpec(MODALITIES[needed], description, checked)


def _check_model(name: str, model: Any, classes: int) -> None:
    """Checks that a model has what training, evaluation and prediction use.

    Raises:
      ModelError: it has not.
    """
    import keras

    from models import EMBEDDING, ModelError

    if not isinstance(model, keras.Model):
        raise ModelError(f"The model {name} returns {type(model).__name__}, not a Keras model.")
    outputs = [tuple(output.shape) for output in getattr(model, "outputs", None) or ()]
    if outputs != [(None, classes)]:
        raise ModelError(
            f"The model {name} has outputs of shape {outputs}; return a functional model with one "
            f"output [batch, {classes}], the probabilities of people."
        )
    if EMBEDDING not in [layer.name for layer in model.layers]:
        raise ModelError(
            f"The model {name} has no layer named {EMBEDDING!r}; give this name to the layer "
            f"before the last one."
        )
    for layer in model.layers:
        try:
            keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        except Exception:  # of get_config, of the constructor, or of Keras about a Lambda layer
            raise ModelError(
                f"The layer {layer.name!r} of the model {name} cannot be loaded after it is saved; "
                f"give its class {type(layer).__name__} a get_config with all parameters, and "
                f"write a layer class instead of a Lambda layer."
            ) from None
