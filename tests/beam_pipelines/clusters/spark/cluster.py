"""Starts a Spark master and some workers as separate processes on free ports of loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.beam_pipelines.clusters.processes import START_SECONDS, children, free_port, wait_until
from tests.beam_pipelines.clusters.spark.fetch import (
    JOB_SERVER_FOLDER,
    JOB_SERVER_JAR,
    SPARK_FOLDER,
)

# Spark's own starter opens these to its serialisers.
PACKAGES = (
    *("java.io", "java.lang", "java.lang.invoke", "java.lang.reflect", "java.net", "java.nio"),
    *("java.util", "java.util.concurrent", "java.util.concurrent.atomic"),
    *("sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar"),
)
OPENS = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in PACKAGES]
JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"
ENVIRONMENT = {
    "SPARK_HOME": str(SPARK_FOLDER),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "SPARK_SCALA_VERSION": "2.12",  # otherwise a worker looks for Spark's source
}
EXECUTOR = b"CoarseGrainedExecutorBackend"
# Of an application; the job server is its driver.
SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "512m",
    "spark.executor.extraJavaOptions": " ".join(JVM),
    # Before Spark's own, as its Guava is older than Beam needs.
    "spark.executor.extraClassPath": f"{JOB_SERVER_FOLDER}/*",
    "spark.ui.enabled": "false",
}


@dataclass
class Cluster:
    """A cluster that runs."""

    folder: Path
    port: int
    web_port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def flags(self) -> list[str]:
        """What leads a build here."""
        properties = [*OPENS, *JVM, *(f"-D{name}={value}" for name, value in SETTINGS.items())]
        return [
            "--runner=SparkRunner",
            f"--spark_master_url=spark://127.0.0.1:{self.port}",
            f"--spark_job_server_jar={JOB_SERVER_JAR}",
            *(f"--job_server_jvm_properties={given}" for given in properties),
            # Otherwise the job server sends all jars, Spark's too, to each executor.
            f"--files_to_stage={JOB_SERVER_JAR}",
            "--environment_cache_millis=30000",  # otherwise each stage starts Python workers
            f"--preflight_seconds={START_SECONDS * 3}",
        ]

    def start_master(self) -> None:
        self._start("master", MASTER, f"--port={self.port}", f"--webui-port={self.web_port}")

    def start_worker(self, name: str) -> None:
        at = [f"--work-dir={self.folder / name}", "--webui-port=0", "--cores=1", "--memory=600m"]
        self._start(name, WORKER, *at, f"spark://127.0.0.1:{self.port}")

    def _start(self, name: str, main_class: str, *own: str) -> None:
        java = ["java", "-Xmx256m", *OPENS, *JVM, "-cp", f"{SPARK_FOLDER}/jars/*", main_class]
        arguments = [word for flag in ("--host=127.0.0.1", *own) for word in flag.split("=")]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*java, *arguments],
                cwd=self.folder,
                env={**os.environ, **ENVIRONMENT, "SPARK_LOCAL_DIRS": str(self.folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def workers(self) -> list[str]:
        return [name for name in self.processes if name.startswith("worker")]

    def executors(self, worker: str) -> list[int]:
        """The Java processes that run tasks below a worker."""
        found = []
        for pid in children(self.processes[worker].pid):
            with suppress(OSError):  # it has ended
                if EXECUTOR in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    def python_workers(self, worker: str) -> list[int]:
        """The processes of `facevoice-worker` that executors below a worker have started."""
        return [child for pid in self.executors(worker) for child in children(pid)]

    def lost_executors(self) -> int:
        """How often an executor has been killed, as the workers' logs tell it."""
        return sum(
            len(re.findall(r"exitStatus 137", (self.folder / f"{name}.log").read_text()))
            for name in self.workers
        )

    def applications(self) -> dict[str, str]:
        """The states of all applications that the master knows, by their identifiers."""
        state = self._state()
        return {
            application["id"]: application["state"]
            for application in (*state["activeapps"], *state["completedapps"])
        }

    def _state(self) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/json/", timeout=5) as answer:
            return json.loads(answer.read())

    def wait_for(self, workers: int) -> None:
        wait_until(lambda: self._state()["aliveworkers"] == workers, self.processes, self.folder)


@contextmanager
def running(folder: Path, workers: int) -> Iterator[Cluster]:
    """A cluster in an empty folder, which is gone after, with all it has started."""
    cluster = Cluster(folder, free_port(), free_port())
    try:
        cluster.start_master()
        for number in range(workers):
            cluster.start_worker(f"worker-{number}")
        cluster.wait_for(workers)
        yield cluster
    finally:
        for process in cluster.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # executors and Python workers, too
            process.wait()
