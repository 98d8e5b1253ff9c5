"""Text in figures: names as Matplotlib can draw them.

A name comes from a corpus. It may be long, and have signs of a formula or characters that the font
lacks. Matplotlib does not join or order the letters of Arabic and Hebrew. Such names are drawn as
the person's label, "#7", and `numbered_names` says whose label it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

from matplotlib import font_manager

from tfdata.text import nfc, printable, readable

FONT = "DejaVu Sans"  # a part of Matplotlib
# For all figures, whatever a user's matplotlibrc says: "$" begins no formula.
TEXT_STYLE: Any = {"font.family": FONT, "text.parse_math": False, "text.usetex": False}
MAX_NAME_LENGTH = 24
_RIGHT_TO_LEFT = ("R", "AL", "AN")


def figure_name(identity: str, label: int) -> str:
    """Returns the name of a person as figures show it.

    A name that cannot be drawn is "#label"; a long one is shortened and begins with "#label".
    """
    name = _name(identity)
    if not _is_drawable(name) or name.startswith("#"):
        return f"#{label}"
    return name if len(name) <= MAX_NAME_LENGTH else figure_text(f"#{label} {name}")


def numbered_names(people: Sequence[str]) -> dict[str, str]:
    """Returns "#label" to identity, for the people whose names figures do not show in full.

    Args:
      people: identities in the order of labels.
    """
    return {
        f"#{label}": identity
        for label, identity in enumerate(people)
        if figure_name(identity, label) != _name(identity)
    }


def figure_text(text: str, max_length: int = MAX_NAME_LENGTH) -> str:
    """Returns a text as figures show it: shortened, and escaped where it cannot be drawn."""
    text = "".join(c if _is_drawable(c) else _escaped(c) for c in _name(text))
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def _name(text: str) -> str:
    return printable(readable(nfc(text)))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _is_drawable(text: str) -> bool:
    return all(
        ord(c) in _glyphs()
        and unicodedata.bidirectional(c) not in _RIGHT_TO_LEFT
        and unicodedata.category(c)[0] != "M"  # is not placed above its letter
        for c in text
    )


@cache
def _glyphs() -> frozenset[int]:
    """Returns the characters that the regular and the bold font have."""
    fonts = (
        font_manager.FontProperties(family=FONT, weight=weight) for weight in ("normal", "bold")
    )
    regular, bold = (
        font_manager.get_font(font_manager.findfont(font)).get_charmap().keys() for font in fonts
    )
    return frozenset(regular & bold)
