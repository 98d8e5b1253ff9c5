"""Settings of selection, splits, pairing and shards: one frozen, validated dataclass."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from facevoice.features.settings import setting
from tfdata.schema import SPLITS
from tfdata.text import nfc


def _fractions(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"is {text!r}; give three percentages with commas between, such as 80,10,10"
        ) from None


def _names(text: str) -> tuple[str, ...]:
    names = (nfc(name.strip()) for name in text.split(","))
    return tuple(name for name in names if name)


@dataclass(frozen=True)
class PlanSettings:
    """Settings of selection, splits, pairing and shards.

    Raises:
      ValueError: a value is out of range; the message names its field in backticks.
    """

    seed: int = setting(0, "seed of all random choices, an integer")
    persons: int | None = setting(None, "maximum number of people (default: all)", int)
    pairs_per_person: int = setting(100, "maximum number of pairs per person")
    exclude: tuple[str, ...] = setting(
        (), "people to leave out: identities or ids, with commas between (default: none)", _names
    )
    pairing: str = setting(
        "session",
        "'session' pairs faces and windows of the same video, and the rest across videos; "
        "'identity' pairs those of the same person from any videos; 'moment' pairs frames and "
        "sound of video files at the same time, and images and clips as 'session' does",
        shown="session; moment with --videos",
    )
    window_overlap: float = setting(
        0.0, "overlap of consecutive windows, as a fraction of a window, 0 to below 1"
    )
    split_by: str = setting(
        "session",
        "'session' assigns whole videos to splits; 'pair' assigns pairs at random, as in the "
        "study, which leaks videos between splits; 'file' uses --split_file",
    )
    split_fractions: tuple[float, ...] = setting(
        (80.0, 10.0, 10.0), "shares of train, validation and test, in percent", _fractions
    )
    num_shards: int = setting(
        8, "number of TFRecord files per split, 1 to 99999; empty ones are not written"
    )
    duplicates: str = setting(
        "report",
        "files with equal content: 'report' counts them; 'refuse' fails if several splits or "
        "people have one; 'drop' reads all files of the people first and keeps the first of equal "
        "ones in the order of paths",
    )

    def __post_init__(self) -> None:
        for name in ("pairs_per_person", "num_shards"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` is {getattr(self, name)}; use 1 or more.")
        if self.persons is not None and self.persons < 1:
            raise ValueError(f"`persons` is {self.persons}; use 1 or more.")
        if self.num_shards > 99_999:
            raise ValueError(f"`num_shards` is {self.num_shards}; use 99999 or fewer.")
        if self.pairing not in ("session", "identity", "moment"):
            raise ValueError(
                f"`pairing` is {self.pairing!r}; use 'session', 'identity' or 'moment'."
            )
        if not 0 <= self.window_overlap < 1:
            raise ValueError(
                f"`window_overlap` is {self.window_overlap:g}; use 0 or more, and less than 1."
            )
        if self.split_by not in ("session", "pair", "file"):
            raise ValueError(f"`split_by` is {self.split_by!r}; use 'session', 'pair' or 'file'.")
        if self.duplicates not in ("report", "refuse", "drop"):
            raise ValueError(
                f"`duplicates` is {self.duplicates!r}; use 'report', 'refuse' or 'drop'."
            )
        fractions = self.split_fractions
        if len(fractions) != len(SPLITS) or not all(0 <= part <= 100 for part in fractions):
            raise ValueError(
                f"`split_fractions` is {_percent(fractions)}; give three percentages, for "
                f"train, validation and test, such as 80,10,10."
            )
        if abs(sum(fractions) - 100) > 1e-6:
            raise ValueError(
                f"`split_fractions` {_percent(fractions)} add up to {sum(fractions):g}, not to 100."
            )
        if fractions[0] == 0:
            raise ValueError("`split_fractions` leaves nothing for training; give it a share.")


def _percent(fractions: tuple[float, ...]) -> str:
    return ",".join(f"{part:g}" for part in fractions)
