"""Builds with TensorFlow Datasets on Apache Beam, with two worker processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import build_common
import tensorflow_datasets as tfds
import tfds_pairs
from protocol import serve

# Beam's documentation recommends these flags for several processes on one machine
# (https://beam.apache.org/documentation/runners/direct/). FnApiRunner is what DirectRunner falls
# back to; DirectRunner would first try to download another runner.
FLAGS = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def build(faces: Path, audio: Path, pairs: int, output: Path) -> dict[str, Any]:
    builder = tfds_pairs.BeamPairs(faces=faces, audio=audio, data_dir=output)
    options = beam.options.pipeline_options.PipelineOptions(FLAGS)
    config = tfds.download.DownloadConfig(beam_runner="FnApiRunner", beam_options=options)
    builder.download_and_prepare(download_config=config)
    if builder.info.splits["train"].num_examples != pairs:
        raise ValueError("pairs are missing")
    return {}


serve(build_common.tasks(build, tfds_pairs.arrays))
