"""Runs Beam's local runner with worker processes, without listening on public interfaces.

Worker processes of a build and workers of pools (`--environment_type EXTERNAL`) connect to a
`worker_server`. Beam's `WorkerHandlerManager` opens its own server on all network interfaces for
every environment except the embedded one. So `WorkerEnvironment` has the URN of the embedded
environment and names the workers in its payload; the handler that is registered for the URN serves
both.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import grpc
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.transforms.environments import Environment, python_sdk_capabilities

from beam_pipelines.errors import BuildError
from beam_pipelines.runners.local_workers import start_worker
from beam_pipelines.runners.worker_server import pool_server, socket_server

START_SECONDS = 60  # for a worker of a pool to import Beam and connect; it usually takes 3
POLL_SECONDS = 0.2

_PROCESSES = b"processes"


class WorkerEnvironment(Environment):
    """Environment of a local run: worker processes of the build, or workers of pools."""

    def __init__(self, pools: tuple[str, ...] = ()) -> None:
        """Takes the host:port of each pool; without pools, the build starts worker processes."""
        super().__init__(python_sdk_capabilities(), artifacts=(), resource_hints=None)
        self._payload = ",".join(pools).encode() or _PROCESSES

    def to_runner_api_parameter(self, context: Any) -> tuple[str, bytes]:
        del context
        return python_urns.EMBEDDED_PYTHON, self._payload


@worker_handlers.WorkerHandler.register_environment(python_urns.EMBEDDED_PYTHON, bytes)
def _handler(payload: bytes, state: Any, provision_info: Any, manager: Any) -> Any:
    if not payload:
        return worker_handlers.EmbeddedWorkerHandler(None, state, provision_info, manager)
    pools = [] if payload == _PROCESSES else payload.decode().split(",")
    # All workers share a server, because a step has one address for their data. Beam closes the
    # server in this attribute after the last worker.
    if manager._grpc_server is None:
        open_server = pool_server if pools else socket_server
        manager._grpc_server = open_server(state, provision_info, manager, pools)
    if pools:
        return PoolWorkerHandler(pools, state, provision_info, manager._grpc_server)
    return ProcessWorkerHandler(state, provision_info, manager._grpc_server)


class ProcessWorkerHandler(worker_handlers.GrpcWorkerHandler):
    """Worker process of this build. If it dies, a BuildError is raised in a thread."""

    def __init__(self, state: Any, provision_info: Any, server: Any) -> None:
        self._server = server
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher = threading.Thread(target=self._run, daemon=True)
        super().__init__(state, provision_info, server)

    def port_from_worker(self, port: int) -> str:
        del port
        return self._server.url

    def start_worker(self) -> None:
        self._watcher.start()

    def stop_worker(self) -> None:
        if self._watcher.is_alive():
            self._watcher.join()

    def close(self) -> None:
        self._closing.set()
        # Beam tells only connected workers to end; one that connected later would wait for ever.
        if self.control_conn._state == worker_handlers.BeamFnControlServicer.UNSTARTED_STATE:
            with self._starting:
                if self._process:
                    self._process.kill()
        super().close()

    def _run(self) -> None:
        """Starts the process and waits for its end."""
        command = [sys.executable, "-m", "beam_pipelines.runners.sdk_worker"]
        command += [f"--id={self.worker_id}", f"--provision_endpoint={self._server.url}"]
        with self._starting:
            if not self._closing.is_set():
                self._process = start_worker(command)
        if self._process and self._process.wait() and not self._closing.is_set():
            raise BuildError(
                f"A worker process died (exit code {self._process.returncode}), perhaps out "
                f"of memory; try fewer workers (--direct_num_workers). The same command resumes "
                f"the build."
            )


class PoolWorkerHandler(worker_handlers.ExternalWorkerHandler):
    """Worker of a pool; pools are used round robin.

    A BuildError is raised in a thread if the worker dies or never connects. Beam's handler would
    wait for ever in both cases.
    """

    _turns = itertools.count()

    def __init__(self, pools: Sequence[str], state: Any, provision_info: Any, server: Any) -> None:
        self._server = server
        self._closing = threading.Event()
        self._pool = pools[next(self._turns) % len(pools)]
        payload = beam_runner_api_pb2.ExternalPayload()
        payload.endpoint.url = self._pool
        super().__init__(payload, state, provision_info, server)

    def port_from_worker(self, port: int) -> str:
        del port
        return self._server.url

    def start_worker(self) -> None:
        try:
            super().start_worker()
        except (grpc.RpcError, RuntimeError) as error:
            details = error.details() if isinstance(error, grpc.RpcError) else str(error)
            reason = details.strip().splitlines()[-1].rstrip(".")  # of the pool's traceback
            raise BuildError(
                f"The worker pool at {self._pool} could not start a worker: {reason}."
            ) from None
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        super().close()

    def _watch(self) -> None:
        """Watches the thread in which Beam reads from the worker, as long as it is connected."""
        reading = self.control_conn._read_thread
        deadline = time.monotonic() + START_SECONDS
        while reading.ident is None:
            if self._closing.wait(POLL_SECONDS):
                return
            if time.monotonic() > deadline:
                raise BuildError(
                    f"A worker of the pool at {self._pool} did not connect to {self._server.url} "
                    f"within {START_SECONDS} seconds; see the output of the pool. This project "
                    f"must be installed where the pool runs, and this machine must be reachable "
                    f"from there without a proxy."
                )
        reading.join()
        if not self._closing.is_set():
            raise BuildError(
                f"A worker of the pool at {self._pool} died; see the output of the pool. "
                f"The same command resumes the build."
            )
