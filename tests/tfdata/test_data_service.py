"""Reading through a tf.data service: a dispatcher and two workers on loopback."""

from __future__ import annotations

import json
import socket
from collections import Counter

import pytest
import tensorflow as tf

from facevoice.commands import train
from tests.tools import read_records
from tfdata import DatasetError, ReadOptions, load

pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.fixture(scope="module")
def address():
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer()
    of_workers = dispatcher.target.partition("://")[2]
    workers = [service.WorkerServer(service.WorkerConfig(of_workers)) for _ in range(2)]
    yield dispatcher.target
    del workers


def images_of(batches):
    return [image.tobytes() for batch, _ in batches for image in batch.numpy()]


def test_workers_read_every_example_of_an_epoch_once(data_set, address):
    options = ReadOptions(4, shuffle_buffer=5, service=address)
    found = images_of(load(data_set, "train", "image", options))
    assert sorted(found) == sorted(record["image"] for record in read_records(data_set, "train"))


def test_workers_read_whole_epochs_if_the_number_of_epochs_is_unlimited(data_set, address):
    """10 epochs of 5 steps; each of two workers may be in the middle of an epoch, or ahead."""
    options = ReadOptions(4, shuffle_buffer=5, epochs=None, service=address)
    times = Counter(images_of(load(data_set, "train", "image", options).take(50)))
    assert len(times) == 18
    assert all(5 <= count <= 15 for count in times.values())


@pytest.mark.slow
def test_training_through_it(data_set, address, tmp_path, monkeypatch):
    monkeypatch.chdir(data_set.parent)  # a path that only means something here
    flags = [f"--data={data_set.name}", f"--output={tmp_path / 'run'}"]
    flags += ["--epochs=2", "--batch_size=4"]
    assert train.main(["--model=cnn_image", *flags, f"--service={address}"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["epochs"] == 2


def test_an_address_without_a_service_is_a_one_line_error(data_set, tmp_path, capsys):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"grpc://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(DatasetError, match=r"^No tf.data service answers at"):
        load(data_set, "train", "image", ReadOptions(service=nowhere))
    flags = [f"--data={data_set}", f"--output={tmp_path / 'run'}", f"--service={nowhere}"]
    assert train.main(["--model=cnn_image", *flags]) == 1
    assert capsys.readouterr().err.startswith("error: No tf.data service answers at")
