"""Fetches Spark and Beam's job server: `python -m tests.beam_pipelines.clusters.spark.fetch`.

Spark's own jars come with the Python package `pyspark`, the job server's with Maven.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.beam_pipelines.clusters import downloads
from tests.beam_pipelines.clusters.downloads import CACHE, JOB_SERVER, STARTER

HERE = Path(__file__).parent

SPARK = "3.5.8"
SPARK_SHA256 = "54cca0767b21b40e3953ad1d30f8601c53abf9cbda763653289cdcfcac52313c"

SPARK_FOLDER = CACHE / f"spark-{SPARK}"  # a SPARK_HOME
JOB_SERVER_FOLDER = CACHE / f"job-server-{JOB_SERVER}-spark-{SPARK}"
JOB_SERVER_JAR = JOB_SERVER_FOLDER / STARTER


def missing() -> str | None:
    """Why no cluster can be started here, or None."""
    return downloads.missing("Spark", [SPARK_FOLDER, JOB_SERVER_FOLDER])


def main() -> int:
    return downloads.fetch("Spark", {SPARK_FOLDER: _spark, JOB_SERVER_FOLDER: _job_server})


def _spark(whole: Path, scratch: Path) -> None:
    def is_wanted(place: Path) -> bool:
        return place.parts[1:3] == ("deps", "jars") and place.suffix == ".jar"

    jars = whole / "jars"
    jars.mkdir()
    downloads.package_jars(f"pyspark=={SPARK}", SPARK_SHA256, is_wanted, jars, scratch)


def _job_server(whole: Path, scratch: Path) -> None:
    """Beam's libraries, and Spark's without its Guava, which is older than Beam needs."""
    del scratch
    versions = {"beam": JOB_SERVER}
    own = downloads.maven_jars(HERE / "pom.xml", versions, HERE / "job_server.sha256", whole)
    spark = sorted((SPARK_FOLDER / "jars").glob("*.jar"))
    shared = [
        f"../{SPARK_FOLDER.name}/jars/{jar.name}"
        for jar in spark
        if not jar.name.startswith("guava-")
    ]
    main_class = "org.apache.beam.runners.spark.SparkJobServerDriver"
    downloads.write_starter(whole, main_class, [*shared, *own])


if __name__ == "__main__":
    sys.exit(main())
