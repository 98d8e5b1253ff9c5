"""All pages in headless Chromium: layout at two widths, contrast, errors and requests.

The pages have long names and many people. The figures are blank images of the usual size.
"""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from beam_pipelines.card import card_html
from facevoice.inspection.examples import walk_examples
from facevoice.inspection.sounds import page_mp3
from facevoice.reports.chart_style import DPI, WIDTH
from facevoice.reports.comparison import comparison_page
from facevoice.reports.evaluation_report import evaluation_report
from facevoice.reports.examples import examples_page
from facevoice.reports.run_report import run_report
from tests.beam_pipelines.card_datasets import FEATURES, manifest_of, write_set
from tests.browser import find_browser, open_browser
from tests.facevoice.reports.metrics import (
    ROBUSTNESS,
    SHARE,
    WEIGHING,
    evaluation_metrics,
    run_metrics,
)
from tfdata.manifest import Leak

LONG = "Maria_de_los_Angeles_" + "Wolfeschlegelsteinhausenbergerdorff" * 2
MANY = [LONG, *(f"Person_{i:04d}" for i in range(1250))]
FIGURES = (
    *("curves", "confusion", "confused", "weighing", "robustness"),
    *("reliability", "det", "trials_det", "samples"),
)
WIDTHS = (390, 1280)

# Elements that are wider than their box, unless it scrolls by itself.
OVERFLOWING = """
[...document.querySelectorAll("main *, header *")].filter(e => {
  if (e.closest(".wide, .hidden") || e.closest("svg")) return false;
  const box = e.getBoundingClientRect(), outer = e.parentElement.getBoundingClientRect();
  return box.width && box.right > outer.right + 1 && getComputedStyle(e).position !== "absolute";
}).map(e => `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 30)}`)
"""
# Words of column headers, names of settings, and numbers that are broken between two lines.
BROKEN = """
[...document.querySelectorAll("thead:not(.hidden) th, .values th, td")].flatMap(cell =>
  [...cell.childNodes].filter(node => node.nodeType === 3).flatMap(node =>
    [...node.data.matchAll(/\\S+/g)].filter(word => {
      if (cell.tagName === "TD" && !/^[-+\\d.,%]{1,12}$/.test(word[0])) return false;
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      return new Set([...range.getClientRects()].map(r => r.top)).size > 1;
    }).map(word => word[0])))
"""
# Texts with a lower contrast than WCAG 2.1, 1.4.3, asks for: 4.5, and 3 for large text.
FAINT = """
(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = colour => numbers(colour).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const backdrop = e => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if ((numbers(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Set();
  while (texts.nextNode()) {
    const node = texts.currentNode, e = node.parentElement, style = getComputedStyle(e);
    if (!node.data.trim() || e.closest("style, svg")) continue;
    const [a, b] = [luminance(style.color), luminance(backdrop(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), bold = style.fontWeight >= 700;
    if (contrast < (size >= 24 || (bold && size >= 18.7) ? 3 : 4.5))
      found.add(`${node.data.trim().slice(0, 30)}: ${contrast.toFixed(2)}`);
  }
  return [...found];
})()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium or Chrome is installed")
    plays = "--autoplay-policy=no-user-gesture-required"
    with open_browser(browser, tmp_path_factory.mktemp("profile"), plays) as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Name of a page to its file."""
    folder = tmp_path_factory.mktemp("pages")
    blank = io.BytesIO()
    Image.new("RGB", (round(WIDTH * DPI), 600), "white").save(blank, "PNG")
    figures = {f"{name}.png": blank.getvalue() for name in FIGURES}
    without_matrix = {name: png for name, png in figures.items() if name != "confusion.png"}
    confusions = [{"person": LONG, "named": name, "pairs": 3} for name in MANY[1:21]]

    people = {name: i / 1251 for i, name in enumerate(MANY)}
    test = run_metrics()["test"] | {
        "by_person": people,
        "pairs_by_person": dict.fromkeys(MANY, 12345),
    }
    run = run_metrics(
        test=test,
        robustness=ROBUSTNESS,
        weighing=WEIGHING,
        confusions=confusions,
        numbered_names={f"#{i}": name for i, name in enumerate(MANY)},
    )
    evaluation = evaluation_metrics(run=f"runs/{LONG}", data=f"data/{LONG}")
    found = evaluation["identification"]
    found |= {"by_person": dict.fromkeys(MANY, SHARE), "confusions": confusions}
    found["by_meta"]["nationality"][LONG] = SHARE
    rates = evaluation["verification"]["all"] | {"min_cllr": 0.1234, "cllr": 0.2345}
    rates |= {"as_norm": dict(rates), "equal_error_rate_low": 0.1, "equal_error_rate_high": 0.2}
    conditions = {f"nationality {LONG}": rates | {"threshold": 0.1}}
    evaluation["verification"] |= {"all": rates, "conditions": conditions}

    small = folder / "small"
    small.mkdir()
    names = [LONG, "Bob"]
    manifest = manifest_of(names, rejects={"unreadable": 3, LONG: 1})
    manifest = write_set(small, manifest)
    shown = [(example.place, example) for example in walk_examples(small, manifest)]
    noise = np.random.default_rng(1).normal(0, 0.1, 8000)
    sounds = {example.key: page_mp3(noise, 16000) for _, example in shown}
    leaks = {split: Leak(2000, 1999, 1500, 100) for split in ("validation", "test")}
    leaking = manifest_of(MANY, leakage=leaks)
    settings = {"model": "cnn_image", "data": f"/{LONG}", "manifest_sha256": "0" * 64}
    features = vars(FEATURES)
    no_leak = Leak(60, 0, 0)
    pages = {
        "card": card_html(small, manifest),
        "examples": examples_page(LONG, shown, FEATURES, sounds),
        "card of many": card_html(folder, leaking),
        "run": run_report("faces", "pair", run, settings, features, no_leak, figures),
        "evaluation": evaluation_report(evaluation, without_matrix),
        "comparison": comparison_page({"cnn_image": run, "crnn_audio": run}, no_leak),
    }
    written = {}
    for name, html in pages.items():
        written[name] = folder / f"{name.replace(' ', '_')}.html"
        written[name].write_text(html, encoding="utf-8")
    return written


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "name", ["card", "examples", "card of many", "run", "evaluation", "comparison"]
)
def test_pages_fit_and_are_legible(page, files, name, width, dark):
    page.open(files[name], width, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate(BROKEN) == []
    assert page.evaluate(FAINT) == []
    assert page.errors == []
    assert page.requests == [files[name].as_uri()]
    assert files[name].stat().st_size < 400_000


def test_a_voice_is_played(page, files):
    page.open(files["examples"], 1280)
    audio = "document.querySelector('audio')"
    page.evaluate(f"{audio}.preload = 'auto'")
    page.wait_until(f"{audio}.duration > 0")
    assert page.evaluate(f"{audio}.duration") == pytest.approx(0.5, abs=0.1)
    page.evaluate(f"void {audio}.play()")
    page.wait_until(f"{audio}.currentTime > 0.1")


def test_tables_are_sorted_by_a_click_or_a_key(page, files):
    page.open(files["examples"], 1280)
    column = "[...document.querySelectorAll('.sortable tbody tr')].map(r => r.cells[{}].innerText)"
    before = page.evaluate(column.format(4))
    heading = "document.querySelectorAll('.sortable th[scope=col]')[4]"
    assert len(set(before)) == 4
    for key, sign, state in (("Enter", 1, "ascending"), (" ", -1, "descending")):
        page.evaluate(f"{heading}.querySelector('button').focus()")
        page.press(key)
        found = [sign * float(text) for text in page.evaluate(column.format(4))]
        assert found == sorted(found)
        assert page.evaluate(f"{heading}.ariaSort") == state
    places = [f"{split} {i}" for split, n in (("train", 8), ("test", 2)) for i in range(n)]
    page.evaluate("document.querySelector('.sortable th button').click()")
    assert set(places) < set(page.evaluate(column.format(0)))
    page.evaluate(
        "document.querySelectorAll('.sortable tbody tr').forEach((row, number) => {"
        " row.cells[1].textContent = ['v10', '1,000', '9b', '20 %', 'v9', '10a'][number % 6]; })"
    )
    page.evaluate("document.querySelectorAll('.sortable th button')[1].click()")
    found = page.evaluate(column.format(1))
    assert list(dict.fromkeys(found)) == ["20 %", "1,000", "9b", "10a", "v9", "v10"]
    page.open(files["comparison"], 390)
    page.evaluate("document.querySelectorAll('.sortable th button')[1].click()")
    assert page.errors == []


def test_a_picture_of_a_page_is_its_top(page, files):
    page.open(files["comparison"], 500)
    picture = Image.open(io.BytesIO(page.screenshot(500, 300)))
    assert picture.size == (500, 300)
    assert len(set(picture.convert("L").getdata())) > 10
    whole = Image.open(io.BytesIO(page.screenshot(500)))
    assert whole.height == page.evaluate("document.documentElement.scrollHeight") > 300


def test_faults_of_a_page_are_found(page, tmp_path):
    file = tmp_path / "faulty.html"
    file.write_text("""<!doctype html><meta name="viewport" content="width=device-width">
        <body style="margin:0"><main style="width:300px">
        <p style="width:900px; color:#999; background:#fff">pale</p>
        <table style="width:40px; overflow-wrap:anywhere"><thead><tr><th>heading</th></tr></thead>
        <tbody><tr><td>1,234.56%</td></tr></tbody></table><script>console.error("failed")</script>
        <img src="https://example.invalid/a.png" alt=""></main>""")
    page.open(file, 390)
    assert page.evaluate("document.documentElement.scrollWidth") == 900
    assert any(found.startswith("P  pale") for found in page.evaluate(OVERFLOWING))
    assert page.evaluate(BROKEN) == ["heading", "1,234.56%"]
    assert page.evaluate(FAINT) == ["pale: 2.85"]
    assert any("failed" in error for error in page.errors)
    assert page.requests[1:] == ["https://example.invalid/a.png"]
