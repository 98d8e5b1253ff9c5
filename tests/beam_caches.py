"""Caches what Beam computes anew for each transform and bundle, so that small builds are fast.

Beam 2.77 inspects the signatures of all methods of a DoFn whenever it looks for state or timers,
and parses the command line for each look at an option. In a build of a few files, that is half of
the CPU time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms import core


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "get_function_args_defaults", _by_function())
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


def _by_class() -> Callable[..., Any]:
    """Returns `PipelineOptions.view_as`, done once for each class; views share their values."""
    view_as, found = PipelineOptions.view_as, WeakKeyDictionary()

    def cached(options: PipelineOptions, cls: type) -> Any:
        views = found.setdefault(options, {})
        if cls not in views:
            views[cls] = view_as(options, cls)
        return views[cls]

    return cached
