"""Fetches Flink and Beam's job server: `python -m tests.beam_pipelines.clusters.flink.fetch`.

Flink's own jars come with the Python package `apache-flink-libraries`, the job server's with Maven.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.beam_pipelines.clusters import downloads
from tests.beam_pipelines.clusters.downloads import CACHE, JOB_SERVER, STARTER

HERE = Path(__file__).parent

FLINK = "1.19.3"
FLINK_SHA256 = "4a58e3a1fb7d83340bc96b6c080624c6d792d69fae5d294b96224775204a9c60"
FLINK_JARS = ("flink-dist-", "log4j-")

FLINK_FOLDER = CACHE / f"flink-{FLINK}"
JOB_SERVER_FOLDER = CACHE / f"job-server-{JOB_SERVER}-flink-{FLINK}"
JOB_SERVER_JAR = JOB_SERVER_FOLDER / STARTER


def missing() -> str | None:
    """Why no cluster can be started here, or None."""
    return downloads.missing("Flink", [FLINK_FOLDER, JOB_SERVER_FOLDER])


def main() -> int:
    return downloads.fetch("Flink", {FLINK_FOLDER: _flink, JOB_SERVER_FOLDER: _job_server})


def _flink(whole: Path, scratch: Path) -> None:
    def is_wanted(place: Path) -> bool:
        return place.parent.name == "lib" and place.name.startswith(FLINK_JARS)

    requirement = f"apache-flink-libraries=={FLINK}"
    downloads.package_jars(requirement, FLINK_SHA256, is_wanted, whole, scratch)


def _job_server(whole: Path, scratch: Path) -> None:
    del scratch
    versions = {"flink": FLINK.rpartition(".")[0], "beam": JOB_SERVER}
    jars = downloads.maven_jars(HERE / "pom.xml", versions, HERE / "job_server.sha256", whole)
    downloads.write_starter(whole, "org.apache.beam.runners.flink.FlinkJobServerDriver", jars)


if __name__ == "__main__":
    sys.exit(main())
