"""Measures how `facevoice serve` answers many requests at once.

    python benchmarks/serving.py URL --face photo.jpg [--audio clip.wav]

URL is the address that the server prints. Each round sends as many requests as `--at_once` at the
same time; a request is lost if it gets no answer, or another status than 200.
"""

from __future__ import annotations

import argparse
import http.client
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from urllib.parse import urlsplit

import numpy as np

BOUNDARY = "facevoice-benchmark"
TIMEOUT_SECONDS = 300.0


def main(argv: Sequence[str] | None = None) -> None:
    """Prints latencies and lost requests."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", help="address of the server")
    parser.add_argument("--face", type=Path, help="face image to send")
    parser.add_argument("--audio", type=Path, help="clip to send")
    parser.add_argument("--at_once", type=int, default=50, help="requests at once (default: 50)")
    parser.add_argument("--rounds", type=int, default=4, help="rounds (default: 4)")
    flags = parser.parse_args(argv)
    given = {"face": flags.face, "audio": flags.audio}
    files = {field: path.read_bytes() for field, path in given.items() if path is not None}
    if not files:
        parser.error("no file is given; use --face, --audio, or both.")
    body = form(files)
    alone = [request(flags.url, body) for _ in range(10)]
    report("one after the other", alone)
    found: list[float | None] = []
    started = time.monotonic()
    with ThreadPoolExecutor(flags.at_once) as pool:
        for _ in range(flags.rounds):
            start = Barrier(flags.at_once)
            found += pool.map(
                lambda _, start=start: request(flags.url, body, start), [0] * start.parties
            )
    report(f"{flags.at_once} at once", found)
    print(f"{len(found) / (time.monotonic() - started):.1f} requests per second")


def form(files: dict[str, bytes]) -> bytes:
    """Returns the body of a form with files."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="file"\r\n\r\n'
        .encode() + content + b"\r\n"
        for field, content in files.items()
    ]  # fmt: skip
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def request(url: str, body: bytes, start: Barrier | None = None) -> float | None:
    """Returns the seconds from sending a request to the end of its answer; None if it is lost."""
    if start is not None:
        start.wait()
    began = time.monotonic()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_SECONDS)
    try:
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        connection.request("POST", "/identify", body, kind)
        answer = connection.getresponse()
        answer.read()
        return time.monotonic() - began if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def report(title: str, latencies: Sequence[float | None]) -> None:
    """Prints the quantiles of latencies."""
    seconds = [each for each in latencies if each is not None]
    quantiles = np.quantile(seconds, [0.5, 0.99]) if seconds else (np.nan, np.nan)
    p50, p99 = quantiles
    lost = len(latencies) - len(seconds)
    print(f"{title}: {len(latencies)} requests, {lost} lost, p50 {p50:.3f} s, p99 {p99:.3f} s")


if __name__ == "__main__":
    main()
