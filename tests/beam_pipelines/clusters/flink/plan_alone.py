"""Lists and plans a corpus on a cluster, and writes only the plan summary.

Prints the shards, the pairs, and the peak of the driver's memory in MB.

`python -m tests.beam_pipelines.clusters.flink.plan_alone FACES AUDIO OUTPUT FLAGS...`; a
`--dry_run` plans in the driver.
"""

from __future__ import annotations

import logging
import re
import sys
import uuid
from pathlib import Path

from beam_pipelines.corpus.people import find_people
from beam_pipelines.pipeline import add_planning
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.runners.execution import connect_runner, create_pipeline, run_pipeline
from beam_pipelines.shards import output_dir
from beam_pipelines.shards.fingerprints import Job, software, worker_code
from facevoice.features import FeatureSettings


def main(faces: Path, audio: Path, output: Path, flags: list[str]) -> None:
    plan = PlanSettings(num_shards=64)
    job = Job(
        faces_root=faces,
        audio_root=audio,
        output=output,
        features=FeatureSettings(),
        num_shards=plan.num_shards,
        run_id=uuid.uuid4().hex,
        code=worker_code(),
        software=software(),
    )
    people = find_people(faces, audio, None).people
    with connect_runner("FlinkRunner", flags) as found, output_dir.prepare(output):
        pipeline = create_pipeline("FlinkRunner", found)
        add_planning(pipeline, people, job, plan)
        with (output / "driver.log").open("w") as log:
            run_pipeline(pipeline, log)
    summary = output_dir.read_plan_summary(output)
    assert summary is not None
    pairs = sum(shard.pairs for shard in summary.shards.values())
    peak_kb = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert peak_kb is not None
    print(len(summary.shards), pairs, int(peak_kb[1]) // 1024)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, force=True)
    main(*map(Path, sys.argv[1:4]), sys.argv[4:])
