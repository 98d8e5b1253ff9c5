"""Renders the HTML pages from their Jinja templates.

Pages are self-contained: style sheet, images and sounds are part of the file. The only script sorts
tables; pages work without it.
"""

from __future__ import annotations

import base64
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tfdata.text import agree, counted, printable


def render(template: str, **context: Any) -> str:
    """Renders a template to a complete page; every value is escaped."""
    return _ENVIRONMENT.get_template(template).render(context)


def png_data_url(png: bytes) -> str:
    """Returns a PNG image as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def jpeg_data_url(jpeg: bytes) -> str:
    """Returns a JPEG image as a data URL."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def mp3_data_url(mp3: bytes) -> str:
    """Returns a sound as a data URL."""
    return f"data:audio/mpeg;base64,{base64.b64encode(mp3).decode()}"


def percent(share: float, digits: int = 1) -> str:
    """Formats a proportion as a percentage."""
    return f"{share:.{digits}%}"


def _escape_controls(value: Any) -> Any:
    """Escapes control characters, which HTML does not allow, in all text but markup."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_ENVIRONMENT = Environment(
    loader=PackageLoader("facevoice.reports"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_escape_controls,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "percent": percent,
    "number": "{:,}".format,
    "agree": agree,
    "counted": counted,
}
