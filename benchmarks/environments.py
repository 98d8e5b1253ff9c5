"""Virtual environments of the competitors: the current one, that of the second lane, and two under
`.bench/` for peers.

Peers that need or allow TensorFlow share the environment `peers`; those that need PyTorch share
`torch`. A failed installation is stored with its reason and not repeated until `.bench/` is
removed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".bench"
OWN, LANE2 = "own", "second"
_LANE2_PYTHON = ROOT / ".venv-lane2" / "bin" / "python"
REQUIREMENTS = {name: Path(__file__).with_name(f"{name}.txt") for name in ("peers", "torch")}


class MissingError(Exception):
    """Raised if an environment is missing; the message is the reason."""


def python_of(environment: str) -> Path:
    """Returns the interpreter of 'own', 'second', 'peers' or 'torch'.

    Raises:
      MissingError: the environment is not set up, or its installation failed.
    """
    if environment == OWN:
        return Path(sys.executable)
    if environment == LANE2:
        if not _LANE2_PYTHON.exists():
            raise MissingError("the environment .venv-lane2 is not set up; run make test-lane2")
        return _LANE2_PYTHON
    state = _state(environment)
    if state["requirements"] != REQUIREMENTS[environment].read_text():
        raise MissingError(f"the environment {environment} is not set up; run benchmarks/bench.py")
    if state["failure"]:
        raise MissingError(state["failure"])
    return HOME / environment / "bin" / "python"


def set_up() -> None:
    """Creates HOME and the environments of peers, unless they exist."""
    HOME.mkdir(exist_ok=True)
    for environment, file in REQUIREMENTS.items():
        requirements = file.read_text()
        if _state(environment)["requirements"] == requirements:
            continue
        print(f"Setting up .bench/{environment} ...", file=sys.stderr)
        state = {"requirements": requirements, "failure": _install(environment, file)}
        _state_file(environment).write_text(json.dumps(state, indent=1))


def versions(environment: str) -> list[str]:
    """Returns the requirements of an environment ('package==version'), if it is installed."""
    try:
        python_of(environment)
    except MissingError:
        return []
    lines = (line.partition("#")[0].strip() for line in _lines(environment))
    return [line for line in lines if "==" in line]


def _lines(environment: str) -> list[str]:
    return REQUIREMENTS[environment].read_text().splitlines()


def _install(environment: str, requirements: Path) -> str | None:
    """Creates an environment; returns the reason if that failed."""
    folder = HOME / environment
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(folder / "bin" / "pip"), "install", "--quiet", "--requirement", str(requirements)],
    )
    for command in commands:
        done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            return (errors or done.stderr.splitlines() or ["no error message"])[-1].strip()
    return None


def _state_file(environment: str) -> Path:
    return HOME / f"{environment}.json"


def _state(environment: str) -> dict[str, str | None]:
    """Returns the installed requirements, and the reason if the installation failed."""
    try:
        return json.loads(_state_file(environment).read_text())
    except FileNotFoundError:
        return {"requirements": None, "failure": None}
