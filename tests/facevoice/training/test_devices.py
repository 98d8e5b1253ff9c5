"""Trainings on several devices, in half precision and with XLA; on CPUs."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import pytest

# Logical CPUs stand for GPUs; TensorFlow wants them before its first operation.
ON_DEVICES = """
import sys
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
devices = [tf.config.LogicalDeviceConfiguration()] * int(sys.argv[1])
tf.config.set_logical_device_configuration(cpu, devices)

from facevoice.commands.train import main

sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
def test_two_devices_train_as_one(data_set, tmp_path):
    results = []
    for devices in (1, 2):
        run_dir = tmp_path / f"on_{devices}"
        flags = ["--model=linear_image", f"--data={data_set}", f"--output={run_dir}"]
        flags += ["--strategy=mirrored", "--epochs=2", "--batch_size=8"]
        subprocess.run(
            [sys.executable, "-c", ON_DEVICES, str(devices), *flags],
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            check=True,
        )
        with (run_dir / "history.csv").open(newline="") as file:
            history = [[float(value) for value in row.values()] for row in csv.DictReader(file)]
        results.append((history, json.loads((run_dir / "metrics.json").read_text())))
    (one, metrics), (two, metrics_two) = results
    assert two == [pytest.approx(epoch, rel=1e-3) for epoch in one]
    for split in ("train", "validation", "test"):
        assert metrics[split]["pairs"] == metrics_two[split]["pairs"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "flag",
    ["--mixed_precision", "--jit_compile"],
)
def test_a_training_in_half_precision_or_with_xla_ends(data_set, tmp_path, flag):
    flags = ["--model=linear_image", f"--data={data_set}", f"--output={tmp_path / 'run'}"]
    ran = subprocess.run(
        [sys.executable, "-m", "facevoice.cli", "train", *flags, "--epochs=1", flag],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "jit_compile" not in ran.stderr  # Keras would warn that it compiles nothing
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings[flag[2:]] is True
