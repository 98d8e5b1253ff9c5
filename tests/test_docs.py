"""The documentation: links, commands, generated parts, and wording."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest

import facevoice
import tfdata
from beam_pipelines.build import main
from facevoice.features.reject_reasons import Reason
from facevoice.reports.results import EvaluationMetrics, RunMetrics
from facevoice.sample_corpus import writer
from tests.conftest import ONE_PROCESS, Corpus, write_clip, write_corpus, write_face
from tests.tools import untrained_run

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"]
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
# A block of code, with the comment above it.
BLOCK = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>.+?) -->\n)?"
    r"^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```",
    re.DOTALL | re.MULTILINE,
)
UNIT = re.compile(r"`/etc/systemd/system/([\w.-]+)`:\n\n```ini\n(.*?)```", re.DOTALL)
SAVED = re.compile(r"Save this as\s+`(\w+\.py)`:\n\n```python\n(.*?)```", re.DOTALL)
PROGRAMS = r"(?:\.venv/bin/)?(?:python|facevoice[\w-]*|make|pip|docker|srun|tar|unzip|exec|mkdocs)"
COMMAND = re.compile(rf"^\s*(?:\$ )?{PROGRAMS}(?: |$)", re.MULTILINE)
# Words and turns that this project avoids; plain ones say the same.
AVOIDED = re.compile(
    r"\b(such a training|whom|somebody|beside it|what is left|has come to|of its own|strangers"
    r"|is told by|in its last digits|of a bare|goes on where|away from home|what becomes of)\b",
    re.IGNORECASE,
)


def by_path(page):
    return str(page.relative_to(ROOT))


def commands(page):
    """Yields the reason for not running it, and the text, of each block of commands of a page."""
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["language"] in ("", "bash") and COMMAND.search(block["text"]):
            yield block["reason"], textwrap.dedent(block["text"])


def anchors(page):
    """Returns the anchors of the headings of a page, as GitHub forms them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_links_lead_somewhere(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    broken = []
    for target, anchor in links:
        if target.startswith(("http:", "https:")):
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_python_examples_are_python(page):
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["language"] == "python":
            compile(textwrap.dedent(block["text"]), str(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_pages_are_in_plain_words(page):
    text = " ".join(page.read_text(encoding="utf-8").split())
    assert AVOIDED.findall(text) == []


@pytest.fixture(scope="module")
def generated():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs" / "site"))
        yield importlib.import_module("generated")


@pytest.fixture(scope="module")
def parsers(generated):
    return generated.parsers()


def test_the_flags_page_has_all_flags_of_all_commands(generated, parsers):
    page = generated.fill("<!-- generated: flags -->")
    for name, parser in parsers.items():
        section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        flags = {flag for action in parser._actions for flag in action.option_strings}
        flags -= {"-h", "--help", "--version"}
        assert [flag for flag in flags if f"| `{flag}" not in section] == []
    assert "%(default)s" not in page


def test_help_texts_and_templates_are_in_plain_words(parsers):
    texts = {name: parser.format_help() for name, parser in parsers.items()}
    for path in (ROOT / "facevoice" / "reports" / "templates").glob("*.html"):
        texts[path.name] = path.read_text(encoding="utf-8")
    found = {name: AVOIDED.findall(" ".join(text.split())) for name, text in texts.items()}
    assert not any(found.values()), found


def test_the_reject_reasons_are_those_of_the_code(generated):
    table = generated.fill((ROOT / "docs/reference/reject-reasons.md").read_text("utf-8"))
    for reason in Reason:
        assert f"| `{reason.value}` | " in table


def test_the_python_reference_has_all_public_names():
    text = (ROOT / "docs/reference/python-api.md").read_text("utf-8")
    documented = set(re.findall(r"^::: [\w.]+\.(\w+)$", text, re.M))
    assert {*facevoice.__all__, *tfdata.__all__} - documented == set()
    for path in re.findall(r"^::: ([\w.]+)$", text, re.M):
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name), path


@pytest.mark.parametrize("kind", [RunMetrics, EvaluationMetrics])
def test_the_metrics_page_has_the_keys_of_the_reports(kind):
    page = (ROOT / "docs/reference/metrics.md").read_text("utf-8")
    keys = [each.metadata.get("key", each.name) for each in fields(kind)]
    assert [key for key in keys if f"`{key}`" not in page] == []


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with everything that the commands of the documentation name."""
    folder = tmp_path_factory.mktemp("docs") / "repository"
    folder.mkdir()
    for name in ("train.py", "evaluate.py", "predict.py", "docs", "tests"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    corpus = write_corpus(folder, people=3, videos=5)
    (folder / "unzippedFaces").symlink_to(corpus.faces)
    for short, path in (("F", corpus.faces), ("A", corpus.audio), ("M", corpus.meta)):
        (folder / short).symlink_to(path)
    (folder / "audio").mkdir()
    for person in sorted(corpus.faces.iterdir()):
        code = f"id1000{person.name[-1]}"
        (folder / "audio" / person.name).symlink_to(corpus.audio / code)
    write_face(folder / "PHOTO.jpg", seed=1, size=(200, 200))
    write_clip(folder / "CLIP.wav", seed=1, seconds=3.5)
    made = folder / "data" / "sample_corpus"  # two of its people
    for index in range(2):
        writer.write_person(made, index)
    parts = writer.corpus_paths(made)
    parts.meta.write_text(writer.meta_text(), encoding="utf-8")
    sample = Corpus(parts.faces, parts.audio, parts.meta)
    arguments = [*sample.flags, "--face_detector=none", f"--output={folder / 'data' / 'sample'}"]
    assert main([*arguments, *ONE_PROCESS]) == 0
    (folder / "runs").mkdir()
    untrained_run("cnn_image", folder / "data" / "sample", folder / "runs" / "cnn_image")
    return folder


RUNNABLE = [page for page in PAGES if any(reason is None for reason, _ in commands(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=by_path)
def test_commands_run(workplace, tmp_path, page):
    """Runs the blocks of a page, one after the other. Trainings get one epoch."""
    folder = tmp_path / "copy"
    shutil.copytree(workplace, folder, symlinks=True)
    text = page.read_text(encoding="utf-8")
    for name, source in re.findall(
        r"Save this as\s+`(\w+\.py)`:\n\n```python\n(.*?)```", text, re.S
    ):
        (folder / name).write_text(source)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    for reason, block in commands(page):
        if reason is not None:
            continue
        for command in block.replace("\\\n", " ").splitlines():
            command = command.removeprefix("$ ")
            if not COMMAND.match(command):
                continue  # output
            if re.search(r"train\.py|facevoice train", command) and "--epochs" not in command:
                command = command.partition("  #")[0] + " --epochs 1"
            ran = subprocess.run(
                ["bash", "-c", command],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
            )
            assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
def test_systemd_accepts_the_units(tmp_path):
    units = UNIT.findall((ROOT / "docs/how-to/growing-corpora.md").read_text())
    assert [name.rpartition(".")[2] for name, _ in units] == ["service", "timer"]
    for name, text in units:  # systemd looks for the interpreter
        (tmp_path / name).write_text(
            text.replace("/srv/facevoice/.venv/bin/python", sys.executable)
        )
    command = ["systemd-analyze", "verify", *(str(tmp_path / name) for name, _ in units)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
