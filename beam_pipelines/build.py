"""The build command: `python -m beam_pipelines.build`.

This file is only the door. Beam cannot ship functions of a `__main__` module to its workers, so
the job itself lives in modules that can be imported.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from beam_pipelines.errors import BuildError
from command_line import fail
from tfdata.addresses import mask_secrets, secret_values
from tfdata.schema import DatasetError


class _MaskingFormatter(logging.Formatter):
    """Keeps credentials out of what Beam and its clients log."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(logging.BASIC_FORMAT)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return mask_secrets(super().format(record), self._secrets)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    # Beam takes the root logger and, while it is imported, warns of optional parts.
    logging.basicConfig(level=logging.ERROR, force=True)
    from beam_pipelines import flags, job

    given = sys.argv[1:] if argv is None else argv
    secrets = tuple(secret_values(given))
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_MaskingFormatter(secrets))
    try:
        job.build(flags.parse(given))
    except (BuildError, DatasetError, OSError) as error:
        return fail(str(error), secrets)
    except KeyboardInterrupt:
        print("Stopped. Finished shards are kept; the same command goes on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    code = main()
    if code:
        # After a failure, threads of Beam's wait for workers, and workers for this process: the
        # interpreter's own way out could take for ever.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
