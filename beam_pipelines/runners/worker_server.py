"""Serves the workers of Beam's local runner on a Unix socket or one network interface.

Beam's server, `worker_handlers.GrpcServer` of Beam 2.77, listens on all network interfaces, and its
artifact service sends any file that this user can read to anyone who names its path. Neither can be
configured. This server has the same services except the artifact service, because a local build
stages no artifacts. Worker processes of the build connect through a Unix socket in a directory that
only this user can enter; workers of a pool connect to the address of this machine on the route to
the pool, which is loopback for a pool on this machine.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
from apache_beam.portability.api import (
    beam_fn_api_pb2_grpc,
    beam_provision_api_pb2_grpc,
)
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.runners.worker import data_plane
from apache_beam.utils import thread_pool_executor

from beam_pipelines.errors import BuildError

# As in Beam's server: no limit on the size of messages or the number of keep-alive pings.
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
]
_STOP_SECONDS = 5
MAX_SOCKET_PATH_BYTES = 107  # sun_path of unix(7), without its final zero


class WorkerServer:
    """Control, data, state, logging and provision service at one address.

    Attributes:
      url: address for workers.
      control_handler, data_plane_handler: handlers that Beam's `GrpcWorkerHandler` uses.
      control_port, data_port, state_port, logging_port: ports that it uses.
      on_close: callbacks to run once the server is stopped.
    """

    def __init__(self, address: str, state: Any, provision_info: Any, manager: Any) -> None:
        """Starts the server.

        Args:
          address: 'unix:PATH', or 'HOST:0' for any free port.
          state: Beam's state servicer of the job.
          provision_info: Beam's `ExtendedProvisionInfo` of the job.
          manager: Beam's `WorkerHandlerManager`.

        Raises:
          RuntimeError: the address cannot be bound.
        """
        server = grpc.server(thread_pool_executor.shared_unbounded_instance(), options=_OPTIONS)
        port = server.add_insecure_port(address)
        self.url = (
            address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
        )
        self.control_port = self.data_port = self.state_port = self.logging_port = port
        self.control_handler = worker_handlers.BeamFnControlServicer(manager)
        self.data_plane_handler = data_plane.BeamFnDataServicer(
            worker_handlers.DATA_BUFFER_TIME_LIMIT_MS
        )
        beam_fn_api_pb2_grpc.add_BeamFnControlServicer_to_server(self.control_handler, server)
        beam_fn_api_pb2_grpc.add_BeamFnDataServicer_to_server(self.data_plane_handler, server)
        beam_fn_api_pb2_grpc.add_BeamFnStateServicer_to_server(
            worker_handlers.GrpcStateServicer(state), server
        )
        beam_fn_api_pb2_grpc.add_BeamFnLoggingServicer_to_server(
            worker_handlers.BasicLoggingService(), server
        )
        beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(
            worker_handlers.BasicProvisionService(provision_info.provision_info, manager), server
        )
        server.start()
        self._server = server
        self.on_close = contextlib.ExitStack()

    def close(self) -> None:
        """Stops the server."""
        self.control_handler.done()
        self._server.stop(_STOP_SECONDS).wait()
        self.on_close.close()


def socket_server(
    state: Any, provision_info: Any, manager: Any, pools: Sequence[str]
) -> WorkerServer:
    """Starts a server for worker processes of this build.

    Raises:
      BuildError: the path of the temporary directory is too long for a Unix socket.
    """
    del pools
    directory = tempfile.TemporaryDirectory(prefix="facevoice-")  # mode 700
    path = str(Path(directory.name) / "workers")
    if len(path.encode()) > MAX_SOCKET_PATH_BYTES:
        directory.cleanup()
        raise BuildError(
            f"The path {path} is too long for a Unix socket ({len(path.encode())} bytes, at most "
            f"{MAX_SOCKET_PATH_BYTES}); set TMPDIR to a shorter path."
        )
    server = WorkerServer(f"unix:{path}", state, provision_info, manager)
    server.on_close.callback(directory.cleanup)
    return server


def pool_server(
    state: Any, provision_info: Any, manager: Any, pools: Sequence[str]
) -> WorkerServer:
    """Starts a server for workers of pools, given by their host:port.

    Raises:
      BuildError: a pool cannot be reached, or two are reached through different networks.
    """
    addresses = {_local_address(pool): pool for pool in pools}
    remote = {address: pool for address, pool in addresses.items() if not _is_loopback(address)}
    if len(remote) > 1:
        routes = " and ".join(f"{pool} from {address}" for address, pool in remote.items())
        raise BuildError(
            f"Worker pools are reached from different addresses of this machine ({routes}), but "
            f"all workers connect to one; name pools of one network."
        )
    return WorkerServer(f"{min(remote or addresses)}:0", state, provision_info, manager)


def _local_address(pool: str) -> str:
    """Returns the address of this machine on the route to a pool, as written in a URL."""
    host, _, port = pool.rpartition(":")
    try:
        addresses = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_DGRAM)
        family, *_, destination = addresses[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(destination)  # sends nothing
            address = str(probe.getsockname()[0])
    except OSError as error:
        raise BuildError(
            f"The worker pool at {pool} cannot be reached: {error.strerror}."
        ) from None
    return f"[{address}]" if family == socket.AF_INET6 else address


def _is_loopback(address: str) -> bool:
    return ip_address(address.strip("[]").partition("%")[0]).is_loopback
