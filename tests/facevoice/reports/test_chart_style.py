"""Colours of charts and pages: one for each split, with enough contrast in both modes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from facevoice import reports
from facevoice.reports.chart_style import INK, SOFT, SPLIT_COLOURS

CSS = (Path(reports.__file__).parent / "templates" / "style.css").read_text()
WHITE = np.ones(3)
# The matrix of hue-rotate(180deg) in the Filter Effects specification of the W3C.
HUE_ROTATE_180 = [[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]]


def rgb(colour):
    digits = colour.removeprefix("#")
    digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    return np.frombuffer(bytes.fromhex(digits), np.uint8) / 255


def variables(css):
    """The colours of a rule of `:root`."""
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]+)", css[: css.index("}")]))


@pytest.fixture(scope="module")
def modes():
    light, dark = (variables(part) for part in CSS.split(":root {")[1:3])
    return {"light": light, "dark": light | dark}


def inverted(colour):
    """A colour of a chart in dark mode: invert(1) hue-rotate(180deg)."""
    assert "filter: invert(1) hue-rotate(180deg)" in CSS
    return np.clip(HUE_ROTATE_180 @ (1 - rgb(colour)), 0, 1)


def contrast(first, second):
    """The contrast ratio of WCAG 2.1."""
    luminances = []
    for colour in (first, second):
        linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        luminances.append(linear @ [0.2126, 0.7152, 0.0722])
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def test_the_formula_of_the_contrast_is_that_of_wcag():
    assert contrast(WHITE, rgb("#000")) == pytest.approx(21)
    assert contrast(WHITE, rgb("#767676")) == pytest.approx(4.54, abs=0.005)


def test_a_split_has_one_colour_in_charts_and_pages(modes):
    for split, colour in SPLIT_COLOURS.items():
        assert modes["light"][split] == colour
        assert rgb(modes["dark"][split]) == pytest.approx(inverted(colour), abs=2 / 255)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_and_marks_can_be_seen(modes, mode):
    colours = {name: rgb(colour) for name, colour in modes[mode].items()}
    for background in ("paper", "card"):
        for text in ("ink", "soft", "good", "bad"):
            assert contrast(colours[text], colours[background]) > 4.5, (text, background)
        for mark in (*SPLIT_COLOURS, "accent"):
            assert contrast(colours[mark], colours[background]) > 3, (mark, background)
    for text in (INK, SOFT):  # in charts, on white or on the inverted page
        seen = rgb(text) if mode == "light" else inverted(text)
        assert contrast(seen, WHITE if mode == "light" else colours["paper"]) > 4.5
