"""Evaluates a run: `python evaluate.py --help`. The command `facevoice evaluate` is the same."""

from __future__ import annotations

from facevoice.commands.evaluate import main

if __name__ == "__main__":
    raise SystemExit(main())
