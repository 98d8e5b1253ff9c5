"""Imports what a user names as `package.module:name`, such as an encoder of their own.

Importing a module runs its code. A name that a file records, such as the manifest of a dataset or
the settings of a run, is therefore not imported: the user gives it again on the command line, or
it is that of an installed entry point.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import Any

from tfdata.errors import FaceVoiceError
from tfdata.text import printable

_NAME = re.compile(r"(?P<module>\w+(\.\w+)*):(?P<attribute>\w+(\.\w+)*)")


class ImportNameError(FaceVoiceError):
    """Raised if a name is not `package.module:name`, or cannot be imported."""


def is_import_name(name: str) -> bool:
    """Returns whether a name has the form `package.module:name`."""
    return _NAME.fullmatch(name) is not None


def import_object(name: str) -> Any:
    """Imports the module of `package.module:name` and returns its attribute `name`.

    The module may also be in the working directory, after all installed ones.

    Raises:
      ImportNameError: the name has another form, the module cannot be imported, for whatever
        reason, or it has no such attribute; one line.
    """
    module, attribute = _parts(name)
    try:
        with _working_directory_importable():
            return reduce(getattr, attribute.split("."), importlib.import_module(module))
    except (Exception, SystemExit) as error:  # the module may raise anything
        raise ImportNameError(
            f"{name} cannot be imported ({one_line(error)}); is its module installed, or in the "
            f"working directory?"
        ) from None


def source_digest(name: str) -> str:
    """Returns the SHA-256, hexadecimal, of the source that `package.module:name` is part of.

    This is the module's file or, for a module of a package, the Python files of the package's
    directory and those below it. The module is imported.

    Raises:
      ImportNameError: the module cannot be imported, or has no file of source.
    """
    import_object(name)
    module = sys.modules[_parts(name)[0]]
    source = module.__spec__.origin if module.__spec__ else None
    if source is None or not Path(source).is_file():
        raise ImportNameError(f"{name} cannot be used: its module has no file.")
    path = Path(source)
    files = sorted(path.parent.rglob("*.py")) if module.__package__ else [path]
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(path.parent).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _parts(name: str) -> tuple[str, str]:
    """Returns module and attribute of a name."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise ImportNameError(f"{name!r} is not a name such as package.module:name.")
    return match["module"], match["attribute"]


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """Adds the working directory to the end of the places of modules, which commands lack."""
    directory = str(Path.cwd())
    if directory in sys.path or "" in sys.path:
        yield
        return
    sys.path.append(directory)
    try:
        yield
    finally:
        sys.path.remove(directory)


def one_line(error: BaseException) -> str:
    """Returns the type and the first line of an error; of ImportErrors, the text is enough."""
    text = printable((str(error).splitlines() or [""])[0])
    if isinstance(error, ImportError | AttributeError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
