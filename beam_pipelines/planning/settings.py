"""Settings of selection, splits, pairing and shards: one frozen, validated dataclass."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from facevoice.features.settings import check_choice, check_number, check_whole, setting
from tfdata.fields import MAX_INT64
from tfdata.schema import SPLITS
from tfdata.text import nfc

MAX_SHARDS = 99_999  # of a split; names of shards have five digits


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
        "'session' pairs faces and windows of the same video, then the others across videos; "
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
        "files with equal content: 'report' counts them; 'refuse' fails if they are in several "
        "splits or of several people; 'drop' reads all files first, and keeps the first of equal "
        "ones in the order of paths",
    )

    def __post_init__(self) -> None:
        check_whole("seed", self.seed, -MAX_INT64)
        check_whole("pairs_per_person", self.pairs_per_person, 1)
        check_whole("num_shards", self.num_shards, 1, MAX_SHARDS)
        if self.persons is not None:
            check_whole("persons", self.persons, 1)
        if not isinstance(self.exclude, tuple) or not all(isinstance(n, str) for n in self.exclude):
            raise ValueError(f"`exclude` is {self.exclude!r}; give a tuple of names.")
        check_choice("pairing", self.pairing, ("session", "identity", "moment"))
        check_number("window_overlap", self.window_overlap, 0.0, 1.0)
        if self.window_overlap == 1:
            raise ValueError("`window_overlap` is 1; use 0 or more, and less than 1.")
        check_choice("split_by", self.split_by, ("session", "pair", "file"))
        check_choice("duplicates", self.duplicates, ("report", "refuse", "drop"))
        fractions = self.split_fractions
        if not isinstance(fractions, tuple):
            raise ValueError(f"`split_fractions` is {fractions!r}; give a tuple.")
        for part in fractions:
            check_number("split_fractions", part, 0, 100)
        if len(fractions) != len(SPLITS):
            raise ValueError(
                f"`split_fractions` is {_percent(fractions)}; give three percentages, for train, "
                f"validation and test, such as 80,10,10."
            )
        if abs(sum(fractions) - 100) > 1e-6:
            raise ValueError(
                f"`split_fractions` {_percent(fractions)} add up to {sum(fractions):g}, not to 100."
            )
        if fractions[0] == 0:
            raise ValueError("`split_fractions` leaves nothing for training; give it a share.")


def _percent(fractions: tuple[float, ...]) -> str:
    return ",".join(f"{part:g}" for part in fractions)
