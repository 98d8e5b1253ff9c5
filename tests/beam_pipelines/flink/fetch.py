"""Fetches a Flink and Beam's job server for it, once: `python -m tests.beam_pipelines.flink.fetch`.

Flink's own jars come with the Python package `apache-flink-libraries`, the job server's with Maven.
Every file is compared with its digest in the repository; a folder is there when it is complete.
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
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("FACEVOICE_CACHE", Path.home() / ".cache" / "facevoice"))

FLINK = "1.19.3"
FLINK_SHA256 = "4a58e3a1fb7d83340bc96b6c080624c6d792d69fae5d294b96224775204a9c60"
FLINK_JARS = ("flink-dist-", "log4j-")
JOB_SERVER = "2.62.0"  # of Beam; speaks with any later Python worker
JOB_SERVER_SHA256 = HERE / "job_server.sha256"

FLINK_FOLDER = CACHE / f"flink-{FLINK}"
JOB_SERVER_FOLDER = CACHE / f"job-server-{JOB_SERVER}-flink-{FLINK}"
JOB_SERVER_JAR = JOB_SERVER_FOLDER / "job-server.jar"


def missing() -> str | None:
    """Why no cluster can be started here, or None."""
    if shutil.which("java") is None:
        return "there is no java on the PATH"
    if not (FLINK_FOLDER.is_dir() and JOB_SERVER_FOLDER.is_dir()):
        return f"Flink is not in {CACHE}; 'make flink-test' fetches it"
    return None


def main() -> int:
    try:
        if shutil.which("java") is None:
            raise OSError("there is no java on the PATH; Flink needs Java 11 or 17")
        for folder, fill in ((FLINK_FOLDER, _flink), (JOB_SERVER_FOLDER, _job_server)):
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


def _flink(whole: Path, scratch: Path) -> None:
    wanted = scratch / "requirements.txt"
    wanted.write_text(f"apache-flink-libraries=={FLINK} --hash=sha256:{FLINK_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    of_source = ["--no-build-isolation", "--no-binary=:all:", "--require-hashes"]
    subprocess.run([*pip, *of_source, f"--dest={scratch}", f"--requirement={wanted}"], check=True)
    with tarfile.open(next(scratch.glob("*.tar.gz"))) as tar:
        for member in tar:
            place = Path(member.name)
            if place.parent.name == "lib" and place.name.startswith(FLINK_JARS):
                with tar.extractfile(member) as jar, (whole / place.name).open("wb") as file:
                    shutil.copyfileobj(jar, file)


def _job_server(whole: Path, scratch: Path) -> None:
    if shutil.which("mvn") is None:
        raise OSError("there is no mvn on the PATH, which fetches Beam's job server; install Maven")
    versions = [f"-Dflink={FLINK.rpartition('.')[0]}", f"-Dbeam={JOB_SERVER}"]
    maven = ["mvn", "--quiet", "--batch-mode", f"--file={HERE / 'pom.xml'}", *versions]
    copy = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
    subprocess.run([*maven, *copy, f"-DoutputDirectory={whole}"], check=True)
    jars = sorted(whole.glob("*.jar"))
    found = "".join(f"{_sha256(jar)}  {jar.name}\n" for jar in jars)
    if found != JOB_SERVER_SHA256.read_text():
        kept = CACHE / JOB_SERVER_SHA256.name
        kept.write_text(found)
        raise OSError(f"what Maven fetched is not what {JOB_SERVER_SHA256} lists, but {kept}")
    _write_starter(whole / JOB_SERVER_JAR.name, [jar.name for jar in jars])


def _write_starter(path: Path, jars: list[str]) -> None:
    """A jar that only names the others, for `java -jar`."""
    line = f"Class-Path: {' '.join(jars)}"
    folded = "\r\n ".join(line[i : i + 70] for i in range(0, len(line), 70))
    main_class = "Main-Class: org.apache.beam.runners.flink.FlinkJobServerDriver"
    with zipfile.ZipFile(path, "w") as jar:
        lines = ["Manifest-Version: 1.0", main_class, folded, "", ""]
        jar.writestr("META-INF/MANIFEST.MF", "\r\n".join(lines))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
