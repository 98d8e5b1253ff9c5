"""The environments that contestants run in: this one, and two for peers under `.bench/`.

Peers are no dependencies. Those that live beside TensorFlow share `peers`; those built on PyTorch,
which is several GB, share `torch`. What could not be installed is remembered with its reason, so
that a later run says it again without trying; removing `.bench/` tries anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[1] / ".bench"
OWN = "own"
REQUIREMENTS = {name: Path(__file__).with_name(f"{name}.txt") for name in ("peers", "torch")}


class MissingError(Exception):
    """An environment that is not there: one sentence of why."""


def python_of(environment: str) -> Path:
    """The interpreter of 'own', 'peers' or 'torch'.

    Raises:
      MissingError: the environment is not set up, or could not be.
    """
    if environment == OWN:
        return Path(sys.executable)
    state = _state(environment)
    if state["requirements"] != REQUIREMENTS[environment].read_text():
        raise MissingError(f"the environment {environment} is not set up; run benchmarks/bench.py")
    if state["failure"]:
        raise MissingError(state["failure"])
    return HOME / environment / "bin" / "python"


def set_up() -> None:
    """Makes HOME, and in it the environments of peers, where that is not done yet."""
    HOME.mkdir(exist_ok=True)
    for environment, file in REQUIREMENTS.items():
        requirements = file.read_text()
        if _state(environment)["requirements"] == requirements:
            continue
        print(f"Setting up .bench/{environment} ...", file=sys.stderr)
        state = {"requirements": requirements, "failure": _install(environment, file)}
        _state_file(environment).write_text(json.dumps(state, indent=1))


def versions(environment: str) -> list[str]:
    """What its requirements name, if it was installed: 'package==version' each."""
    try:
        python_of(environment)
    except MissingError:
        return []
    lines = (line.partition("#")[0].strip() for line in _lines(environment))
    return [line for line in lines if "==" in line]


def _lines(environment: str) -> list[str]:
    return REQUIREMENTS[environment].read_text().splitlines()


def _install(environment: str, requirements: Path) -> str | None:
    """Makes one environment; returns why it could not be made."""
    folder = HOME / environment
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(folder / "bin" / "pip"), "install", "--quiet", "--requirement", str(requirements)],
    )
    for command in commands:
        done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            return (said or done.stderr.splitlines() or ["no reason given"])[-1].strip()
    return None


def _state_file(environment: str) -> Path:
    return HOME / f"{environment}.json"


def _state(environment: str) -> dict[str, str | None]:
    """What was installed last: the requirements, and the failure, if it failed."""
    try:
        return json.loads(_state_file(environment).read_text())
    except FileNotFoundError:
        return {"requirements": None, "failure": None}
