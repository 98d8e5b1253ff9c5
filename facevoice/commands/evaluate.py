"""Says what a trained model is worth: `python evaluate.py --run runs/cnn_image`.

Without --data it takes the data set that the run was trained on. It prints the main figures, and
leaves all of them, with scores and pictures, in RUN/evaluation-SPLIT.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from tfdata.command_line import Parser, fraction, local_path, path_or_address, run
from tfdata.rebuilds import is_rebuilt
from tfdata.schema import SPLITS, load_manifest


def main(argv: Sequence[str] | None = None, prog: str = "evaluate.py") -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument(
        "--run", type=local_path, required=True, metavar="DIR", help="a run's folder"
    )
    parser.add_argument(
        "--data",
        type=path_or_address,
        metavar="DIR",
        help="a data set's folder or address (default: the run's own)",
    )
    parser.add_argument("--split", choices=SPLITS, default="test", help="(default: %(default)s)")
    parser.add_argument(
        "--output", type=local_path, metavar="DIR", help="default: RUN/evaluation-SPLIT"
    )
    parser.add_argument(
        "--compare",
        type=local_path,
        metavar="DIR",
        help="another run, asked about the same examples",
    )
    parser.add_argument(
        "--trials",
        type=local_path,
        metavar="FILE",
        help="pairs of files to verify, one '<1|0> path path' a line, as VoxCeleb's veri_test.txt",
    )
    parser.add_argument(
        "--media", type=local_path, metavar="DIR", help="folder that the paths of --trials begin in"
    )
    parser.add_argument(
        "--unknown",
        type=path_or_address,
        metavar="DIR",
        help="a data set with people whom the run was not trained on: all that it has of them, in "
        "any split, is what the model should not know",
    )
    parser.add_argument(
        "--false_accept_rate",
        type=fraction,
        metavar="X",
        help="share of --unknown that may be taken for known; sets RUN/threshold.json "
        "(default: 0.05)",
    )
    parser.add_argument(
        "--skip_robustness",
        action="store_true",
        help="do not ask again with evidence missing or damaged, about ten times the split",
    )
    found = parser.parse(argv)
    if (found.trials is None) != (found.media is None):
        parser.error("--trials and --media belong together; give both.")
    if found.false_accept_rate is not None and found.unknown is None:
        parser.error("--false_accept_rate is of --unknown; give that too.")
    # Before anything imports TensorFlow, which takes seconds.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return run(
        lambda: _evaluate(found),
        needs_training_packages="evaluation",
        interrupted="Stopped; this evaluation is not finished.",
    )


def _evaluate(found: argparse.Namespace) -> int:
    from facevoice.evaluation import evaluators
    from facevoice.evaluation.error_analysis import strength_parts
    from facevoice.evaluation.evaluation_dir import check_folder, write_folder, write_threshold
    from facevoice.evaluation.predictions import read_answers
    from facevoice.evaluation.runs import open_run
    from facevoice.evaluation.trials import embed, read_trials
    from facevoice.reports.error_analysis_text import weighing_sentences
    from facevoice.reports.evaluation_text import notes, table
    from tfdata.local_copy import local_copy

    run = open_run(found.run)
    other = open_run(found.compare) if found.compare else None
    trials = read_trials(found.trials) if found.trials else None
    folder = found.output or run.folder / f"evaluation-{found.split}"
    check_folder(folder, named=found.output is not None)
    data_dir = local_copy(found.data) if found.data else run.data
    print(f"Asking {run.model} about the {found.split} split of {data_dir}.", flush=True)
    unknown_dir = local_copy(found.unknown) if found.unknown else None
    manifests = {place: load_manifest(place) for place in (data_dir, unknown_dir) if place}
    manifest = manifests[data_dir]
    answers = read_answers(run, data_dir, manifest, [found.split])

    known = answers.known
    results = [
        evaluators.head_part(run, data_dir, found.split, answers),
        evaluators.identification_part(run, known, manifest),
        evaluators.verification_part(run, answers),
    ]
    if len(known.keys):
        robust = not found.skip_robustness
        results += strength_parts(run, data_dir, manifest, found.split, known, robust=robust)
    if other:
        others = read_answers(other, data_dir, manifest, [found.split])
        results.append(evaluators.comparison_part(run, known, other, others.known))
    if trials:
        results.append(evaluators.trials_part(run, trials, embed(run, trials.files, found.media)))
    if unknown_dir:
        strangers = read_answers(
            run, unknown_dir, manifests[unknown_dir], SPLITS, strangers_only=True
        )
        rate = 0.05 if found.false_accept_rate is None else found.false_accept_rate
        results.append(evaluators.unknown_part(run, known, strangers, rate))
    metrics = write_folder(folder, run, answers, results)

    print(table(metrics))
    for note in [*weighing_sentences(metrics.get("weighing")), *notes(metrics)]:
        print(note)
    if found.unknown:
        print(f"The threshold is in {write_threshold(run, metrics['unknown'])}.")
    print(f"The report is {folder / 'report.html'}.")
    for place, begun_with in manifests.items():
        if is_rebuilt(place, begun_with):
            print(
                f"Note: {place} was rebuilt during the evaluation, which used the dataset as it "
                f"was at the start."
            )
    return 0
