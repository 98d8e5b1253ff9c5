"""Fetches what a cluster and Beam's job server for it need, once, into the cache directory.

Packages come with pip, Java libraries with Maven. Every file is compared with its digest in the
repository; a folder is there when it is complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

CACHE = Path(os.environ.get("FACEVOICE_CACHE", Path.home() / ".cache" / "facevoice"))
JOB_SERVER = "2.62.0"  # of Beam; speaks with any later Python worker
STARTER = "job-server.jar"


def missing(software: str, folders: Sequence[Path]) -> str | None:
    """Why no cluster can be started here, or None."""
    if shutil.which("java") is None:
        return "there is no java on the PATH"
    if not all(folder.is_dir() for folder in folders):
        return f"{software} is not in {CACHE}; 'make {software.lower()}-test' fetches it"
    return None


def fetch(software: str, folders: Mapping[Path, Callable[[Path, Path], None]]) -> int:
    """Fills the folders that are not there yet, and returns the exit code.

    Args:
      software: 'Flink' or 'Spark', for errors.
      folders: what fills each folder; it gets an empty folder to fill, and one for scratch files.
    """
    try:
        if shutil.which("java") is None:
            raise OSError(f"there is no java on the PATH; {software} needs Java 11 or 17")
        for folder, fill in folders.items():
            if not folder.is_dir():
                CACHE.mkdir(parents=True, exist_ok=True)
                print(f"Fetching {folder.name} into {CACHE}, once.", flush=True)
                with tempfile.TemporaryDirectory(dir=CACHE, prefix=".new-") as scratch:
                    whole = Path(scratch) / "whole"
                    whole.mkdir()
                    fill(whole, Path(scratch))
                    whole.rename(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def package_jars(
    requirement: str, sha256: str, is_wanted: Callable[[Path], bool], folder: Path, scratch: Path
) -> None:
    """Takes jars from the source archive of a Python package.

    Args:
      requirement: 'name==version'.
      sha256: of the archive.
      is_wanted: whether a file of the archive is taken, by its path there.
      folder: where the jars go.
      scratch: where the archive goes.
    """
    wanted = scratch / "requirements.txt"
    wanted.write_text(f"{requirement} --hash=sha256:{sha256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    of_source = ["--no-build-isolation", "--no-binary=:all:", "--require-hashes"]
    subprocess.run([*pip, *of_source, f"--dest={scratch}", f"--requirement={wanted}"], check=True)
    with tarfile.open(next(scratch.glob("*.tar.gz"))) as tar:
        for member in tar:
            if is_wanted(Path(member.name)):
                place = folder / Path(member.name).name
                with tar.extractfile(member) as jar, place.open("wb") as file:
                    shutil.copyfileobj(jar, file)


def maven_jars(pom: Path, versions: Mapping[str, str], sha256: Path, folder: Path) -> list[str]:
    """Copies all that a pom needs into a folder, and returns the names.

    Args:
      pom: the project.
      versions: properties of the pom.
      sha256: file with the digests of all jars.
      folder: where the jars go.
    """
    if shutil.which("mvn") is None:
        raise OSError("there is no mvn on the PATH, which fetches Beam's job server; install Maven")
    properties = [f"-D{name}={version}" for name, version in versions.items()]
    maven = ["mvn", "--quiet", "--batch-mode", f"--file={pom}", *properties]
    copy = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
    subprocess.run([*maven, *copy, f"-DoutputDirectory={folder}"], check=True)
    jars = sorted(folder.glob("*.jar"))
    found = "".join(f"{_sha256(jar)}  {jar.name}\n" for jar in jars)
    if not sha256.is_file() or found != sha256.read_text():
        kept = CACHE / sha256.name
        kept.write_text(found)
        raise OSError(f"what Maven fetched is not what {sha256} lists, but {kept}")
    return [jar.name for jar in jars]


def write_starter(folder: Path, main_class: str, jars: Sequence[str]) -> None:
    """Writes a jar that only names the others, for `java -jar`."""
    line = f"Class-Path: {' '.join(jars)}"
    folded = "\r\n ".join(line[i : i + 70] for i in range(0, len(line), 70))
    with zipfile.ZipFile(folder / STARTER, "w") as jar:
        lines = ["Manifest-Version: 1.0", f"Main-Class: {main_class}", folded, "", ""]
        jar.writestr("META-INF/MANIFEST.MF", "\r\n".join(lines))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
