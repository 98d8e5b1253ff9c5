"""Names in figures: signs of formulas, missing glyphs, and lengths."""

from __future__ import annotations

import io
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from facevoice.reports import chart_style, evaluation_figures, inspection_figures, media_figures
from facevoice.reports.drawing import draw_figures
from facevoice.reports.evaluation_report import evaluation_report
from facevoice.reports.figure_text import figure_name, figure_text, numbered_names
from facevoice.reports.run_report import run_report
from tests.facevoice.reports.metrics import PNG, evaluation_metrics, run_metrics
from tests.html_pages import Page, check_accessible
from tfdata.examples import Example
from tfdata.manifest import Leak

LONG = "Maria_de_los_Angeles_Fernandez_de_Cordoba"
LONGEST = "W" * 120
NAMES = ["Joey_Bada$$", "Ke$ha_$ign", r"$\frac{", LONG, LONG + "_2", LONGEST, "王小明", "محمد_علي"]
NAMES += ["a\nb\x1b[2J", "🦄", "Zoe\u0308", "न\u0940ता", "#0"]
FACE, LEVELS = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
HZ = np.linspace(60, 7600, 8)


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("Joey_Bada$$", "Joey Bada$$"),
        ("Ke$ha_$ign", "Ke$ha $ign"),
        ("Zoe\u0308", "Zoë"),
        ("O'Néill-Đặng", "O'Néill-Đặng"),
        ("a\nb", r"a\nb"),
        (LONG, "#7 Maria de los Angeles…"),
        ("王小明", "#7"),
        ("محمد_علي", "#7"),
        ("🦄", "#7"),
        ("न\u0940ता", "#7"),
        ("#0", "#7"),
    ],
)
def test_a_name_is_drawn_as_text_or_as_a_number(name, drawn):
    assert figure_name(name, 7) == drawn


def test_numbered_names_are_those_that_figures_do_not_show_in_full():
    assert numbered_names(["Ann", LONG, "王小明", "A_b"]) == {"#1": LONG, "#2": "王小明"}
    assert len(set(map(figure_name, NAMES, range(len(NAMES))))) == len(NAMES)


def test_other_text_is_escaped_and_shortened():
    assert figure_text("video 王, $1$") == r"video \u738b, $1$"
    assert figure_text("a" * 40, 10) == "aaaaaaaaa…"


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are drawn, with their texts; a warning is an error."""
    found, usual = [], Figure.savefig

    def savefig(figure, *args, **settings):
        usual(figure, *args, **settings | {"dpi": 40})
        texts = figure.findobj(Text)
        assert not any(text.get_parse_math() or text.get_usetex() for text in texts)
        found.append((figure, {text.get_text() for text in texts}))

    monkeypatch.setattr(Figure, "savefig", savefig)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield found


def test_names_are_text_in_every_figure(drawn):
    named = [(figure_name(name, i), FACE, LEVELS) for i, name in enumerate(NAMES[:8])]
    with mpl.rc_context({"text.parse_math": True, "font.family": "serif"}):  # a user's settings
        evaluation_figures.confusion_matrix(np.eye(len(NAMES), dtype=np.int64), NAMES)
        media_figures.example_grid(named, HZ, 1.0)
        for name in (NAMES[0], NAMES[7]):
            inspection_figures.example_figure(name, 7, name * 3, FACE, LEVELS, HZ, 1.0, -80.0)
    example = Example(FACE, LEVELS, NAMES[0], "v", "k", "f", "a", 0)
    pair = tuple((figure_name(name, 1), example, "caption") for name in NAMES[:2])
    media_figures.confused_pairs([pair], HZ, 1.0)
    names = {"Joey Bada$$", "Ke$ha $ign", r"$\frac{", "#6", "#7"}
    matrix, grid, first, second, pairs = (texts for _, texts in drawn)
    assert names <= matrix & grid
    assert names & first == {"Joey Bada$$"}
    assert names & second == {"#7"}
    assert names & pairs == {"Joey Bada$$", "Ke$ha $ign"}


@pytest.mark.parametrize("names", [[LONGEST, "b"], NAMES, [LONGEST + str(i) for i in range(60)]])
def test_a_confusion_matrix_of_long_names_is_readable(drawn, names):
    png = evaluation_figures.confusion_matrix(np.eye(len(names), dtype=np.int64), names)
    (axes,) = drawn[0][0].axes
    share = axes.get_position().width
    assert share * Image.open(io.BytesIO(png)).width * chart_style.DPI / 40 > 150
    assert share > 0.3


def test_a_figure_that_fails_is_one_line_and_the_others_are_drawn(capsys):
    def fail():
        raise ValueError("bad\nluck")

    def warn():
        warnings.warn("too\nsmall", stacklevel=1)
        return b"2"

    drawn = draw_figures({"a.png": fail, "b.png": lambda: b"1", "c.png": warn})
    assert drawn == {"b.png": b"1", "c.png": b"2"}
    assert capsys.readouterr().err == (
        "warning: a.png could not be drawn (ValueError: bad); all other files are written.\n"
        "warning: c.png: too\\nsmall\n"
    )


def test_reports_say_whose_number_is_in_the_figures():
    numbered = {"#1": LONG, "#2": "王小明"}
    run = run_report(
        "faces", "image", run_metrics(numbered_names=numbered), {"data": "d"}, {}, Leak(1, 0, 0), {}
    )
    for html in (run, evaluation_report(evaluation_metrics(numbered_names=numbered), {"a": PNG})):
        page = Page(html)
        check_accessible(page)
        assert ["#1", LONG.replace("_", " ")] in page.rows
        assert ["#2", "王小明"] in page.rows
    assert "as numbers" not in evaluation_report(evaluation_metrics(), {})
