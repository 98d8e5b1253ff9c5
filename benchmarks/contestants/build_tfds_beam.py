"""TensorFlow Datasets on Apache Beam, with two worker processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import building
import tensorflow_datasets as tfds
import tfds_pairs
from contest import serve

# What Beam's documentation has for several processes of one machine
# (https://beam.apache.org/documentation/runners/direct/). The runner is the one that its
# DirectRunner falls back to; by that name it would first try to download another.
FLAGS = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def build(faces: Path, audio: Path, pairs: int, output: Path) -> dict[str, Any]:
    builder = tfds_pairs.BeamPairs(faces=faces, audio=audio, data_dir=output)
    options = beam.options.pipeline_options.PipelineOptions(FLAGS)
    config = tfds.download.DownloadConfig(beam_runner="FnApiRunner", beam_options=options)
    builder.download_and_prepare(download_config=config)
    if builder.info.splits["train"].num_examples != pairs:
        raise ValueError("pairs are missing")
    return {}


serve(building.works(build, tfds_pairs.arrays))
