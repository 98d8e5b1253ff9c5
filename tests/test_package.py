"""The installed package: what the wheel holds, and that it works without the checkout."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path
from shutil import copy, copytree, ignore_patterns

import pytest

from tests.conftest import ONE_PROCESS, SMALL

ROOT = Path(__file__).parents[1]
PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
SCRIPTS = {path.name for path in ROOT.glob("*.py")} - {"setup.py"}
COMMANDS = {"build", "check", "evaluate", "export", "export-dataset", "inspect", "predict", "train"}
COMMANDS |= {"enroll", "forget", "gallery", "identify", "serve", "verify"}
PIP = [sys.executable, "-m", "pip", "--quiet"]
OFFLINE = ["--no-deps", "--no-index"]


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory):
    """The wheel that pip builds from a copy, which keeps the checkout clean."""
    folder = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        copytree(ROOT / package, folder / package, ignore=ignore_patterns("__pycache__"))
    for name in (*SCRIPTS, "setup.py", "pyproject.toml", "README.md"):
        copy(ROOT / name, folder)
    command = [*PIP, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", folder, folder]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(wheel_file):
    with zipfile.ZipFile(wheel_file) as opened:
        yield opened


def metadata(wheel, name):
    (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


@pytest.fixture(scope="module")
def installed(wheel_file, tmp_path_factory):
    """Runs Python in an empty folder with the installed wheel first on its path."""
    target = tmp_path_factory.mktemp("site")
    subprocess.run([*PIP, "install", *OFFLINE, "--target", target, wheel_file], check=True)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tmp_path_factory.mktemp("empty"),
            env={**os.environ, "PYTHONPATH": str(target)},
            capture_output=True,
            text=True,
        )

    run.target = target
    return run


def test_every_file_of_the_packages_and_no_script_is_in_the_wheel(wheel):
    names = set(wheel.namelist())
    for package in PACKAGES:
        files = {path for path in (ROOT / package).rglob("*") if path.is_file()}
        files = {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}
        assert files <= names
    assert not names & SCRIPTS
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == PACKAGES
    assert "facevoice/py.typed" in names


def test_no_general_name_such_as_features_or_reports_is_at_the_top_level():
    assert {"beam_pipelines", "facevoice", "models", "tfdata"} == PACKAGES


def test_entry_points_name_functions_of_the_wheel(wheel):
    found = configparser.ConfigParser()
    found.read_string(metadata(wheel, "entry_points.txt"))
    assert set(found["facevoice.commands"]) == COMMANDS
    scripts = dict(found["console_scripts"])
    assert scripts["facevoice"] == "facevoice.cli:main"
    assert set(scripts) == {"facevoice", "facevoice-worker", "facevoice-worker-pool"}
    for place in (*scripts.values(), *found["facevoice.commands"].values()):
        module, function = place.split(":")
        assert f"{module.replace('.', '/')}.py" in wheel.namelist()
        assert f"def {function}(" in wheel.read(f"{module.replace('.', '/')}.py").decode()


def test_workers_need_no_tensorflow(wheel):
    needs = Parser().parsestr(metadata(wheel, "METADATA")).get_all("Requires-Dist")
    plain = [need for need in needs if "extra ==" not in need]
    assert any(need.startswith("apache-beam") for need in plain)
    assert not any(need.startswith(("tensorflow", "keras", "matplotlib")) for need in plain)


def test_the_installed_command_lists_its_sub_commands(installed):
    done = installed("-m", "facevoice.cli", "--help")
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert listed == COMMANDS


def test_scripts_are_not_importable(installed):
    """`evaluate` would shadow Hugging Face's package of that name; -S hides site-packages."""
    for script in SCRIPTS:
        done = installed("-S", "-c", f"import {Path(script).stem}")
        assert "ModuleNotFoundError" in done.stderr
    assert installed("-S", "-c", "import facevoice").returncode == 0


@pytest.mark.slow
def test_the_installed_package_builds_the_checkouts_dataset_and_card(
    installed, corpus, build, tmp_path
):
    flags = [*SMALL, *ONE_PROCESS, *corpus.flags, f"--output={tmp_path / 'installed'}"]
    done = installed("-m", "facevoice.cli", "build", *flags)
    assert done.returncode == 0, done.stderr[-2000:]
    assert build(*corpus.flags, f"--output={tmp_path / 'checkout'}") == 0
    for name in ("card.html", "dataset.json"):
        text = (tmp_path / "installed" / name).read_text(encoding="utf-8")
        assert text == (tmp_path / "checkout" / name).read_text(encoding="utf-8")
    card = (tmp_path / "installed" / "card.html").read_text(encoding="utf-8")
    assert card.rstrip().endswith("</html>")
    assert all(text in card for text in ("color-scheme", "Person 0", "data:image/"))


def test_the_installed_modules_are_those_of_the_wheel(installed):
    code = "import sys, importlib.util as i; print(*(i.find_spec(p).origin for p in sys.argv[1:]))"
    done = installed("-c", code, *sorted(PACKAGES))
    paths = [str(installed.target / package / "__init__.py") for package in sorted(PACKAGES)]
    assert done.stdout.split() == paths
