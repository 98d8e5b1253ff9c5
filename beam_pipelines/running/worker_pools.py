"""Workers that this program does not start: those of `--environment_type EXTERNAL`.

Somebody runs `python -m apache_beam.runners.worker.worker_pool_main --service_port PORT`, and its
pool starts a worker process whenever a job asks for one. A job and its workers share nothing but
the file system.
"""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import grpc
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc, beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    ExternalWorkerHandler,
    WorkerHandler,
)

from beam_pipelines.errors import BuildError

ANSWER_SECONDS = 10  # for a pool to say that it is there
START_SECONDS = 60  # for its worker to import Beam and call back; three are usual, 60 Beam's own
POLL_SECONDS = 0.2

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[\w.-]+):(\d{1,5})")
_HERE = re.compile(r"localhost|127\.[\d.]+|\[::1\]")


def given_pools(options: PipelineOptions) -> list[str]:
    """The addresses of the pools that a local run shall use; none: it starts its own workers.

    Raises:
      BuildError: another kind of environment, or none with a configuration; not an address.
    """
    portable = options.view_as(PortableOptions)
    kind = portable.environment_type
    if not kind:
        if portable.environment_config or portable.environment_options:
            raise BuildError(
                "--environment_config is given without --environment_type; workers of a pool want "
                "--environment_type EXTERNAL."
            )
        return []
    if kind != "EXTERNAL":
        raise BuildError(
            f"--environment_type is {kind}; on this machine's runner only EXTERNAL, a worker pool, "
            f"can be chosen, and without it the job starts its own workers."
        )
    given = portable.environment_config or portable.lookup_environment_option(
        "external_service_address"
    )
    pools = str(given or "").split(",")
    for pool in pools:
        found = _ADDRESS.fullmatch(pool)
        if not found or not 0 < int(found[2]) < 2**16:
            raise BuildError(
                f"--environment_config is {given or 'missing'}; --environment_type EXTERNAL wants "
                f"the host:port of a worker pool, or several with commas between."
            )
    return pools


def check_answering(pools: list[str]) -> None:
    """Asks each pool for a sign of life: to stop a worker that does not exist.

    Raises:
      BuildError: what is at an address, if anything, is no worker pool.
    """
    for pool in pools:
        with grpc.insecure_channel(pool) as channel:
            stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
            try:
                stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(), timeout=ANSWER_SECONDS)
            except grpc.RpcError:
                raise BuildError(
                    f"No worker pool answers at {pool}; start one there: 'python -m "
                    f"apache_beam.runners.worker.worker_pool_main --service_port "
                    f"{pool.rpartition(':')[2]}'."
                ) from None


@WorkerHandler.register_environment(
    common_urns.environments.EXTERNAL.urn, beam_runner_api_pb2.ExternalPayload
)
class PoolWorkerHandler(ExternalWorkerHandler):
    """One worker of a pool. Its end, or that it never calls back, is raised in a thread.

    Beam's own handler waits for ever in both cases. The pools, which stand in one address with
    commas between, take turns.
    """

    def __init__(self, payload: Any, *others: Any) -> None:
        self._pools = payload.endpoint.url.split(",")
        self._closing = threading.Event()
        super().__init__(payload, *others)
        number = int(self.worker_id.rpartition("_")[2])
        self._pool = payload.endpoint.url = self._pools[number % len(self._pools)]

    def host_from_worker(self) -> str:
        """What workers call this machine; its full name may mean nothing even to itself."""
        if all(_HERE.fullmatch(pool.rpartition(":")[0]) for pool in self._pools):
            return "localhost"
        return super().host_from_worker()

    def start_worker(self) -> None:
        try:
            super().start_worker()
        except (grpc.RpcError, RuntimeError) as error:
            told = error.details() if isinstance(error, grpc.RpcError) else str(error)
            reason = told.strip().splitlines()[-1].rstrip(".")  # of the pool's traceback
            raise BuildError(
                f"The worker pool at {self._pool} could not start a worker: {reason}."
            ) from None
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        super().close()

    def _watch(self) -> None:
        """Beam reads what a worker answers in a thread that starts and ends with its connection."""
        reading = self.control_conn._read_thread
        deadline = time.monotonic() + START_SECONDS
        while reading.ident is None:
            if self._closing.wait(POLL_SECONDS):
                return
            if time.monotonic() > deadline:
                raise BuildError(
                    f"A worker of the pool at {self._pool} did not call back within "
                    f"{START_SECONDS} seconds; what the pool writes may tell why. The first "
                    f"'python' on the pool's PATH must have this project installed, and reach "
                    f"this machine past any proxy."
                )
        reading.join()
        if not self._closing.is_set():
            raise BuildError(
                f"A worker of the pool at {self._pool} died; what the pool writes may tell why. "
                f"The same command goes on with the shards that are missing."
            )
