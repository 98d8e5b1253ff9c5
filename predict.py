"""Identifies people: `python predict.py --help`. The command `facevoice predict` is the same."""

from __future__ import annotations

from facevoice.commands.predict import main

if __name__ == "__main__":
    raise SystemExit(main())
