"""Tests which modules a worker process has imported after it wrote shards.

Workers import this module, so it imports nothing that they must not.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import apache_beam as beam

from beam_pipelines import transforms
from beam_pipelines.corpus.people import find_people
from beam_pipelines.pipeline import add_planning
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.runners.execution import create_pipeline, run_pipeline
from beam_pipelines.shards.fingerprints import Job, ShardPlan, software, worker_code
from beam_pipelines.shards.output_dir import prepare
from facevoice.features import FeatureSettings

FORBIDDEN = {"tensorflow", "tensorflow_io", "keras", "matplotlib", "models"}
FLAGS = ["--direct_running_mode=multi_processing", "--direct_num_workers=1"]


def write_and_report(plan: ShardPlan, job: Job, report: Path) -> None:
    """Writes a shard as a build does, then the id and the modules of this process."""
    list(transforms.write_shard(transforms.encode_plan(plan), job, False))
    names = {name.partition(".")[0] for name in sys.modules} | set(sys.modules)
    path = report / f"{plan.split}-{plan.index}.txt"
    path.write_text("\n".join([str(os.getpid()), *sorted(names)]), encoding="utf-8")


def test_a_worker_that_wrote_shards_has_not_imported_tensorflow(corpus, tmp_path):
    output, reports = tmp_path / "set", tmp_path / "reports"
    reports.mkdir()
    job = Job(
        faces_root=corpus.faces,
        audio_root=corpus.audio,
        output=output,
        features=FeatureSettings(image_size=16, window_seconds=0.5, fft_size=256),
        num_shards=1,
        run_id="run",
        code=worker_code(),
        software=software(),
    )
    people = find_people(corpus.faces, corpus.audio, corpus.meta).people
    pipeline = create_pipeline("DirectRunner", FLAGS)
    shards, _ = add_planning(pipeline, people, job, PlanSettings(num_shards=1))
    _ = shards | "Write and report" >> beam.Map(write_and_report, job, reports)
    with prepare(output), (tmp_path / "log").open("w") as log:
        run_pipeline(pipeline, log)

    assert len(list(output.glob("*.tfrecord"))) == len(list(reports.iterdir())) == 3
    for report in reports.iterdir():
        process, *modules = report.read_text(encoding="utf-8").splitlines()
        assert int(process) != os.getpid()
        assert {"beam_pipelines.shards.writer", "facevoice.features.spectrogram"} <= set(modules)
        assert sorted(FORBIDDEN & set(modules)) == []
