"""Runs a worker pool: the command `facevoice-worker-pool`.

A pool starts a worker process on its machine for each request of a build with
`--environment_type EXTERNAL` or of a cluster. Anyone who can reach its port can run code as its
user, so it listens on the loopback interface by default. Beam's own pool,
`apache_beam.runners.worker.worker_pool_main` of Beam 2.77, always listens on all interfaces.
"""

from __future__ import annotations

import argparse
import atexit
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc
from apache_beam.portability.api import beam_fn_api_pb2_grpc
from apache_beam.runners.worker.worker_pool_main import (
    BeamFnExternalWorkerPoolServicer,
    kill_process_gracefully,
)
from apache_beam.utils import thread_pool_executor

from beam_pipelines.runners.local_workers import bypass_proxies
from tfdata.command_line import Parser, fail, say

DEFAULT_PORT = 50000


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a pool until it is interrupted or terminated; returns the exit code."""
    parser = Parser(prog="facevoice-worker-pool", description=__doc__)
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        help="port to listen on, 0 to 65535; 0 selects a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        help="address to listen on; anyone who can reach it can run code (default: %(default)s)",
    )
    arguments = parser.parse(argv)
    bypass_proxies()
    worker = Path(sys.executable).with_name("facevoice-worker")
    if not worker.is_file():
        return fail(f"{worker} is missing; install this project in the same environment.")
    pool = BeamFnExternalWorkerPoolServicer(use_process=True, container_executable=str(worker))
    server = grpc.server(thread_pool_executor.shared_unbounded_instance())
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    host = f"[{arguments.address}]" if ":" in arguments.address else arguments.address
    try:
        port = server.add_insecure_port(f"{host}:{arguments.port}")
    except RuntimeError:
        return fail(
            f"cannot listen on {host}:{arguments.port}; choose another --port or --address."
        )
    atexit.register(_stop_workers, pool)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.start()
    say(f"Waiting for builds at {host}:{port}.")
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        say("Stopped.", file=sys.stderr)
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**16:
        raise argparse.ArgumentTypeError(f"is {text!r}; use a whole number from 0 to 65535")
    return int(text)


def _stop_workers(pool: BeamFnExternalWorkerPoolServicer) -> None:
    for process in pool._worker_processes.values():
        kill_process_gracefully(process)


if __name__ == "__main__":
    sys.exit(main())
