"""What several tests do with builds and data sets."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import keras
import pytest
import tensorflow as tf
from PIL import Image

from facevoice.reports.drawing import draw_figures
from models import Inputs, build_model
from tests.conftest import SMALL
from tfdata import load_manifest

PRECIOUS = b"precious"  # content of files that must not change


def read_records(data_set, split):
    """All records of a split, by TensorFlow's own reader and parser."""
    manifest = json.loads((data_set / "dataset.json").read_text())
    for shard in manifest["splits"][split]["shards"]:
        for data in tf.data.TFRecordDataset(str(data_set / shard["file"])):
            features = tf.train.Example.FromString(data.numpy()).features.feature
            yield {
                name: (f.bytes_list.value or f.int64_list.value)[0] for name, f in features.items()
            }


def empty_split(fields, split):
    """Empties a split of a parsed manifest, which stays consistent."""
    fields["splits"][split] = {"pairs": 0, "sessions": {}, "shards": []}
    for person in fields["people"].values():
        person["pairs"][split] = 0


def files_of(data_set):
    return {p.name: p.read_bytes() for p in data_set.iterdir() if p.is_file()}


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Returns what was printed to stderr, which must be one line of an error."""
    error = capsys.readouterr().err
    assert error.startswith("error: "), error
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    return error


def contents_below(root: Path) -> dict[Path, bytes | bool]:
    """Returns each path below a directory: the bytes of a file, True of a directory."""
    return {
        path.relative_to(root): path.is_dir() or path.read_bytes()
        for path in root.rglob("*")
        if path.is_dir() or path.is_file()
    }


def untrained_run(model, data_set, run_dir, **sizes):
    """Writes a run as `train.py` leaves it, of random weights, in a second; returns its model."""
    manifest = load_manifest(data_set)
    keras.utils.set_random_seed(1)
    shapes = (manifest.image_shape, (*manifest.spectrogram_shape, 1))
    inputs = Inputs(*shapes, manifest.embedding_dimensions)
    network = build_model(model, inputs, len(manifest.people), **sizes)
    run_dir.mkdir()
    network.save(run_dir / "model.keras")
    shutil.copy(data_set / "dataset.json", run_dir)
    settings = {"model": model, "data": str(data_set)}
    (run_dir / "settings.json").write_text(json.dumps(settings))
    (run_dir / "metrics.json").write_text("{}")
    return network


@contextmanager
def no_figures(drawn: Collection[str] = ()) -> Iterator[None]:
    """Draws no figures of runs and evaluations but those in `drawn`; others are one pixel.

    Drawing takes a fifth of the time of a short training, and rendering twice as much.
    """
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "PNG")

    def draw(figures):
        chosen = {name: figure for name, figure in figures.items() if name in drawn}
        return dict.fromkeys(figures, file.getvalue()) | draw_figures(chosen)

    with _drawing_by(draw):
        yield


@contextmanager
def all_figures() -> Iterator[None]:
    """Draws figures in a module that has `no_figures`."""
    with _drawing_by(draw_figures):
        yield


@contextmanager
def _drawing_by(draw: Callable[..., dict[str, bytes]]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in ("facevoice.training.run_files", "facevoice.evaluation.evaluation_dir"):
            patch.setattr(f"{module}.draw_figures", draw)
        yield


def wait_for(process, ready, seconds=0.01):
    """Returns what `ready` finds while a process runs; fails if the process ends before."""
    while not (found := ready()):
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(seconds)
    return found


def start_build(corpus, output, *flags, **settings):
    """Starts a build in a new process and session."""
    command = [sys.executable, "-m", "beam_pipelines.build", *corpus.flags, f"--output={output}"]
    settings.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen(
        [*command, *SMALL, *flags], text=True, start_new_session=True, **settings
    )


def workers_of(pid, program=b"sdk_worker"):
    """Returns the worker processes of a build, or its other children that run a program."""
    children = [
        child
        for listing in Path(f"/proc/{pid}/task").glob("*/children")
        for child in listing.read_text().split()
    ]
    found = []
    for child in children:
        with suppress(OSError):  # it has ended
            if program in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def kill_a_worker_of(pid):
    """Kills one worker process of a build: the last of those below it."""
    os.kill(max(workers_of(pid)), signal.SIGKILL)
