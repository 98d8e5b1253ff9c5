"""Parses HTML pages for tests."""

from __future__ import annotations

import base64
import io
import itertools
import re
from html.parser import HTMLParser
from importlib.resources import files

from PIL import Image

_SORT = files("facevoice").joinpath("reports/templates/sort.js").read_text()
SORT_SCRIPT = f"<script>\n{_SORT.rstrip()}\n</script>"
VOID = ("meta", "img", "!doctype")


class Page(HTMLParser):
    """The elements and the text of a page; fails if elements are not closed in order.

    Attributes:
      elements: (tag, attributes) in document order.
      images: attributes of the images.
      sounds: contents of the audio elements.
      headings: (level, text).
      rows: texts of the cells of each table row.
    """

    def __init__(self, html):
        super().__init__()
        self.elements, self.images, self.sounds, self.headings, self.rows = [], [], [], [], []
        self.texts, self.open = [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        if tag == "img":
            self.images.append(attributes)
        elif tag == "audio":
            self.sounds.append(base64.b64decode(attributes["src"].partition(",")[2]))
            self.open.append(tag)
        elif tag not in VOID:
            self.open.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append((int(tag[1]), ""))
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"style", "script"} & {*self.open}:
            return
        self.texts.append(data)
        for level in (1, 2, 3):
            if f"h{level}" in self.open:
                self.headings[-1] = (level, self.headings[-1][1] + data)
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def all(self, tag, **attributes):
        """Returns the attributes of the elements with this tag and these attributes."""
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key) == value for key, value in attributes.items())
        ]


def check_accessible(page):
    """Checks headings, table headers and alternative texts."""
    levels = [level for level, _ in page.headings]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all(text.strip() for _, text in page.headings)
    assert all(header.get("scope") in ("row", "col") for header in page.all("th"))
    assert all(image["alt"] for image in page.images)
    assert page.all("html", lang="en")
    assert len(page.all("title")) == len(page.all("main")) == len(page.all("header")) == 1


def check_self_contained(html):
    """Checks that a page needs no other file and runs no script but the one that sorts tables."""
    html = html.replace(SORT_SCRIPT, "")
    page = Page(html)
    assert not page.all("script") + page.all("link") + page.all("iframe")
    assert "<script" not in html
    assert "http" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert all(re.match(r"data:image/(png|jpeg);base64,", image["src"]) for image in page.images)
    assert html.count("src=") == len(page.images) + len(page.sounds)
    assert html.count('src="data:audio/mpeg;base64,') == len(page.sounds)
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]


def decode_image(image):
    """Decodes the PNG of an image element."""
    return Image.open(io.BytesIO(base64.b64decode(image["src"].partition("base64,")[2])))
