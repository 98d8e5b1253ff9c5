"""Starts one JobManager and some TaskManagers as separate processes on free ports.

They listen on loopback, or each on a different host name.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.beam_pipelines.clusters.flink.fetch import FLINK_FOLDER, JOB_SERVER_JAR
from tests.beam_pipelines.clusters.hosts import Host
from tests.beam_pipelines.clusters.processes import children, free_port, wait_until

# Flink's own configuration opens these to its serialisers.
PACKAGES = ("io", "lang", "lang.reflect", "net", "nio", "text", "time", "util", "util.concurrent")
JAVA = [
    "java",
    "-Xmx256m",
    "-XX:MaxDirectMemorySize=512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in PACKAGES),
]
JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
LOG4J = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1} - %m%n
"""


@dataclass
class Cluster:
    """A cluster that runs."""

    here: Host  # of the JobManager
    rest_port: int
    hosts: dict[str, Host]  # of each TaskManager
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def master(self) -> str:
        return f"{self.here.address}:{self.rest_port}"

    @property
    def flags(self) -> list[str]:
        """What leads a build here."""
        return [
            "--runner=FlinkRunner",
            f"--flink_master={self.master}",
            f"--flink_job_server_jar={JOB_SERVER_JAR}",
            "--job_server_jvm_properties=-XX:TieredStopAtLevel=1",
            "--parallelism=2",
        ]

    @property
    def folder(self) -> Path:
        return self.here.folder

    def start_job_manager(self) -> None:
        self._start("job-manager", self.here, JOB_MANAGER)

    def start_task_manager(self, name: str) -> None:
        host = self.hosts[name]
        own = {
            "taskmanager.resource-id": name,
            "taskmanager.host": host.address,
            "taskmanager.bind-host": host.address,
            "io.tmp.dirs": host.folder,
        }
        self._start(name, host, TASK_MANAGER, *(f"-D{key}={value}" for key, value in own.items()))

    def _start(self, name: str, host: Host, main_class: str, *own: str) -> None:
        jars = os.pathsep.join(map(str, sorted(FLINK_FOLDER.glob("*.jar"))))
        java = [*JAVA, f"-Dlog4j.configurationFile={host.folder / 'log4j.properties'}", "-cp", jars]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*host.prefix, *java, main_class, "--configDir", str(host.folder), *own],
                cwd=host.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(self.processes[name])

    def kill_task_manager(self, name: str) -> None:
        """Kills the Java process alone; its Python worker finds out by itself."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def kill_a_worker(self, name: str) -> bool:
        """Kills the Python worker that a TaskManager started last; returns whether there was one.

        Those of earlier stages may still be there, and have nothing to do.
        """
        with suppress(ValueError, ProcessLookupError):  # there is none, or no more
            os.kill(max(self.workers(name)), signal.SIGKILL)
            return True
        return False

    def workers(self, name: str) -> list[int]:
        return children(self.processes[name].pid)

    @property
    def task_managers(self) -> list[str]:
        return [name for name in self.processes if name.startswith("task-manager")]

    def recoveries(self) -> int:
        """How often tasks that were lost have been started again."""
        return (self.folder / "job-manager.log").read_text().count(" to recover the failed task ")

    def overview(self) -> dict[str, int]:
        with urllib.request.urlopen(f"http://{self.master}/overview", timeout=5) as answer:
            return json.loads(answer.read())

    def wait_for(self, task_managers: int) -> None:
        wait_until(
            lambda: self.overview()["taskmanagers"] == task_managers, self.processes, self.folder
        )


@contextmanager
def running(here: Host, hosts: Sequence[Host]) -> Iterator[Cluster]:
    """A cluster with a TaskManager on each host, which is gone after, with all it has started."""
    rest_port, rpc_port = free_port(), free_port()
    named = {f"task-manager-{number}": host for number, host in enumerate(hosts)}
    cluster = Cluster(here, rest_port, named)
    for host in {here, *hosts}:
        host.folder.mkdir(exist_ok=True)
        (host.folder / "log4j.properties").write_text(LOG4J)
        (host.folder / "flink-conf.yaml").write_text(_configuration(here, rest_port, rpc_port))
    try:
        cluster.start_job_manager()
        for name in named:
            cluster.start_task_manager(name)
        cluster.wait_for(len(hosts))
        yield cluster
    finally:
        for process in cluster.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its Python workers, too
            process.wait()


def _configuration(here: Host, rest_port: int, rpc_port: int) -> str:
    """Small heaps; what dies is missed after eight seconds, and its tasks are tried again."""
    settings = {
        "jobmanager.rpc.address": here.address,
        "jobmanager.rpc.port": rpc_port,
        # A JobManager calls itself localhost where it takes a job's jars.
        "jobmanager.bind-host": "0.0.0.0" if here.prefix else here.address,
        "rest.address": here.address,
        "rest.bind-address": here.address,
        "rest.port": rest_port,
        "taskmanager.numberOfTaskSlots": 2,
        "taskmanager.cpu.cores": 1,
        "taskmanager.memory.framework.heap.size": "96m",
        "taskmanager.memory.framework.off-heap.size": "128m",
        "taskmanager.memory.task.heap.size": "128m",
        "taskmanager.memory.task.off-heap.size": "0m",
        "taskmanager.memory.network.min": "128m",
        "taskmanager.memory.network.max": "128m",
        "taskmanager.memory.managed.size": "64m",
        "taskmanager.memory.jvm-metaspace.size": "160m",
        "taskmanager.memory.jvm-overhead.min": "64m",
        "taskmanager.memory.jvm-overhead.max": "64m",
        "taskmanager.load-balance.mode": "SLOTS",  # or one does all the work
        "io.tmp.dirs": here.folder,
        "heartbeat.interval": 1000,
        "heartbeat.timeout": 8000,
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": 3,
        "restart-strategy.fixed-delay.delay": "1 s",
    }
    return "".join(f"{name}: {value}\n" for name, value in settings.items())
