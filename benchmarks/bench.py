"""Runs the benchmarks and prints their tables in Markdown.

    python benchmarks/bench.py [--quick] [--only read,build]

The first run installs the peers under .bench/, which takes minutes and up to 10 GB. Datasets of the
group `read` take 8 GB while it runs. The machine must be idle otherwise.
"""

from __future__ import annotations

import importlib
import os
import platform
import time
from pathlib import Path

import environments
from harness import FULL, QUICK

from tfdata.command_line import Parser

# From the name of a group to its module, which has a function `run`.
GROUPS = {
    "build": "build",
    "scale": "scale",
    "encoders": "encoder_builds",
    "kernels": "kernels",
    "read": "read",
    "modality": "one_modality",
    "remote": "remote",
    "training": "step_time",
    "lanes": "lanes",
    "videos": "videos",
}


def main() -> None:
    """Runs the selected groups."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="run everything with little data; the figures are not meaningful",
    )
    parser.add_argument(
        "--only",
        type=groups,
        default=list(GROUPS),
        metavar="GROUP,...",
        help=f"groups to run, of {', '.join(GROUPS)} (default: all)",
    )
    arguments = parser.parse(None)
    environments.set_up()
    print(machine(), end="\n\n")
    if arguments.quick:
        print("Quick run: the figures are not meaningful.\n")
    for group in arguments.only:
        started = time.monotonic()
        print(importlib.import_module(GROUPS[group]).run(QUICK if arguments.quick else FULL))
        print(f"(The group {group} took {time.monotonic() - started:.0f} s.)\n", flush=True)


def groups(text: str) -> list[str]:
    """Parses names of groups; returns them in the order of `GROUPS`."""
    unknown = set(text.split(",")) - set(GROUPS)
    if unknown:
        raise ValueError(f"no group {unknown.pop()!r}")
    return [group for group in GROUPS if group in text.split(",")]


def machine() -> str:
    """Describes the machine and the versions of the peers."""
    cores, memory = len(os.sched_getaffinity(0)), os.sysconf("SC_PHYS_PAGES")
    gigabytes = memory * os.sysconf("SC_PAGE_SIZE") / 1e9
    lines = [
        f"{processor()}, {cores} cores, {gigabytes:.0f} GB; {platform.system()} "
        f"{platform.release()}; Python {platform.python_version()}; load average "
        f"{os.getloadavg()[0]:.1f} at the start."
    ]
    for environment in environments.REQUIREMENTS:
        lines.append(f"Peers ({environment}): {', '.join(environments.versions(environment))}.")
    return "\n".join(lines)


def processor() -> str:
    """Returns the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.machine()


if __name__ == "__main__":
    main()
