"""Builds dataclasses from parsed JSON, which may have been edited or tampered with."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def from_fields(kind: type[T], fields: Any) -> T:
    """Builds a dataclass from a mapping and checks the type of each field, nested ones included.

    Raises:
      TypeError: fields are missing, unknown or of another type, or a number is not finite.
    """
    made = kind(**fields)
    for name, hint in _hints(kind).items():  # type: ignore[arg-type]
        value = getattr(made, name)
        if not _has_type(value, hint):
            raise TypeError(f"{name} is {reprlib.repr(value)}")
    return made


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _has_type(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    inner = get_args(hint)
    origin = get_origin(hint)
    if origin is UnionType:
        return any(_has_type(value, each) for each in inner)
    if origin is tuple and inner[-1] is not Ellipsis:
        return (
            isinstance(value, tuple)
            and len(value) == len(inner)
            and all(map(_has_type, value, inner))
        )
    if origin in (list, tuple):
        return isinstance(value, origin) and all(_has_type(each, inner[0]) for each in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            _has_type(key, inner[0]) and _has_type(each, inner[1]) for key, each in value.items()
        )
    if hint is int:
        return type(value) is int  # and no bool
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    return isinstance(value, hint)
