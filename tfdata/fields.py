"""Builds dataclasses from parsed JSON, which may have been edited or tampered with."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
_MAX_NAME = 80  # characters of a key in an error message
_MAX_DEPTH = 20  # of nested values of any type


@dataclass(frozen=True)
class Range:
    """Annotates the type of a field with the range of its values, both ends included."""

    low: int
    high: int


MAX_INT64 = 2**63 - 1
Count = Annotated[int, Range(0, MAX_INT64)]


def from_fields(kind: type[T], values: Any, *, ignore_unknown: bool = False) -> T:
    """Builds a dataclass from parsed JSON and checks the type and the range of each field.

    Nested dataclasses are built from objects, and tuples from arrays. A missing field gets its
    default. Ranges are annotations, such as `Count`.

    Args:
      kind: the dataclass.
      values: the parsed JSON, an object.
      ignore_unknown: ignore keys that are not fields, at every level.

    Raises:
      TypeError: a field has another type, is missing without a default, is unknown or out of
        range, or a number is not finite; the message has the path of the field, such as
        'people.Ann.label'.
    """
    return _dataclass(kind, values, "", ignore_unknown)


def _dataclass(kind: type[T], values: Any, path: str, ignore_unknown: bool) -> T:
    if not isinstance(values, Mapping):
        raise _type_error(path, values, Mapping)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for name in values.keys() - known.keys():
        if not ignore_unknown:
            raise TypeError(f"{_join(path, name)} is not a field of {kind.__name__}")
    for name in known.keys() - values.keys():
        if _is_required(known[name]):
            raise TypeError(f"{_join(path, name)} is missing")
    hints = _hints(kind)  # type: ignore[arg-type]
    given = [name for name in known if name in values]
    return kind(
        **{
            name: _value(hints[name], values[name], _join(path, name), ignore_unknown)
            for name in given
        }
    )


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _value(hint: Any, value: Any, path: str, ignore_unknown: bool) -> Any:
    """Returns a value of the type of a field, or raises TypeError."""
    if hint is Any:
        _check_finite(value, path, _MAX_DEPTH)
        return value
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        value = _value(args[0], value, path, ignore_unknown)
        if not args[1].low <= value <= args[1].high:
            raise _type_error(path, value, hint)
        return value
    if is_dataclass(hint):
        return _dataclass(hint, value, path, ignore_unknown)  # type: ignore[arg-type]
    if origin is UnionType:
        for each in args:
            try:
                return _value(each, value, path, ignore_unknown)
            except TypeError:
                continue
    elif origin is Mapping and isinstance(value, Mapping):
        return {
            key: _value(args[1], each, _join(path, key), ignore_unknown)
            for key, each in value.items()
        }
    elif hint == list[str] and set(map(type, value if type(value) is list else ())) == {str}:
        return list(value)  # ten times as fast; a manifest has tens of thousands of videos
    elif origin in (list, tuple) and isinstance(value, list | tuple):
        hints = args if origin is tuple and args[-1] is not Ellipsis else args[:1] * len(value)
        if len(hints) == len(value):
            return origin(
                _value(each, item, f"{path}[{i}]", ignore_unknown)
                for i, (each, item) in enumerate(zip(hints, value, strict=True))
            )
    elif _is_scalar(hint, value):
        return value
    raise _type_error(path, value, hint)


def _is_scalar(hint: Any, value: Any) -> bool:
    if hint is float:
        return type(value) in (int, float) and _is_finite(value)
    if hint is int:
        return type(value) is int  # not a bool
    return isinstance(hint, type) and isinstance(value, hint)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that is too large for a float
        return False


def _check_finite(value: Any, path: str, depth: int) -> None:
    """Checks a value of any type: numbers are finite, and the nesting is not too deep."""
    if depth < 0:
        raise TypeError(f"{path[:_MAX_NAME]} is nested too deeply")
    if isinstance(value, int | float) and not _is_finite(value):
        raise _type_error(path, value, float)
    if isinstance(value, Mapping):
        for key, each in value.items():
            _check_finite(each, _join(path, key), depth - 1)
    elif isinstance(value, list):
        for i, each in enumerate(value):
            _check_finite(each, f"{path}[{i}]", depth - 1)


def _type_error(path: str, value: Any, hint: Any) -> TypeError:
    names = {Mapping: "an object", int: "an integer", float: "a finite number", str: "a text"}
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else get_origin(hint) or hint
    expected = names.get(kind, "an array" if kind in (list, tuple) else str(hint))
    if kind is tuple and get_args(hint)[-1] is not Ellipsis:
        expected = f"an array of {len(get_args(hint))}"
    if get_origin(hint) is Annotated:
        bounds = get_args(hint)[1]
        expected += f" from {bounds.low} to {bounds.high}"
    return TypeError(f"{path or 'it'} is {reprlib.repr(value)}, not {expected}")


def _join(path: str, name: object) -> str:
    text = str(name)
    if not text.isprintable() or len(text) > _MAX_NAME:
        text = reprlib.repr(text)
    return f"{path}.{text}" if path else text


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
