"""Checks the worker pools that `--environment_type EXTERNAL` names.

`facevoice-worker-pool` (see `worker_pool`) runs before the build and starts a worker process
whenever a job asks for one. A job and its workers share nothing but the file system.
"""

from __future__ import annotations

import re

import grpc
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

from beam_pipelines.errors import BuildError

TIMEOUT_SECONDS = 10  # for a pool to say that it is there

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[\w.-]+):(\d{1,5})")


def pools_from_options(options: PipelineOptions) -> list[str]:
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


def check_pools(pools: list[str]) -> None:
    """Asks each pool for a sign of life: to stop a worker that does not exist.

    Raises:
      BuildError: what is at an address, if anything, is no worker pool.
    """
    for pool in pools:
        with grpc.insecure_channel(pool) as channel:
            stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
            try:
                stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(), timeout=TIMEOUT_SECONDS)
            except grpc.RpcError:
                raise BuildError(
                    f"No worker pool answers at {pool}; start one there: 'facevoice-worker-pool "
                    f"--port {pool.rpartition(':')[2]}'."
                ) from None
