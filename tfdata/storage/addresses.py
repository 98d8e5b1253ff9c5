"""Masks credentials and signatures in URLs, flags and messages.

A URL may carry a password (`s3://user:password@bucket/set`) or a signed query
(`https://host/file?X-Amz-Signature=...`). Commands refuse such an address. What they print or store
is masked as well, because errors of other libraries quote URLs and options.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from tfdata.text import uncapitalized

MASK = "***"
# A `Path` made of a URL has lost one of its slashes.
_URL = re.compile(r"(?<![\w/])(?P<scheme>[A-Za-z][\w+.-]+:/+)(?P<rest>[^\s\"']+)")
_SCHEME = re.compile(r"[A-Za-z][\w+.-]+:/")
_IPV6_HOST = re.compile(r"\[[0-9A-Fa-f:.%]+\](?::\d*)?(?=[/?#]|$)")
# user:password@host without a scheme, as in gRPC's endpoints.
_USER_INFO = re.compile(r"(?<![^\s\"'<>`@=,()])[^\s\"'<>`@/:=,()]+:[^\s\"'<>`@/]+@(?=[\w\[])")
_SECRET_WORDS = r"(?:secret|token|password|passwd|access_key|credential|signature)"
_SECRET_WORD = re.compile(_SECRET_WORDS, re.IGNORECASE)
_SECRET = rf"[\w.-]*{_SECRET_WORDS}[\w.-]*"
_SECRET_NAME = re.compile(_SECRET, re.IGNORECASE)
_PLAIN_OPTION = re.compile(  # --name=value, NAME=value, --name value
    rf"""(?P<name>(?<![\w.-]){_SECRET}=|(?<!-)--{_SECRET}\s+(?!-))(?P<value>[^\s"']+)""",
    re.IGNORECASE,
)
_QUOTED_OPTION = re.compile(  # "name": "value", '--name', 'value', NAME='value'
    rf"""(?P<name>(?:["'](?:[\w-]+:)*{_SECRET}(?::\w+)?["']\s*[:,]\s*b?|(?<![\w.-]){_SECRET}=)"""
    r"""(?P<quote>["']))(?P<value>(?:(?!(?P=quote)).)+)""",
    re.IGNORECASE,
)
_SHORTEST = 8  # a shorter value may be an ordinary word


def mask_secrets(text: str, values: Iterable[str] = ()) -> str:
    """Returns a text with the secrets in it replaced by `***`.

    This masks the user-info and all query values of every URL, the values of options with names
    such as `password`, and all occurrences of the given values. A password may contain `@` or a
    slash, so everything up to the last `@` is masked, which may be more than the password.
    """
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            text = text.replace(value, MASK)
    if ":/" in text:
        text = _URL.sub(lambda found: found["scheme"] + _masked_rest(found["rest"]), text)
    if "@" in text:
        text = _USER_INFO.sub(f"{MASK}@", text)
    if _SECRET_WORD.search(text):
        for option in (_QUOTED_OPTION, _PLAIN_OPTION):
            text = option.sub(lambda found: found["name"] + MASK, text)
    return text


def masked_line(text: str) -> str:
    """Returns a text of another library as one line without secrets and final period."""
    return mask_secrets(" ".join(text.split()).rstrip("."))


def clause_of(error: BaseException) -> str:
    """Returns the text of an error in one line without secrets, to be a part of a sentence."""
    return uncapitalized(masked_line(str(error))) or type(error).__name__


def check_address(place: object) -> None:
    """Checks that a place, if it is a URL, contains no credentials and no query.

    Raises:
      ValueError: it does; the message is a clause that does not repeat the secret.
    """
    text = str(place)
    if _SCHEME.match(text) and (masked := _mask_url(text)) != text:
        raise ValueError(
            f"is {masked}; an address may not contain credentials or a query: give credentials in "
            f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or "
            f"GOOGLE_APPLICATION_CREDENTIALS, and another server in AWS_ENDPOINT_URL"
        )


def secret_values(words: Sequence[str]) -> Iterator[str]:
    """Yields the values of flags of a command line with names such as --s3_secret_access_key."""
    for word, following in itertools.zip_longest(words, words[1:], fillvalue=""):
        name, has_value, value = word.partition("=")
        if word.startswith("--") and _SECRET_NAME.fullmatch(name[2:]):
            yield value if has_value else following


def _mask_url(text: str) -> str:
    """Masks a text that is a single URL; its password may contain blanks and quotes."""
    scheme, _, rest = text.partition(":")
    slashes = len(rest) - len(rest.lstrip("/"))
    return f"{scheme}:{rest[:slashes]}{_masked_rest(rest[slashes:])}"


def _masked_rest(rest: str) -> str:
    """Masks the part of a URL after `scheme://`."""
    before, at, after = rest.rpartition("@")
    host = _IPV6_HOST.match(before)
    if at and (":" in before[host.end() if host else 0 :] or not re.search(r"[/?#]", before)):
        rest = f"{MASK}@{after}"
    elif at and (found := re.match(r"[^/?#]*@", rest)):
        rest = f"{MASK}@{rest[found.end() :]}"
    path, mark, query = _split_query(rest)
    return path + mark + "&".join(map(_masked_item, query.split("&")))


def _split_query(rest: str) -> tuple[str, str, str]:
    """Returns path, question mark and query; a fragment with values counts as a query."""
    found = re.search(r"\?|%3[Ff]|#(?=[^#]*=)", rest)
    return (rest[: found.start()], found[0], rest[found.end() :]) if found else (rest, "", "")


def _masked_item(item: str) -> str:
    name, equals, value = item.partition("=")
    if re.fullmatch(rf"{re.escape(MASK)}\W?", value):
        return item  # masked before, with the punctuation of its sentence
    if equals:
        return f"{name}={MASK}" if value else item
    return MASK if re.search(r"\w", item) else item  # not the question mark of a sentence
