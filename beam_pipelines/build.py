"""Runs the build command: `python -m beam_pipelines.build`, or `facevoice build`.

The job itself is in other modules, as Beam cannot ship functions of a `__main__` module to workers.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from tfdata.command_line import run
from tfdata.storage.addresses import mask_secrets, secret_values


class _MaskingFormatter(logging.Formatter):
    """Keeps credentials out of what Beam and its clients log."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(logging.BASIC_FORMAT)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return mask_secrets(super().format(record), self._secrets)


def main(argv: Sequence[str] | None = None, prog: str = "python -m beam_pipelines.build") -> int:
    """Runs the command; returns its exit code."""
    # Beam takes the root logger and, while it is imported, warns of optional parts.
    logging.basicConfig(level=logging.ERROR, force=True)
    given = sys.argv[1:] if argv is None else argv
    secrets = tuple(secret_values(given))
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_MaskingFormatter(secrets))

    def build() -> None:
        from beam_pipelines import driver, options  # Beam takes seconds, in which Ctrl-C may come

        driver.build(options.parse(given, prog))

    return run(
        build,
        interrupted="Stopped. Finished shards are kept; the same command resumes.",
        secrets=secrets,
    )


def main_and_exit(
    argv: Sequence[str] | None = None, prog: str = "python -m beam_pipelines.build"
) -> int:
    """Runs the command; ends the process at once if it fails.

    After a failure, threads of Beam wait for workers, and workers for this process: the
    interpreter's own exit could take for ever.
    """
    code = main(argv, prog)
    if code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main_and_exit())
