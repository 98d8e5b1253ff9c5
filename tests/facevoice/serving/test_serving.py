"""Requests to a real server: answers, refusals, hostile files, and what remains of uploads."""

from __future__ import annotations

import io
import json
import socket
import struct
import tempfile
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facevoice.evaluation.inference import Query, predict
from facevoice.evaluation.runs import open_run
from facevoice.gallery.store import read_gallery
from facevoice.gallery.thresholds import ENCODER_IMPOSTORS
from facevoice.serving.run_backend import RunBackend
from facevoice.serving.security import host_names, is_loopback
from facevoice.serving.worker import WorkerBackend
from tests.facevoice.gallery.encoders import Pixels
from tests.facevoice.serving.conftest import MARKUP
from tests.facevoice.serving.servers import BOUNDARY, LIMITS, form, gallery_backend, serve
from tests.tools import untrained_run

FORM = f"multipart/form-data; boundary={BOUNDARY}"


def face_of(media, name):
    return ("face", (media / f"{name}.jpg").read_bytes(), f"{name}.jpg")


def clip_of(media, name):
    return ("audio", (media / f"{name}.wav").read_bytes(), f"{name}.wav")


def test_a_face_and_a_voice_are_identified(server, media):
    status, answer = server.send("/identify", face_of(media, "Ann"), clip_of(media, "Ann"))
    assert (status, answer["answer"], answer["known"]) == (200, "Ann", True)
    assert {each["name"] for each in answer["people"]} == {"Ann", "Bob", MARKUP}
    assert answer["people"][0]["score"] > answer["threshold"]
    for field in ("face", "audio"):
        assert answer[field]["picture"].startswith("data:image/png;base64,")
        assert answer[field]["people"][0]["name"] == "Ann"
    evidence = answer["evidence"]
    assert (evidence["name"], evidence["rival"]) == ("Ann", answer["people"][1]["name"])
    difference = answer["people"][0]["score"] - answer["people"][1]["score"]
    assert (evidence["face"] + evidence["audio"]) / 2**0.5 == pytest.approx(difference, rel=1e-5)


@pytest.mark.parametrize("part", [face_of, clip_of])
def test_one_medium_is_enough_and_others_are_unknown(server, media, part):
    status, answer = server.send("/identify", part(media, "Zoë"))
    assert (status, answer["answer"], answer["known"]) == (200, None, False)
    assert answer["evidence"] is None
    assert [answer["face"] is None, answer["audio"] is None] == [part == clip_of, part == face_of]


def test_an_empty_field_of_a_page_is_no_file(server, media):
    status, answer = server.send("/identify", face_of(media, "Bob"), ("audio", "", ""))
    assert (status, answer["answer"], answer["audio"]) == (200, "Bob", None)


def test_the_page_asks_for_nothing_from_elsewhere_and_has_a_policy(server):
    for path in ("/", "/api"):
        status, answer, html = server.ask("GET", path)
        assert status == 200
        assert "http:" not in html
        assert "https:" not in html
        assert "style=" not in html
        assert "<style" not in html
        policy = answer.getheader("content-security-policy")
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.getheader("cache-control") == "no-store"
    for name in ("style.css", "serve.css", "serve.js", "capture.js"):
        assert server.ask("GET", f"/static/{name}")[0] == 200
    for name in ("app.py", "../app.py", "%2e%2e%2fapp.py", ""):
        assert server.ask("GET", f"/static/{name}")[0] == 404


def test_the_interface_is_described(server):
    status, _, described = server.ask("GET", "/openapi.json")
    assert (status, described["openapi"]) == (200, "3.1.0")
    assert list(described["paths"]) == ["/identify", "/people", "/enroll", "/forget"]
    schemas = described["components"]["schemas"]
    page = server.ask("GET", "/api")[2]
    for reference in json.dumps(described).split('"$ref": "#/components/schemas/')[1:]:
        name = reference.partition('"')[0]
        assert name in schemas
        assert f'id="{name}"' in page


def test_answers_have_the_described_fields(server, media):
    schemas = server.ask("GET", "/openapi.json")[2]["components"]["schemas"]
    _, answer = server.send("/identify", face_of(media, "Ann"), clip_of(media, "Ann"))
    assert list(answer) == schemas["Answer"]["required"]
    assert list(answer["face"]) == schemas["Medium"]["required"]
    assert list(answer["evidence"]) == schemas["Evidence"]["required"]
    assert list(answer["people"][0]) == schemas["Match"]["required"]


@pytest.mark.parametrize(
    ("parts", "status", "message"),
    [
        ([], 422, "No file was sent"),
        ([("face", "text")], 422, "The field 'face' is not a file."),
        ([("photo", b"x", "x.jpg")], 422, "The field 'photo' is unknown or repeated"),
        ([("face", b"x", "x.jpg")] * 2, 422, "The field 'face' is unknown or repeated"),
        ([("face", b"x", "x.jpg")] * 3, 400, "Too many files"),
        ([("face", b"x" * 300_000, "x.jpg")], 413, "The files are larger than 0.3 MB together"),
        ([("audio", b"dear", "letter.wav")], 422, "The clip cannot be used (unreadable: "),
    ],
)
def test_bad_forms_are_one_line(server, parts, status, message):
    found, answer = server.send("/identify", *parts)
    assert found == status
    assert list(answer) == ["error"]
    assert answer["error"].startswith(message)
    assert "\n" not in answer["error"]
    assert "/" not in answer["error"]  # no path of the server


def test_requests_of_other_names_and_websites_are_refused(server, media):
    body = form(face_of(media, "Ann"))

    def status(**headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return server.ask("POST", "/identify", body, **{"Content-Type": FORM} | headers)[0]

    host = f"127.0.0.1:{server.port}"
    assert status() == 200
    assert status(Origin=f"http://{host}", Sec_Fetch_Site="same-origin") == 200
    assert status(Host="faces.example") == 200
    assert status(Host=f"LOCALHOST:{server.port}", Origin=f"http://localhost:{server.port}") == 200
    for name in ("evil.example", "", "127.0.0.1.evil.example", "evil.example:127.0.0.1", "[::2]"):
        assert status(Host=name) == 403
    for origin in ("null", "http://evil.example", "http://127.0.0.1:1", f"http://{host}.example"):
        assert status(Origin=origin) == 403
    assert status(Sec_Fetch_Site="cross-site") == 403
    assert server.ask("GET", "/", Host="evil.example")[0] == 403
    refused = server.ask("GET", "/", Host='<a href="x">')
    assert refused[2]["error"].startswith("The host ")
    assert refused[1].getheader("content-security-policy")


def test_enrolling_and_forgetting_need_the_token(server, media):
    person = ("name", "Zoë")
    for token in (None, "wrong", "é"):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers = {key: value.encode("latin-1") for key, value in headers.items()}
        for path, parts in (("/enroll", [person, face_of(media, "Zoë")]), ("/forget", [person])):
            status, answer = server.send(path, *parts, **headers)
            assert (status, list(answer)) == (401, ["error"])
        assert server.ask("GET", "/people", **headers)[0] == 401


def test_people_are_enrolled_and_forgotten(server, media):
    ask = {"Authorization": f"Bearer {server.token}"}
    before = server.ask("GET", "/people", **ask)[2]
    assert before["people"][0] == {"name": MARKUP, "image": 1, "audio": 1}
    parts = [("name", "Zoe\u0308"), face_of(media, "Zoë")]
    for added in (1, 0):
        status, answer = server.send("/enroll", *parts, token=server.token)
        assert (status, answer) == (200, {"name": "Zoë", "added": added})
    assert server.send("/identify", face_of(media, "Zoë"))[1]["answer"] == "Zoë"
    assert server.send("/forget", ("name", "Zoë"), token=server.token) == (200, {"name": "Zoë"})
    assert server.ask("GET", "/people", **ask)[2] == before
    status, answer = server.send("/forget", ("name", "Zoë"), token=server.token)
    assert status == 422
    assert answer["error"].startswith("The gallery has no person 'Zoë'")
    for name in ("", " ", "a\nb", "x" * 201):
        parts = [("name", name), face_of(media, "Zoë")]
        status, answer = server.send("/enroll", *parts, token=server.token)
        assert status == 422
        assert answer["error"].startswith("The name ")
    assert server.ask("GET", "/people", **ask)[2] == before


def test_the_first_enrolment_creates_a_gallery_that_records_names_of_files(
    media, tmp_path, monkeypatch
):
    # Without a default for the encoder, nobody is named.
    monkeypatch.delitem(ENCODER_IMPOSTORS, Pixels.info.name, raising=False)
    backend = gallery_backend(tmp_path / "new")
    with serve(backend) as server:
        status, answer = server.send("/identify", face_of(media, "Ann"))
        assert (status, answer["error"]) == (422, "The gallery has no samples of image.")
        file = ("face", (media / "Ann.jpg").read_bytes(), "C:\\secret\\../../etc/pass wd.jpg")
        assert server.send("/enroll", ("name", "Ann"), file, token=server.token)[0] == 200
        answer = server.send("/identify", face_of(media, "Ann"))[1]
        assert (answer["answer"], answer["known"], answer["threshold"]) == (None, None, None)
    (source,) = read_gallery(tmp_path / "new").samples["image"].sources
    assert source.media == "pass wd.jpg"


def png_chunk(kind, data):
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def png(width, height, data=b""):
    """A PNG file that claims a size; bombs have few compressed bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data or zlib.compress(bytes(100))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*each) for each in chunks)


def encoded(kind, image=None, **options):
    file = io.BytesIO()
    (image or Image.new("RGB", (300, 200), "red")).save(file, kind, **options)
    return file.getvalue()


def wav(samples, rate_hz=16000, frames=None, channels=1):
    """A WAV file whose header claims a number of frames."""
    size = (len(samples) if frames is None else 2 * frames * channels) & 0xFFFFFFFF
    head = struct.pack("<HHIIHH", 1, channels, rate_hz, 2 * rate_hz * channels, 2 * channels, 16)
    return (
        b"RIFF" + struct.pack("<I", 0xFFFFFFF0) + b"WAVEfmt " + struct.pack("<I", 16) + head
        + b"data" + struct.pack("<I", size) + samples
    )  # fmt: skip


def hostile_uploads(media):
    """Yields field, content and name of files that must not harm the server."""
    face = (media / "Ann.jpg").read_bytes()
    noise = (media / "Ann.wav").read_bytes()
    yield "face", png(50_000, 50_000, zlib.compress(bytes(60_000_000), 9)), "bomb.png"
    yield "face", png(2**31 - 1, 2**31 - 1), "claims.png"
    yield "face", png(0, 0), "empty.png"
    yield "face", b"", "nothing.jpg"
    yield "face", b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(10), "large.gif"
    yield "face", b"BM" + struct.pack("<IHHI IiiHHIIiiII", *(9, 0, 0, 54, 40), 2**30, -(2**30),
                                      *(1, 24, 0, 0, 1, 1, 0, 0)), "large.bmp"  # fmt: skip
    yield "face", face[:400], "half.jpg"
    yield "face", encoded("JPEG"), "one_colour.jpg"
    yield "face", encoded("TIFF", Image.new("I;16", (8, 8))), "small.tif"
    yield "face", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "program.eps"
    yield (
        "face",
        f'<svg xmlns="http://www.w3.org/2000/svg"><script>{MARKUP}</script></svg>',
        "x.svg",
    )
    yield "face", noise, "voice.jpg"
    yield "face", b"PK\x03\x04" + bytes(1000), "archive.png"
    yield "audio", face, "face.wav"
    yield "audio", wav(bytes(1000), frames=2**30), "claims.wav"
    yield "audio", wav(bytes(64_000)), "silent.wav"
    yield "audio", wav(noise[44:], rate_hz=2**30), "fast.wav"
    yield "audio", wav(noise[44:], channels=1000), "channels.wav"
    yield "audio", np.full(20_000, np.nan, "<f4").tobytes(), "nan.raw"
    yield "audio", b"fLaC" + bytes(200), "empty.flac"
    yield "audio", b"OggS" + bytes(range(256)) * 20, "pages.ogg"
    yield "audio", b"\xff\xfb\x90\x00" * 5000, "frames.mp3"
    yield "audio", b"#EXTM3U\nfile:///etc/passwd\n", "list.m3u8"
    yield "face", b"<!doctype html>", f"{MARKUP.replace(chr(34), '')}.jpg"
    yield "face", b"x", "../../../../etc/cron.d/evil\\..\\x.jpg"


@pytest.fixture(scope="module")
def isolated(media, tmp_path_factory):
    """A server whose gallery is in a separate process, as with the command."""
    folder = tmp_path_factory.mktemp("isolated") / "friends"
    backend = WorkerBackend(partial(gallery_backend, folder), work_seconds=20)
    files = {"face": str(media / "Ann.jpg"), "audio": str(media / "Ann.wav")}
    backend.enroll("Ann", files, {"face": "1.jpg", "audio": "1.wav"})
    with serve(backend) as running:
        yield running
    backend.close()


def test_hostile_uploads_are_one_line_and_leave_nothing(isolated, media, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = isolated
    for field, content, name in hostile_uploads(media):
        started = time.monotonic()
        status, answer = server.send("/identify", (field, content, name))
        assert (name, status, list(answer)) == (name, 422, ["error"])
        assert "\n" not in answer["error"]
        assert str(tmp_path) not in answer["error"]
        assert time.monotonic() - started < 10
        assert list(tmp_path.iterdir()) == []
    status, answer = server.send("/identify", face_of(media, "Ann"))
    assert (status, answer["people"][0]["name"]) == (200, "Ann")
    assert list(tmp_path.iterdir()) == []


class Slow:
    """Answers when it is allowed to."""

    title, accepts, has_gallery = "slow", (("face",),), False

    def __init__(self):
        self.free = threading.Event()

    def warm(self):
        pass

    def identify(self, media):
        self.free.wait(20)
        raise RuntimeError("of the backend")


def test_a_slow_or_endless_body_is_cut_off():
    head = f"POST /identify HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
    chunk = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
    first = form(("face", b"", "x.jpg")).partition(f"\r\n--{BOUNDARY}--".encode())[0]
    with serve(Slow(), replace(LIMITS, upload_seconds=1)) as server:
        for body, status in ((b"", b"408"), (chunk * 31, b"413")):
            with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
                connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
                connection.sendall(f"{len(first):x}\r\n".encode() + first + b"\r\n" + body)
                assert connection.recv(1000).startswith(b"HTTP/1.1 " + status)


def test_waiting_requests_are_limited_in_number_and_time():
    backend = Slow()
    with serve(backend, replace(LIMITS, waiting=2, answer_seconds=1.5)) as server:
        with ThreadPoolExecutor(3) as pool:
            asked = [pool.submit(server.send, "/identify", ("face", b"x", "x")) for _ in range(3)]
            found = [each.result() for each in asked]
        assert [status for status, _ in found] == [503] * 3
        messages = sorted(answer["error"] for _, answer in found)
        assert messages[0].startswith("2 requests are waiting already")
        assert all(each.startswith("There was no answer within 1.5 s") for each in messages[1:])
        backend.free.set()
        for _ in range(100):  # until the first one has ended
            status, answer = server.send("/identify", ("face", b"x", "x"))
            if status == 500:
                break
        assert answer["error"] == "The server failed (RuntimeError); its log says more."


def test_fifty_requests_at_once_are_answered(server, media):
    names = ["Ann", "Bob", "Zoë"] * 17
    with ThreadPoolExecutor(50) as pool:
        found = list(
            pool.map(lambda name: server.send("/identify", face_of(media, name)), names[:50])
        )
    assert [answer["answer"] for _, answer in found] == [
        None if name == "Zoë" else name for name in names[:50]
    ]


@pytest.fixture(scope="module")
def run(data_set, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "resnet_fusion"
    untrained_run("resnet_fusion", data_set, folder, widths=(8, 8))
    return open_run(folder)


def test_answers_of_a_run_are_those_of_predict(run, corpus, tmp_path):
    face = str(next(corpus.faces.rglob("*.jpg")))
    clip = str(next(corpus.audio.rglob("*.wav")))
    (run.run_dir / "threshold.json").write_text('{"threshold": 0.99}')
    backend = RunBackend(run, top=2)
    with serve(backend) as server:
        parts = {
            "face": ("face", Path(face).read_bytes(), "a.jpg"),
            "audio": ("audio", Path(clip).read_bytes(), "a.wav"),
        }
        for fields in (["face"], ["audio"], ["face", "audio"]):
            status, answer = server.send("/identify", *(parts[field] for field in fields))
            files = {"face": face, "audio": clip}
            query = Query(**{field: files[field] for field in fields})
            expected = predict(run, query, 0.99, 2)
            assert status == 200
            assert (answer["answer"], answer["known"]) == (expected.answer, expected.known)
            assert [each["name"] for each in answer["people"]] == [x.name for x in expected.people]
            scores = [each["score"] for each in answer["people"]]
            assert scores == pytest.approx([each.probability for each in expected.people])
        alone = predict(run, Query(face=face), None, 2)
        assert [each["name"] for each in answer["face"]["people"]] == [x.name for x in alone.people]
        alone = predict(run, Query(audio=clip), None, 2)
        assert answer["audio"]["people"][0]["score"] == pytest.approx(alone.people[0].probability)
        assert answer["evidence"]["unit"] == "nats"
        difference = np.log(scores[0] / scores[1])  # of one window
        evidence = answer["evidence"]
        assert evidence["face"] + evidence["audio"] == pytest.approx(difference, abs=1e-4)
        for path in ("/enroll", "/forget", "/people"):
            assert server.send(path, token=server.token)[0] == 404


def test_a_model_of_faces_takes_no_clip(data_set, media, tmp_path):
    untrained_run("cnn_image", data_set, tmp_path / "run")
    with serve(RunBackend(open_run(tmp_path / "run"), top=2)) as server:
        status, answer = server.send("/identify", clip_of(media, "Ann"))
        assert status == 422
        assert answer["error"] == "The model cnn_image needs face, but audio was given."
        page = server.ask("GET", "/")[2]
        assert ('id="face"' in page, 'id="audio"' in page, 'id="enroll"' in page) == (
            *(True, False, False),
        )


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_is_recognised(address, expected):
    assert is_loopback(address) is expected


def test_an_ipv6_address_is_a_host_in_brackets():
    assert "[fe80::1]" in host_names("fe80::1", [])
