"""Formats numbers, durations and names for messages and reports."""

from __future__ import annotations

import difflib
import reprlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Join or separate letters of Persian, Hindi and other scripts.
_JOINERS = "\u200c\u200d"
# Of names: the ratio of `difflib` above which there is no need to look for others, the least number
# of letters of a shortened name, and how many names are suggested.
_ALMOST_EQUAL, _SHORTEST_PART, _MOST_SIMILAR = 0.84, 3, 3
_MOST_CHARACTERS = 80  # of a value in a message


def counted(number: int, one: str, many: str | None = None) -> str:
    """Returns a number with its noun: "1 video", "1,200 videos"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def bytes_text(number: int) -> str:
    """Returns an exact number of bytes, as the manifest and other tools write it: "1200 bytes"."""
    return f"{number} {agree(number, 'byte', 'bytes')}"


def agree(number: int, one: str, many: str) -> str:
    """Returns the form of a word that agrees with a number: `agree(1, "is", "are")` is "is"."""
    return one if number == 1 else many


def duration(seconds: float) -> str:
    """Returns a duration in suitable units, with about three digits: "1 h 20 min"."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    if seconds < 600:
        return _two_units(round(seconds), "min", "s")
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    if seconds < 36_000:
        return _two_units(round(seconds / 60), "h", "min")
    return f"{round(seconds / 3600):,} h"


def _two_units(number: int, large: str, small: str) -> str:
    whole, rest = divmod(number, 60)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"


def listed(names: Sequence[str], link: str = "and") -> str:
    """Returns an enumeration: "a", "a and b", "a, b and c"."""
    return f" {link} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def uncapitalized(text: str) -> str:
    """Returns a text for the middle of a sentence; names such as HTTPConnection are kept."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def readable(name: str) -> str:
    """Returns an identity as a name, with spaces."""
    return name.replace("_", " ")


def printable(text: str) -> str:
    """Escapes the characters of a text that could change how a terminal shows the rest of it.

    These are control characters, such as line ends and ANSI escapes, and marks of text direction.
    Letters and spaces of all scripts are kept. Bytes of file names that are not UTF-8 are escaped
    as such.
    """
    if text.isprintable():
        return text
    return "".join(map(_printable_character, text))


def _printable_character(character: str) -> str:
    if (
        character.isprintable()
        or character in _JOINERS
        or unicodedata.category(character) == "Zs"  # spaces
    ):
        return character
    if "\udc80" <= character <= "\udcff":  # of the error handler surrogateescape
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def quoted(value: object) -> str:
    """Returns a value as Python writes it, such as a text in quotes; a long one is shortened."""
    return _quoted.repr(value)


_quoted = reprlib.Repr()
_quoted.maxstring = _quoted.maxother = _quoted.maxlong = _MOST_CHARACTERS


def nfc(name: str) -> str:
    """Returns a name in Unicode's composed form (NFC), in which names are compared."""
    return unicodedata.normalize("NFC", name)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the known name that is spelled most like another; None if none is similar.

    Case, accents, and the characters between words do not count.
    """
    return next(iter(similar(name, known)), None)


def similar(name: str, known: Iterable[str]) -> list[str]:
    """Returns the known names that are most like another, the nearest first; see `nearest`.

    Several are returned if they begin with the name. The name may also consist of words of a known
    one, or of the first letters of its words: `--far` is like `--false_accept_rate`.
    """
    spellings: dict[str, str] = {}
    for each in known:
        spellings.setdefault(spelling(each), each)
    wanted = spelling(name)
    if not wanted:
        return []
    found = difflib.get_close_matches(wanted, spellings, n=1, cutoff=_ALMOST_EQUAL)
    if not found and len(wanted) >= _SHORTEST_PART:
        beginnings = sorted((each for each in spellings if each.startswith(wanted)), key=len)
        words = set(wanted.split())
        found = (
            beginnings[:_MOST_SIMILAR]
            or [each for each in spellings if words <= set(each.split())][:1]
        )
    found = found or difflib.get_close_matches(wanted, spellings, n=1)
    found = found or [each for each in spellings if _initials(each) == wanted][:1]
    return [spellings[each] for each in found]


def _initials(text: str) -> str:
    return "".join(word[0] for word in text.split())


def spelling(name: str) -> str:
    """Returns a name without case and accents, and with single spaces between words."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(letters.replace("_", " ").replace("-", " ").split())


def interval(share: Mapping[str, Any]) -> str:
    """Returns the counts and the confidence interval of a proportion."""
    return (
        f"{share['correct']:,} of {share['total']:,}; 95 % interval {share['low']:.1%} to "
        f"{share['high']:.1%}"
    )
