"""Hosts that share neither a network address nor a folder that can be written, on one machine.

Each is a network namespace with one address on a bridge, and each command there gets mounts of its
own: all is read-only but the host's folder, and what other hosts and the driver write is not seen.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

NEEDED = ("ip", "unshare", "mount", "hostname")
NETWORK = "198.18"  # of those that are set aside for trials between machines
# Arguments: the host's name, its folder, what is hidden from it, and the command.
OWN_MOUNTS = """\
set -e
hostname "$1"
while read -r _ place _; do
    mount -n -o remount,bind,ro "$place" 2>/dev/null || true  # some are hidden by others
done </proc/self/mounts
mount -n --bind "$2" /mnt
mount -n -o remount,bind,rw /mnt
for shared in /tmp /var/tmp /dev/shm "$3"; do
    if [ -d "$shared" ]; then mount -n -t tmpfs tmpfs "$shared"; fi
done
mkdir -p "$2"
mount -n --move /mnt "$2"
cd "$2"
shift 3
exec "$@"
"""


@dataclass(frozen=True)
class Host:
    """Where a process runs: its address, its folder, and what leads a command there."""

    folder: Path
    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()


def missing() -> str | None:
    """Why there can be no such hosts here, or None."""
    if absent := [program for program in NEEDED if shutil.which(program) is None]:
        return f"there is no {absent[0]} on the PATH, which hosts of their own need"
    try:
        with _hosts(_run_name(), "198.18.0", Path(), Path(), 1):
            mount = ["mount", "-n", "-t", "tmpfs", "tmpfs", "/mnt"]
            subprocess.run(["unshare", "--mount", "--uts", *mount], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        return f"hosts of their own are not permitted here: {error.stderr.decode().strip()}"
    return None


@contextmanager
def several(folder: Path, hidden: Path, count: int) -> Iterator[tuple[str, list[Host]]]:
    """Yields this machine's address on a bridge, and the hosts there; all is removed after.

    Args:
      folder: empty; each host gets one in it.
      hidden: what lies in there is not seen by the hosts.
    """
    run = _run_name()
    network = f"{NETWORK}.{int(run[2:], 16) % 256}"
    with _hosts(run, network, folder, hidden, count) as made:
        yield f"{network}.1", made
    assert not left(run), left(run)


def left(run: str = "fv") -> list[str]:
    """The namespaces and links whose names begin so."""
    links = [name for _, name in socket.if_nameindex()]  # /sys may show another namespace's
    spaces = [path.name for path in Path("/run/netns").glob("*")]
    return sorted(name for name in links + spaces if name.startswith(run))


def _run_name() -> str:
    return f"fv{secrets.token_hex(4)}"  # a link's name has at most 15 characters


@contextmanager
def _hosts(run: str, network: str, folder: Path, hidden: Path, count: int) -> Iterator[list[Host]]:
    bridge = f"{run}-br"
    with ExitStack() as undo:
        _ip("link", "add", bridge, "type", "bridge")
        undo.callback(_ip, "link", "delete", bridge)
        _ip("address", "add", f"{network}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        made = []
        for number in range(count):
            name, address = f"{run}-{number}", f"{network}.{number + 2}"
            _ip("netns", "add", name)
            undo.callback(_ip, "netns", "delete", name)
            _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            undo.callback(_ip, "link", "delete", name)  # and with it its other end
            _ip("link", "set", name, "master", bridge, "up")
            _ip("-netns", name, "address", "add", f"{address}/24", "dev", "eth0")
            _ip("-netns", name, "link", "set", "eth0", "up")
            _ip("-netns", name, "link", "set", "lo", "up")
            own = folder / name
            mounts = ("unshare", "--mount", "--uts", "sh", "-c", OWN_MOUNTS, "sh", name)
            prefix = ("ip", "netns", "exec", name, *mounts, str(own), str(hidden))
            made.append(Host(own, address, prefix))
        yield made


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
