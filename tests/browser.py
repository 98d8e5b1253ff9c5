"""Opens pages in headless Chromium, through the DevTools protocol over a pipe.

`python -m tests.browser PAGE PICTURE` writes a picture of the top of a page, for the documentation.

https://chromedevtools.github.io/devtools-protocol/ describes the methods. Messages are JSON texts
that end with a zero byte; Chromium reads them from file descriptor 3 and writes them to 4.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",  # which root may not use
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)
# Puts the pipes where Chromium expects them; first above both, as they may be 3 and 4.
PUT_PIPES = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(pipe), fcntl.F_DUPFD, 10) for pipe in sys.argv[1:3]]
for pipe, place in zip(pipes, (3, 4)):
    os.dup2(pipe, place)
    os.close(pipe)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_browser() -> str | None:
    """Returns the path of an installed Chromium or Chrome."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class BrowserPage:
    """A tab, and what happened in it.

    Attributes:
      requests: URLs that were requested, without data URLs.
      errors: errors of the console and of scripts.
    """

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._buffer, self._count = b"", 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.errors: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def open(self, page: Path | str, width: int, *, dark: bool = False) -> None:
        """Opens a file or a URL; `requests` and `errors` are of this page only."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.requests.clear()
        self.errors.clear()
        self.loaded = False
        url = page if isinstance(page, str) else page.resolve().as_uri()
        self.call("Page.navigate", url=url)
        while not self.loaded:
            self._take(self._read())

    def evaluate(self, script: str) -> Any:
        """Returns the value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_until(self, script: str, seconds: float = 10.0) -> None:
        """Waits until a JavaScript expression is true; fails if it stays false."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({script})"):
            assert time.monotonic() < deadline, f"{script} stays false"
            time.sleep(0.02)

    def choose_file(self, selector: str, path: Path) -> None:
        """Chooses a file in a file input, as its dialog does."""
        found = self.call("Runtime.evaluate", expression=f"document.querySelector({selector!r})")
        self.call("DOM.setFileInputFiles", files=[str(path)], objectId=found["result"]["objectId"])

    def press(self, key: str) -> None:
        """Presses a key: Tab, Enter or a space."""
        code, text = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " ")}[key]
        params = {"key": key, "windowsVirtualKeyCode": code, "text": text}
        self.call("Input.dispatchKeyEvent", type="keyDown", **params)
        self.call("Input.dispatchKeyEvent", type="keyUp", **params)

    def screenshot(self, width: int, height: int | None = None) -> bytes:
        """Returns the page, or its top of a height, as PNG."""
        height = height or self.evaluate("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        found = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    def call(self, method: str, **params: Any) -> Any:
        """Calls a method of the DevTools protocol and returns its result."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._count:
            self._take(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = os.read(self._from, 1 << 16)
            assert data, "the browser ended"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _take(self, event: dict[str, Any]) -> None:
        """Keeps what an event says."""
        method, params = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Network.requestWillBeSent":
            if not (url := params["request"]["url"]).startswith("data:"):
                self.requests.append(url)
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.errors.append(str(params["args"]))


@contextmanager
def open_browser(browser: str, profile: Path, *flags: str) -> Iterator[BrowserPage]:
    """Starts a browser with an empty profile, and ends it.

    Args:
      browser: path of the program.
      profile: directory for its files.
      flags: more flags of the program.
    """
    read_commands, to_browser = os.pipe()
    from_browser, write_answers = os.pipe()
    ends = (read_commands, write_answers)
    launcher = (sys.executable, "-c", PUT_PIPES, *map(str, ends))
    process = subprocess.Popen(
        [*launcher, browser, *FLAGS, *flags, f"--user-data-dir={profile}"],
        pass_fds=ends,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for end in ends:
        os.close(end)
    try:
        yield BrowserPage(to_browser, from_browser)
    finally:
        os.close(to_browser)  # a closed pipe ends the browser
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(from_browser)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes a picture of the top of a page.")
    parser.add_argument("page", type=Path, help="HTML file")
    parser.add_argument("picture", type=Path, help="PNG file to write, of 256 colours")
    parser.add_argument("--width", type=int, default=1000, help="pixels (default: 1000)")
    parser.add_argument("--height", type=int, default=1500, help="pixels (default: 1500)")
    flags = parser.parse_args()
    browser = find_browser()
    if browser is None:
        parser.error(f"none of {', '.join(NAMES)} is installed")
    with tempfile.TemporaryDirectory() as profile, open_browser(browser, Path(profile)) as page:
        page.open(flags.page, flags.width)
        png = page.screenshot(flags.width, flags.height)
    # An octree keeps the colours of small marks, such as the dot of a split.
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(256, Image.Quantize.FASTOCTREE).save(flags.picture, optimize=True)


if __name__ == "__main__":
    main()
