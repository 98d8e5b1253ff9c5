"""The page of the server in headless Chromium, with a simulated camera and microphone."""

from __future__ import annotations

import base64
import io

import pytest
import soundfile

from tests.facevoice.reports.test_pages_in_a_browser import BROKEN, FAINT, OVERFLOWING
from tests.facevoice.serving.conftest import MARKUP

# Form fields and pictures without a name for screen readers, by the accessibility tree.
NAMED_ROLES = {"button", "textbox", "image", "link", "table", "form", "region", "Audio", "Video"}
TEXT = "document.getElementById('{}').textContent"
VISIBLE = "document.getElementById('{}')?.getClientRects().length"


def click(page, selector):
    page.evaluate(f"document.querySelector({selector!r}).click()")


def identify(page, media, name):
    """Chooses the face and the clip of a person, and waits for the answer."""
    page.choose_file("#face", media / f"{name}.jpg")
    page.choose_file("#audio", media / f"{name}.wav")
    click(page, "#identify")
    page.wait_until(VISIBLE.format("answer"))


def unnamed(page):
    """Returns elements whose role needs a name that have none."""
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    found = []
    for node in nodes:
        role = node.get("role", {}).get("value")
        if not node["ignored"] and role in NAMED_ROLES and not node.get("name", {}).get("value"):
            found.append(role)
    assert len(nodes) > 20
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_an_answer_fits_and_is_legible(page, server, media, width, dark):
    page.open(server.url, width, dark=dark)
    identify(page, media, "markup")
    assert page.evaluate(TEXT.format("answer-name")) == MARKUP
    assert page.evaluate("document.title.startsWith('FaceVoice')")
    assert page.evaluate("document.activeElement.id") == "answer-name"
    assert page.evaluate("document.querySelectorAll('#answer-media img').length") == 2
    page.wait_until("[...document.querySelectorAll('#answer-media img')].every(x => x.complete)")
    assert page.evaluate("[...document.images].every(x => x.hidden || x.naturalWidth > 0)")
    assert page.evaluate("document.querySelectorAll('#evidence-bars tr').length") == 2
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate(BROKEN) == []
    assert page.evaluate(FAINT) == []
    assert unnamed(page) == []
    assert page.errors == []
    assert all(url.startswith((server.url, "blob:")) for url in page.requests), page.requests


def test_unknown_people_bad_files_and_missing_files(page, server, media, tmp_path):
    page.open(server.url, 390)
    click(page, "#identify")
    page.wait_until(VISIBLE.format("problem"))
    assert page.evaluate(TEXT.format("problem")) == "Choose a photograph or a clip first."
    identify(page, media, "Zoë")
    assert page.evaluate(TEXT.format("answer-name")) == "Unknown"
    (tmp_path / "letter.jpg").write_text("dear")
    page.choose_file("#face", tmp_path / "letter.jpg")
    click(page, "#identify")
    page.wait_until(VISIBLE.format("problem"))
    assert page.evaluate(TEXT.format("problem")).startswith("The face image cannot be used")
    assert not page.evaluate(VISIBLE.format("answer"))
    (tmp_path / "large.jpg").write_bytes(bytes(300_001))
    page.choose_file("#face", tmp_path / "large.jpg")
    click(page, "#identify")
    page.wait_until(f"{TEXT.format('problem')}.includes('larger than 0.3 MB')")


def test_people_are_enrolled_and_forgotten_with_the_token(page, server, media):
    page.open(server.url, 1280)
    assert not page.evaluate(VISIBLE.format("unlocked"))
    page.evaluate("document.getElementById('token').value = 'wrong'")
    click(page, "#token-form button")
    page.wait_until(f"{TEXT.format('problem')}.includes('token')")
    page.open(f"{server.url}?#token={server.token}", 1280)
    page.wait_until(VISIBLE.format("unlocked"))
    assert page.evaluate("location.href") == server.url
    names = "[...document.querySelectorAll('#people b')].map(x => x.textContent)"
    assert page.evaluate(names) == [MARKUP, "Ann", "Bob"]
    page.choose_file("#face", media / "Zoë.jpg")
    page.evaluate("document.getElementById('name').value = 'Zoë'")
    click(page, "#enroll button")
    page.wait_until(f"{TEXT.format('status')} === 'Zoë is enrolled.'")
    assert page.evaluate(names) == [MARKUP, "Ann", "Bob", "Zoë"]
    page.evaluate("window.confirm = () => true")
    click(page, "[aria-label='Forget Zoë']")
    page.wait_until(f"{names}.length === 3")
    assert unnamed(page) == []


def test_a_dropped_file_is_chosen(page, server, media):
    page.open(server.url, 1280)
    box = page.evaluate("document.getElementById('audio-drop').getBoundingClientRect().toJSON()")
    place = {"x": box["x"] + 20, "y": box["y"] + box["height"] - 10}
    data = {"items": [], "files": [str(media / "Ann.wav")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.call("Input.dispatchDragEvent", type=kind, data=data, **place)
    page.wait_until("document.getElementById('audio').files.length")
    assert page.evaluate("document.getElementById('audio').files[0].name") == "Ann.wav"
    click(page, "#identify")
    page.wait_until(VISIBLE.format("answer"))
    assert page.evaluate(TEXT.format("answer-name")) == "Ann"


def test_the_keyboard_reaches_everything(page, server, media):
    page.open(f"{server.url}?#token={server.token}", 390)
    page.wait_until(VISIBLE.format("unlocked"))
    page.choose_file("#face", media / "Ann.jpg")
    reached = []
    while (focused := page.evaluate("document.activeElement.id")) != "identify":
        page.press("Tab")
        reached.append(focused)
        assert len(reached) < 20, reached
    assert {"face", "camera-button", "audio", "record-button"} <= set(reached)
    page.press("Enter")
    page.wait_until(VISIBLE.format("answer"))
    assert page.evaluate(TEXT.format("answer-name")) == "Ann"
    assert page.evaluate("document.activeElement.id") == "answer-name"


def test_a_photograph_is_taken_and_a_voice_recorded(page, server):
    page.open(server.url, 1280)
    click(page, "#camera-button")
    page.wait_until(VISIBLE.format("shutter"))
    click(page, "#shutter")
    page.wait_until("document.getElementById('face').files.length")
    assert page.evaluate("document.getElementById('face').files[0].name") == "camera.png"
    assert not page.evaluate(VISIBLE.format("camera"))
    click(page, "#record-button")
    page.wait_until(f"{TEXT.format('record-button')} === 'Stop'")
    page.evaluate("window.recordingSince = performance.now()")
    page.wait_until("performance.now() - recordingSince > 1200")
    click(page, "#record-button")
    page.wait_until("document.getElementById('audio').files.length")
    page.evaluate("""document.getElementById("audio").files[0].arrayBuffer().then(
        content => { window.recorded = btoa(String.fromCharCode(...new Uint8Array(content))) })""")
    page.wait_until("window.recorded")
    recorded = base64.b64decode(page.evaluate("recorded"))
    samples, rate_hz = soundfile.read(io.BytesIO(recorded), always_2d=True)
    assert (rate_hz, samples.shape[1]) == (16000, 1)
    assert len(samples) > 0.8 * rate_hz
    assert abs(samples).max() > 0.05
    click(page, "[data-for=audio]")
    assert page.evaluate("document.getElementById('audio').files.length") == 0
    click(page, "#identify")
    page.wait_until(f"{VISIBLE.format('answer')} || {VISIBLE.format('problem')}")
    assert page.evaluate(TEXT.format("problem")) == ""
    assert page.evaluate("document.querySelectorAll('#answer-media img').length") == 1
    assert page.errors == []


def test_the_description_of_the_interface_fits(page, server):
    for width in (390, 1280):
        page.open(f"{server.url}api", width)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(OVERFLOWING) == []
        assert page.evaluate(FAINT) == []
        assert page.errors == []
        assert all(url.startswith(server.url) for url in page.requests)
