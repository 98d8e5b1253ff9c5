"""Tests of builds in which one call to the operating system fails at a random moment."""

from __future__ import annotations

import random
import shutil
import signal
from collections import Counter
from contextlib import contextmanager

import pytest

from tests.beam_pipelines.faults import FAULTS, Calls
from tests.beam_pipelines.test_kills import is_complete
from tests.conftest import write_corpus
from tests.tools import files_of

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143}
# The datasets that builds write in turns, so that each has something to write.
SETTINGS = (["--frames=8"], ["--frames=9"])
SECONDS = 120  # of a build
FAULTY_BUILDS = 500


@contextmanager
def time_limit():
    """Fails a build that hangs."""

    def stop(*_):
        raise AssertionError("the build hangs")

    usual = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, usual)


def leave_damage(output, draw):
    """Damages what a build has left that is in no dataset, as a crash of the machine does."""
    named = (output / "dataset.json").read_text() if (output / "dataset.json").exists() else ""
    loose = sorted(
        path
        for path in output.rglob("*")
        if path.suffix in (".json", ".tfrecord", ".tmp")
        and path.name not in named
        and path.name != "dataset.json"
    )
    if loose:
        path = draw.choice(loose)
        content = bytearray(path.read_bytes())
        if content and draw.random() < 0.5:
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        else:
            del content[len(content) // 2 :]
        path.write_bytes(content)
    if (output / ".build").is_dir():
        (output / ".build" / f"{draw.randbytes(16).hex()}.{draw.randbytes(16).hex()}.tmp").touch()


@pytest.mark.slow
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_after_a_fault_the_next_build_gives_the_same_bytes(build, capfd, tmp_path):
    corpus = write_corpus(tmp_path / "corpus", people=2, videos=3, per_video=1)
    output = tmp_path / "set"
    folders = (tmp_path / "corpus", output)
    flags = [*corpus.flags, "--num_shards=1", "--keep_replaced_hours=0"]

    def run(target, *more, calls=None, folder=output):
        with time_limit(), (calls or Calls(())).installed():
            return build(*flags, *SETTINGS[target], *more, f"--output={folder}")

    expected, totals = [], {}
    for target in (0, 1):
        assert run(target, folder=tmp_path / str(target)) == 0
        expected.append(files_of(tmp_path / str(target)))
    for is_new, target in ((True, 0), (False, 1), (False, 0)):
        calls = Calls(folders)
        assert run(target, calls=calls) == 0
        totals[is_new] = calls.counts
    draw = random.Random(FAULTY_BUILDS)
    seen = Counter()
    for number in range(FAULTY_BUILDS):
        target, is_new = (number + 1) % 2, number % 5 == 4
        if is_new:
            shutil.rmtree(output)
        name = draw.choice(sorted(FAULTS))
        operation = draw.choice(sorted(totals[is_new]))
        calls = Calls(folders, operation, draw.randrange(totals[is_new][operation]), FAULTS[name])
        case = f"{number}: {name} at {operation}"
        capfd.readouterr()
        code = run(target, calls=calls)
        case += f" of {calls.hit}, exit code {code}"
        error = capfd.readouterr().err.splitlines()
        seen[name, operation, code] += 1
        assert code in (0, 1, EXIT_CODES.get(name, 1)), case
        if code:
            last = "Stopped. " if code > 1 else "error: "
            assert error[-1].startswith(last), case
            if not is_complete(output):
                assert is_new, case
            else:
                assert files_of(output)["dataset.json"] in [e["dataset.json"] for e in expected]
            if draw.random() < 0.3:
                leave_damage(output, draw)
        assert run(target) == 0, case
        assert files_of(output) == expected[target], case
        assert not list(output.rglob("*.tmp")), case
    codes, faults, operations = (Counter() for _ in range(3))
    for (name, operation, code), times in seen.items():
        codes[code] += times
        faults[name] += times
        operations[operation] += times
    with capfd.disabled():
        print(
            f"\n{FAULTY_BUILDS} faults: exit codes {dict(codes)}, {dict(faults)}, "
            f"{dict(operations)}"
        )
