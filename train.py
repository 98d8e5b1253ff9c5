"""Trains a model: `python train.py --help`. The command `facevoice train` is the same."""

from __future__ import annotations

from facevoice.commands.train import main

if __name__ == "__main__":
    raise SystemExit(main())
