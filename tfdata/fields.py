"""Builds dataclasses from parsed JSON, which may have been edited or tampered with."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_MAX_NAME = 80  # characters of a key in an error message
_MAX_DEPTH = 20  # of nested values of any type


@dataclass(frozen=True)
class Range:
    """Annotates the type of a field with the range of its values, both ends included."""

    low: float
    high: float


MAX_INT64 = 2**63 - 1
Count = Annotated[int, Range(0, MAX_INT64)]


def from_fields(kind: type[T], values: Any, *, ignore_unknown: bool = False, path: str = "") -> T:
    """Builds a dataclass from parsed JSON and checks the type and the range of each field.

    Nested dataclasses are built from objects, and tuples from arrays. A missing field gets its
    default. Ranges are annotations, such as `Count`.

    Args:
      kind: the dataclass.
      values: the parsed JSON, an object.
      ignore_unknown: ignore keys that are not fields, at every level.
      path: where the object is, for messages.

    Raises:
      TypeError: a field has another type, is missing without a default, is unknown or out of
        range, or a number is not finite; the message has the path of the field, such as
        'people.Ann.label'.
    """
    return _dataclass(kind, values, path, ignore_unknown)


def check_types(
    values: Any, types: Mapping[str, Any], path: str = "", *, are_required: bool = False
) -> None:
    """Checks the type and the range of some values of an object of parsed JSON.

    Args:
      values: the object; names without a type are ignored.
      types: name to type, as a field of a dataclass has it.
      path: where the object is, for messages.
      are_required: whether none of the names may be missing.

    Raises:
      TypeError: as `from_fields` does.
    """
    if not isinstance(values, Mapping):
        raise _type_error(path, values, Mapping)
    if are_required and (missing := [name for name in types if name not in values]):
        raise TypeError(f"{_join(path, missing[0])} is missing")
    for name in types.keys() & values.keys():
        _value(types[name], values[name], _join(path, name), ignore_unknown=False)


def _dataclass(kind: type[T], values: Any, path: str, ignore_unknown: bool) -> T:
    if not isinstance(values, Mapping):
        raise _type_error(path, values, Mapping)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for name in values.keys() - known.keys():
        if not ignore_unknown:
            raise TypeError(f"{_join(path, name)} is not a known field")
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
    if origin is UnionType or origin is Union:  # Union with an annotated type
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
    return TypeError(f"{path or 'it'} is {reprlib.repr(value)}, not {_described(hint)}")


def _described(hint: Any) -> str:
    """Returns what a field of a type holds: "an integer from 1 to 9 or null"."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is UnionType or origin is Union:
        return " or ".join(map(_described, args))
    if origin is Annotated:
        return f"{_described(args[0])} from {args[1].low} to {args[1].high}"
    if origin is tuple and args[-1] is not Ellipsis:
        return f"an array of {len(args)}"
    kind = origin or hint
    names = {
        Mapping: "an object",
        list: "an array",
        tuple: "an array",
        int: "an integer",
        float: "a finite number",
        str: "a text",
        bool: "true or false",
        NoneType: "null",
    }
    return names.get(kind, str(hint))


def _join(path: str, name: object) -> str:
    text = str(name)
    if not text.isprintable() or len(text) > _MAX_NAME:
        text = reprlib.repr(text)
    return f"{path}.{text}" if path else text


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
