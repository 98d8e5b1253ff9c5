"""Checks the worker pools that `--environment_type EXTERNAL` names.

A pool (`facevoice-worker-pool`, see `worker_pool`) is started before the build and starts worker
processes on request. A build and these workers share the file system only.
"""

from __future__ import annotations

import re

import grpc
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

from beam_pipelines.errors import BuildError

TIMEOUT_SECONDS = 10  # for a pool to answer

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[\w.-]+):(\d{1,5})")


def pools_from_options(options: PipelineOptions) -> list[str]:
    """Returns the addresses of the worker pools of a local run; empty without pools.

    Raises:
      BuildError: the type of the environment is not supported or missing, or an address is invalid.
    """
    portable = options.view_as(PortableOptions)
    kind = portable.environment_type
    if not kind:
        if portable.environment_config or portable.environment_options:
            raise BuildError(
                "--environment_config is given without --environment_type; worker pools need "
                "--environment_type EXTERNAL."
            )
        return []
    if kind != "EXTERNAL":
        raise BuildError(
            f"--environment_type is {kind}; the local runner supports only EXTERNAL, for worker "
            f"pools. Without the flag, the build starts worker processes."
        )
    given = portable.environment_config or portable.lookup_environment_option(
        "external_service_address"
    )
    pools = str(given or "").split(",")
    for pool in pools:
        found = _ADDRESS.fullmatch(pool)
        if not found or not 0 < int(found[2]) < 2**16:
            raise BuildError(
                f"--environment_config is {given or 'missing'}; --environment_type EXTERNAL "
                f"needs the host:port of a worker pool, or several with commas between."
            )
    return pools


def check_pools(pools: list[str]) -> None:
    """Checks that each pool answers, by a request to stop a worker that does not exist.

    Raises:
      BuildError: no worker pool answers at an address.
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
