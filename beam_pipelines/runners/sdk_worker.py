"""Runs one worker process of a build: the command `facevoice-worker`.

A local build, a worker pool, or a runner such as Flink (`--environment_type PROCESS`) starts it
with the address of a provision service, which tells it the rest: where to take work from, where to
log, which options the job has. In Beam's container images a Go program does this; on PyPI there is
none.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

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
    """Works until the runner has no more to do, or is gone."""
    parser = argparse.ArgumentParser(prog="facevoice-worker", description=__doc__)
    parser.add_argument("--id", required=True, help="what the runner calls this worker")
    parser.add_argument("--provision_endpoint", required=True, help="where to ask, host:port")
    # A pool also names endpoints that are among what is learnt.
    given, _ = parser.parse_known_args(argv)
    bypass_proxies()
    os.environ.update(_environment(given.id, _learnt(given.id, given.provision_endpoint)))
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main([])


def _learnt(worker_id: str, endpoint: str) -> beam_provision_api_pb2.ProvisionInfo:
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
    """The variables by which Beam's worker is told all this."""
    endpoints: dict[str, endpoints_pb2.ApiServiceDescriptor] = {
        "CONTROL": info.control_endpoint,
        "LOGGING": info.logging_endpoint,
        "STATUS": info.status_endpoint,
    }
    told = {
        f"{name}_API_SERVICE_DESCRIPTOR": text_format.MessageToString(endpoint)
        for name, endpoint in endpoints.items()
        if endpoint.url
    }
    return told | {
        "WORKER_ID": worker_id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }


if __name__ == "__main__":
    main()
