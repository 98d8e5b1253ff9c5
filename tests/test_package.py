"""What is installed: all packages, no scripts, and no TensorFlow for workers."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
SCRIPTS = {path.name for path in ROOT.glob("*.py")} - {"setup.py"}

CACHES = shutil.ignore_patterns("__pycache__")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The package as pip builds it, from a copy, so that the checkout stays clean."""
    folder = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in (*SCRIPTS, "setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--quiet", "--wheel-dir", folder, folder], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as found:
        yield found


def test_every_package_and_no_script_is_in_the_wheel(wheel):
    names = set(wheel.namelist())
    for package in PACKAGES:
        modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / package).rglob("*.py")}
        assert modules <= names
    assert not names & SCRIPTS
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == PACKAGES
    assert "facevoice/py.typed" in names


def test_workers_need_no_tensorflow(wheel):
    (name,) = (n for n in wheel.namelist() if n.endswith("/METADATA"))
    needs = Parser().parsestr(wheel.read(name).decode()).get_all("Requires-Dist")
    plain = [need for need in needs if "extra ==" not in need]
    assert any(need.startswith("apache-beam") for need in plain)
    assert not any(need.startswith(("tensorflow", "keras", "matplotlib")) for need in plain)
