"""Runs one worker process of a build: the command `facevoice-worker`.

A local build, a worker pool, or a runner such as Flink (`--environment_type PROCESS`) starts it
with the address of a provision service, from which it gets the addresses of the other services and
the pipeline options. A Go program does this in Beam's container images; PyPI has no such program.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import grpc
from apache_beam.portability.api import (
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)
from google.protobuf import json_format, text_format

from beam_pipelines.runners.local_workers import bypass_proxies
from tfdata.command_line import fail

TIMEOUT_SECONDS = 60


def main(argv: Sequence[str] | None = None) -> None:
    """Works until the runner closes the connection."""
    parser = argparse.ArgumentParser(prog="facevoice-worker", description=__doc__)
    parser.add_argument("--id", required=True, help="name of this worker at the runner (required)")
    parser.add_argument(
        "--provision_endpoint", required=True, help="host:port of the provision service (required)"
    )
    # A pool also passes endpoints that the provision service returns as well.
    arguments, _ = parser.parse_known_args(argv)
    bypass_proxies()
    info = _provision_info(arguments.id, arguments.provision_endpoint)
    os.environ.update(_environment(arguments.id, info))
    from apache_beam.runners.worker import sdk_worker_main

    sys.stderr = _Log(sys.stderr.buffer, errors="backslashreplace", line_buffering=True)
    sdk_worker_main.main([])


class _Log(io.TextIOWrapper):
    """Standard error, whose lines are lost if the disk with the log is full.

    Beam prints the traceback of a step before it reports the failure; if that raised an error, the
    runner would wait for ever.
    """

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def _provision_info(worker_id: str, endpoint: str) -> beam_provision_api_pb2.ProvisionInfo:
    with grpc.insecure_channel(endpoint) as channel:
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        try:
            answer = stub.GetProvisionInfo(
                beam_provision_api_pb2.GetProvisionInfoRequest(),
                metadata=[("worker_id", worker_id)],
                timeout=TIMEOUT_SECONDS,
                wait_for_ready=True,
            )
        except grpc.RpcError as error:
            sys.exit(fail(f"no runner answers at {endpoint}: {error.details()}."))
    return answer.info


def _environment(worker_id: str, info: beam_provision_api_pb2.ProvisionInfo) -> dict[str, str]:
    """Returns the environment variables that configure Beam's worker."""
    endpoints: dict[str, endpoints_pb2.ApiServiceDescriptor] = {
        "CONTROL": info.control_endpoint,
        "LOGGING": info.logging_endpoint,
        "STATUS": info.status_endpoint,
    }
    variables = {
        f"{name}_API_SERVICE_DESCRIPTOR": text_format.MessageToString(endpoint)
        for name, endpoint in endpoints.items()
        if endpoint.url
    }
    return variables | {
        "WORKER_ID": worker_id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }


if __name__ == "__main__":
    main()
