"""The services of Beam's local runner that workers call, at an address that we choose.

Beam's own server, `worker_handlers.GrpcServer` of Beam 2.77, listens on all network interfaces, and
its artifact service sends any file that this user can read to whoever names its path. Neither can
be configured. This server has the same services except the artifact service: a local build stages
no artifacts. Processes of the build reach it through a Unix socket in a folder that only this user
can enter, workers of a pool at the address of this machine that leads to the pool: loopback, for a
pool on this machine.
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

# Messages of any size, and as many keep-alive pings as workers send; as Beam's own server has it.
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
      url: where workers find it.
      control_handler, data_plane_handler: what Beam's `GrpcWorkerHandler` expects of a server.
      control_port, data_port, state_port, logging_port: the same.
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
      BuildError: the path of the temporary folder is too long for a Unix socket.
    """
    del pools
    folder = tempfile.TemporaryDirectory(prefix="facevoice-")  # of mode 700
    path = str(Path(folder.name) / "workers")
    if len(path.encode()) > MAX_SOCKET_PATH_BYTES:
        folder.cleanup()
        raise BuildError(
            f"The path {path} is too long for a socket ({len(path.encode())} bytes of at most "
            f"{MAX_SOCKET_PATH_BYTES}); set TMPDIR to a shorter one."
        )
    server = WorkerServer(f"unix:{path}", state, provision_info, manager)
    server.on_close.callback(folder.cleanup)
    return server


def pool_server(
    state: Any, provision_info: Any, manager: Any, pools: Sequence[str]
) -> WorkerServer:
    """Starts a server for workers of pools, given by their host:port.

    Raises:
      BuildError: a pool cannot be reached, or two are reached through different networks.
    """
    addresses = {_address_towards(pool): pool for pool in pools}
    beyond = {address: pool for address, pool in addresses.items() if not _is_loopback(address)}
    if len(beyond) > 1:
        named = " and ".join(f"{pool} from {address}" for address, pool in beyond.items())
        raise BuildError(
            f"Worker pools are reached from different addresses of this machine ({named}), and all "
            f"workers call back at one; name pools of one network."
        )
    return WorkerServer(f"{min(beyond or addresses)}:0", state, provision_info, manager)


def _address_towards(pool: str) -> str:
    """Returns the address of this machine from which a pool is reached, as it stands in a URL."""
    host, _, port = pool.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_DGRAM)
        family, *_, destination = found[0]
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
