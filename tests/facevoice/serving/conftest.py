"""A server of a gallery of Ann, Bob and a person whose name is markup; a browser."""

from __future__ import annotations

import pytest

from facevoice.gallery.impostors import Impostors
from facevoice.gallery.thresholds import ENCODER_IMPOSTORS
from tests.browser import find_browser, open_browser
from tests.conftest import write_clip, write_face
from tests.facevoice.gallery.encoders import Pixels, Waveform
from tests.facevoice.serving.servers import gallery_backend, serve

SIMULATED = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
MARKUP = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """Face and clip of each person, and those of Zoë, who is not enrolled."""
    folder = tmp_path_factory.mktemp("media")
    for seed, name in enumerate(("Ann", "Bob", "markup", "Zoë")):
        write_face(folder / f"{name}.jpg", seed)
        write_clip(folder / f"{name}.wav", seed)
    return folder


@pytest.fixture(scope="module")
def server(media, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for encoder in (Pixels, Waveform):  # so that there is a threshold
            patch.setitem(ENCODER_IMPOSTORS, encoder.info.name, Impostors(0, 0.1))
        backend = gallery_backend(tmp_path_factory.mktemp("galleries") / "friends")
        for name in ("Ann", "Bob", "markup"):
            files = {"face": str(media / f"{name}.jpg"), "audio": str(media / f"{name}.wav")}
            known = MARKUP if name == "markup" else name
            backend.enroll(known, files, {"face": "1.jpg", "audio": "1.wav"})
        with serve(backend) as running:
            yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium or Chrome is installed")
    with open_browser(browser, tmp_path_factory.mktemp("profile"), *SIMULATED) as opened:
        opened.call("DOM.enable")
        opened.call("Accessibility.enable")
        yield opened
