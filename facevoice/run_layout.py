"""Names of run directories and of their files. This module imports no TensorFlow."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("runs")  # the default place of run directories, which are named after their models
MODEL_NAME = "model.keras"
SETTINGS_NAME = "settings.json"
METRICS_NAME = "metrics.json"  # written last, so a run with it is finished
