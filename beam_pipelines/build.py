"""Runs the build command: `python -m beam_pipelines.build`, or `facevoice build`.

The build is in other modules, because Beam cannot send functions of a `__main__` module to workers.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence

from tfdata.command_line import run
from tfdata.storage.addresses import mask_secrets, secret_values


class _MaskingFormatter(logging.Formatter):
    """Masks credentials in the logs of Beam and its clients."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(logging.BASIC_FORMAT)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return mask_secrets(super().format(record), self._secrets)


def main(argv: Sequence[str] | None = None, prog: str = "python -m beam_pipelines.build") -> int:
    """Runs the command; returns the exit code."""
    # Beam logs to the root logger, and warns of missing optional packages when it is imported.
    logging.basicConfig(level=logging.ERROR, force=True)
    # Google's client, which Beam imports if it is installed, warns of Python versions years ahead.
    warnings.filterwarnings("ignore", "You are using a Python version", FutureWarning)
    arguments = sys.argv[1:] if argv is None else argv
    secrets = tuple(secret_values(arguments))
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_MaskingFormatter(secrets))

    def build() -> None:
        from beam_pipelines import driver, options  # takes seconds, in which Ctrl-C may come

        driver.build(options.parse(arguments, prog))

    return run(
        build,
        interrupted="Stopped. Finished shards are kept; the same command resumes.",
        secrets=secrets,
    )


def main_and_exit(
    argv: Sequence[str] | None = None, prog: str = "python -m beam_pipelines.build"
) -> int:
    """Runs the command; ends the process at once if it fails.

    After a failure, threads of Beam wait for workers and workers for this process, so the normal
    exit of the interpreter could take for ever.
    """
    code = main(argv, prog)
    if code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main_and_exit())
