"""Checks an augmentation of another package on a batch, before it is part of a tf.data graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfdata.augmentation.stateless_random import StatelessRandom
from tfdata.errors import FaceVoiceError
from tfdata.importing import one_line


class AugmentationError(FaceVoiceError, ValueError):
    """An augmentation that fails, or changes names, shapes or types."""


def check_augmentation(
    augment: Callable[..., Any], shapes: Mapping[str, tuple[int, ...]], floor_db: float
) -> None:
    """Augments two examples of zeros and checks the result.

    Args:
      augment: a function with the parameters of `tfdata.augmentation.augment`.
      shapes: name to shape of one example.
      floor_db: of level 0, below a window's maximum.

    Raises:
      AugmentationError: it fails, or returns other names, shapes or types.
    """
    name = f"{augment.__module__}:{getattr(augment, '__qualname__', type(augment).__name__)}"
    arrays = {key: tf.zeros((2, *shape), tf.uint8) for key, shape in shapes.items()}
    expected = {key: _form(value) for key, value in arrays.items()}
    rng = StatelessRandom(tf.constant([b"0", b"1"]), 0, tf.constant(0, tf.int64))
    try:
        returned = augment(dict(arrays), rng, floor_db)
        found = {key: _form(value) for key, value in returned.items()}
    except Exception as error:  # it may raise anything
        raise AugmentationError(
            f"The augmentation {name} fails on a batch of zeros ({one_line(error)})."
        ) from None
    if found != expected:
        raise AugmentationError(
            f"The augmentation {name} returns {_listed(found)} for {_listed(expected)}; return "
            f"arrays of the same names, shapes and types."
        )


def _form(value: Any) -> tuple[tuple[int, ...], str]:
    return tuple(value.shape), tf.as_dtype(value.dtype).name


def _listed(forms: Mapping[str, tuple[tuple[int, ...], str]]) -> str:
    return ", ".join(f"{key} {dtype} {list(shape)}" for key, (shape, dtype) in forms.items())
