"""Caches what Beam computes anew for each transform and bundle, so that small builds are fast.

Beam 2.77 inspects the signatures of all methods of a DoFn whenever it looks for state or timers,
reads the source of each function that it is given, keeps a stack trace for each type hint, and
parses the command line for each look at an option. In a build of a few files, that is more than
half of the CPU time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms import core, userstate
from apache_beam.typehints.decorators import IOTypeHints


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "get_function_args_defaults", _by_function())
    monkeypatch.setattr(userstate, "get_dofn_specs", _by_dofn())
    monkeypatch.setattr(core, "_check_fn_use_yield_and_return", _by_code())
    monkeypatch.setattr(IOTypeHints, "_make_origin", lambda *_, **__: [])  # for messages only
    monkeypatch.setattr(PipelineOptions, "view_as", _by_class())


def _by_function() -> Callable[..., Any]:
    """Returns Beam's inspection of a function, done once for each function or method."""
    inspect, found = core.get_function_args_defaults, {}

    def cached(function: Any) -> Any:
        key = getattr(function, "__func__", function), type(function)
        if key not in found:
            found[key] = inspect(function)
        return found[key]

    return cached


def _by_dofn() -> Callable[..., Any]:
    """Returns Beam's search for state and timers, done once for each class and wrapped function."""
    search, found = userstate.get_dofn_specs, {}

    def cached(dofn: core.DoFn) -> Any:
        key = type(dofn), getattr(dofn, "_fn", None)
        if key not in found:
            found[key] = search(dofn)
        return found[key]

    return cached


def _by_code() -> Callable[..., Any]:
    """Returns Beam's search for functions that both yield and return, done once for each code."""
    search, found = core._check_fn_use_yield_and_return, {}

    def cached(function: Any) -> Any:
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        if code is None:
            return search(function)
        if code not in found:
            found[code] = search(function)
        return found[code]

    return cached


def _by_class() -> Callable[..., Any]:
    """Returns `PipelineOptions.view_as`, done once for each class; views share their values."""
    view_as, found = PipelineOptions.view_as, WeakKeyDictionary()

    def cached(options: PipelineOptions, cls: type) -> Any:
        views = found.setdefault(options, {})
        if cls not in views:
            views[cls] = view_as(options, cls)
        return views[cls]

    return cached
