"""Measures this software beside what a user would pick instead; prints tables in markdown.

    python benchmarks/bench.py [--quick] [--only read,build]

The first run sets up environments for the peers under .bench/: minutes, and up to 10 GB of disk;
data sets that are read take 8 GB more for a while. Nothing else may keep the machine busy.
"""

from __future__ import annotations

import importlib
import os
import platform
import time
from pathlib import Path

import environments
from arena import FULL, QUICK

from tfdata.command_line import Parser

# Name of a group to the module that has its `rows`.
GROUPS = {
    "build": "build",
    "scale": "scale",
    "kernels": "kernels",
    "read": "read",
    "modality": "one_modality",
    "training": "step_time",
}


def main() -> None:
    """Runs the groups that are asked for."""
    parser = Parser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of all: does it work?")
    parser.add_argument(
        "--only",
        type=groups,
        default=list(GROUPS),
        metavar="GROUP,...",
        help=f"of {', '.join(GROUPS)}",
    )
    found = parser.parse(None)
    environments.set_up()
    print(machine(), end="\n\n")
    if found.quick:
        print("Quick: all works are run, and none for long enough that its figures count.\n")
    for group in found.only:
        started = time.monotonic()
        print(importlib.import_module(GROUPS[group]).rows(QUICK if found.quick else FULL))
        print(f"(The group {group} took {time.monotonic() - started:.0f} s.)\n", flush=True)


def groups(text: str) -> list[str]:
    """Names of groups, in the order in which they run."""
    unknown = set(text.split(",")) - set(GROUPS)
    if unknown:
        raise ValueError(f"no group {unknown.pop()!r}")
    return [group for group in GROUPS if group in text.split(",")]


def machine() -> str:
    """Where this runs, and beside what."""
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
    """What /proc calls it, where there is a /proc."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.machine()


if __name__ == "__main__":
    main()
