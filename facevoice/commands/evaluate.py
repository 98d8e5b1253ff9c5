"""Evaluates a run: `python evaluate.py --run runs/cnn_image`.

Prints the main metrics and writes all metrics, scores and figures to RUN/evaluation-SPLIT. Without
--data, the dataset that the run was trained on is used.

--encoders --data DIR evaluates the pretrained encoders of a dataset instead, without training:
verification by face, by voice, and by both.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from facevoice.commands.encoder_flags import add_own_encoder_flags
from facevoice.commands.model_flag import add_model_flag, use_models
from tfdata.command_line import Parser, run, say
from tfdata.flag_types import fraction, local_path, non_negative_int, path_or_address
from tfdata.manifest_reader import is_rebuilt, load_manifest
from tfdata.schema import MANIFEST_NAME, SPLITS

DEFAULT_FALSE_ACCEPT_RATE = 0.05
ENCODERS_OUTPUT = Path("runs/encoders")
MIN_COHORT_TOP = 10


def main(argv: Sequence[str] | None = None, prog: str = "evaluate.py") -> int:
    """Runs the command; returns its exit code."""
    parser = _parser(prog)
    args = parser.parse(argv)
    if args.encoders:
        _check_encoder_flags(parser, args)
    elif args.run is None:
        parser.error("give --run DIR, or --encoders with --data DIR.")
    if args.trials is None and args.media is not None:
        parser.error("--media needs --trials.")
    if args.trials is not None and args.media is None and not args.encoders:
        parser.error("--trials and --media must be given together.")
    if args.false_accept_rate is not None and args.unknown is None:
        parser.error("--false_accept_rate needs --unknown.")
    # Before TensorFlow is imported, which takes seconds.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return run(
        lambda: _evaluate_encoders(args) if args.encoders else _evaluate(args),
        needs_training_packages="evaluation",
        interrupted="Stopped; this evaluation is incomplete.",
    )


def _parser(prog: str) -> Parser:
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument("--run", type=local_path, metavar="DIR", help="directory of a finished run")
    parser.add_argument(
        "--encoders",
        action="store_true",
        help="evaluate the embeddings of --data, which was built with --face_encoder, "
        "--voice_encoder or both, instead of a run",
    )
    add_model_flag(parser)
    parser.add_argument(
        "--data",
        type=path_or_address,
        metavar="DIR",
        help="dataset directory or URL (default: the dataset of the run)",
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="test",
        help="split to evaluate (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=local_path,
        metavar="DIR",
        help="output directory (default: RUN/evaluation-SPLIT, with --encoders "
        f"{ENCODERS_OUTPUT}/evaluation-SPLIT)",
    )
    parser.add_argument(
        "--compare",
        type=local_path,
        metavar="DIR",
        help="directory of another run to compare with on the same examples",
    )
    parser.add_argument(
        "--trials",
        type=path_or_address,
        metavar="FILE",
        help="list of file pairs to verify, or its URL, one '<1|0> path path' per line, as in "
        "VoxCeleb's veri_test.txt, or 'path path target|nontarget', as in Kaldi; needs --media, or "
        "with --encoders a dataset with these clips; the scores are written to trial_scores*.txt",
    )
    parser.add_argument(
        "--media",
        type=local_path,
        metavar="DIR",
        help="directory that the paths in --trials are relative to",
    )
    add_own_encoder_flags(parser)
    parser.add_argument(
        "--unknown",
        type=path_or_address,
        metavar="DIR",
        help="dataset with people who are not in the training data, for open-set identification; "
        "all of its splits are used, and people of the training data are skipped",
    )
    parser.add_argument(
        "--false_accept_rate",
        type=fraction,
        metavar="X",
        help="share of --unknown examples to accept as known, 0 to 1; sets the threshold in "
        f"RUN/threshold.json (default: {DEFAULT_FALSE_ACCEPT_RATE})",
    )
    parser.add_argument(
        "--cohort_top",
        type=_cohort_top,
        default=300,
        metavar="N",
        help="number of the highest scores with the cohort, the training split, that AS-norm uses "
        "for each side of a trial; 0: no score normalisation; otherwise at least 10 (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--skip_robustness",
        action="store_true",
        help="do not evaluate missing and corrupted inputs, which takes about ten times as long "
        "as the split itself",
    )
    return parser


def _check_encoder_flags(parser: Parser, args: argparse.Namespace) -> None:
    """Refuses flags that need a run."""
    needless = {
        "--run": args.run,
        "--model": args.model or None,
        "--compare": args.compare,
        "--unknown": args.unknown,
        "--skip_robustness": args.skip_robustness or None,
    }
    if given := [flag for flag, value in needless.items() if value is not None]:
        parser.error(f"--encoders evaluates no run; omit {given[0]}.")
    if args.data is None:
        parser.error("--encoders needs --data DIR.")


def _cohort_top(text: str) -> int:
    number = non_negative_int(text)
    if 0 < number < MIN_COHORT_TOP:
        raise argparse.ArgumentTypeError(f"is {text!r}; use 0, or at least {MIN_COHORT_TOP}")
    return number


def _evaluate(args: argparse.Namespace) -> int:
    from facevoice.evaluation import evaluators
    from facevoice.evaluation.error_analysis import analyze_errors
    from facevoice.evaluation.evaluation_dir import (
        check_output_dir,
        write_evaluation,
        write_threshold,
    )
    from facevoice.evaluation.predictions import predict_splits
    from facevoice.evaluation.run_scoring import scoring_data
    from facevoice.evaluation.runs import open_run
    from facevoice.evaluation.trials import embed_files, read_trials
    from facevoice.features.native_output import without_native_stderr
    from facevoice.reports.evaluation_text import evaluation_text
    from facevoice.training.dataset import moved_dataset
    from tfdata.local_copy import local_copy

    use_models(args.model)
    run = open_run(args.run, {"image": args.face_encoder, "audio": args.voice_encoder})
    if warning := run.revision_warning():
        say(warning, file=sys.stderr)
    other = open_run(args.compare, flag="--compare") if args.compare else None
    trials = read_trials(args.trials) if args.trials else None
    if trials:
        run.media_encoders()  # fails before the evaluation
    output = args.output or run.run_dir / f"evaluation-{args.split}"
    check_output_dir(output, named=args.output is not None)
    if not args.data and not (run.data / MANIFEST_NAME).is_file():
        raise moved_dataset(args.run, run.data)
    data_dir = local_copy(args.data) if args.data else run.data
    say(f"Evaluating {run.model} on the {args.split} split of {data_dir}.")
    unknown_dir = local_copy(args.unknown) if args.unknown else None
    # Each manifest is read once, so that a rebuild during the evaluation does not matter.
    manifests = {folder: load_manifest(folder) for folder in (data_dir, unknown_dir) if folder}
    manifest = manifests[data_dir]
    predictions = predict_splits(run, data_dir, manifest, [args.split])
    scoring = scoring_data(run, data_dir, manifest, args.split, args.cohort_top)
    known = predictions.known
    results = [
        evaluators.summarize_data(run, data_dir, args.split, predictions, manifest),
        evaluators.evaluate_identification(run, known, manifest),
        evaluators.evaluate_verification(run, predictions, scoring.scorer(), manifest),
    ]
    if len(known.keys):
        robust = not args.skip_robustness
        results += analyze_errors(run, data_dir, manifest, args.split, known, robust=robust)
    if other:
        other_known = predict_splits(other, data_dir, manifest, [args.split]).known
        results.append(evaluators.evaluate_comparison(run, known, other, other_known))
    if trials:
        with without_native_stderr():
            embeddings = embed_files(run, trials.files, args.media)
        scorer = scoring.scorer(of_clips=embeddings.are_clips)
        results.append(evaluators.evaluate_trials(run, trials, embeddings, scorer, manifest))
    if unknown_dir:
        unknown = predict_splits(
            run, unknown_dir, manifests[unknown_dir], SPLITS, unknown_only=True
        )
        rate = args.false_accept_rate
        rate = DEFAULT_FALSE_ACCEPT_RATE if rate is None else rate
        results.append(evaluators.evaluate_open_set(run, known, unknown, rate))
    metrics = write_evaluation(output, run, predictions, results)

    say(*evaluation_text(metrics).split("\n"))
    if unknown_dir:
        say(f"The threshold is in {write_threshold(run, metrics['unknown'])}.")
    say(f"The report is {output / 'report.html'}.")
    for folder, used in manifests.items():
        if is_rebuilt(folder, used):
            say(
                f"Note: {folder} was rebuilt during the evaluation, which used the dataset as it "
                f"was at the start."
            )
    return 0


def _evaluate_encoders(args: argparse.Namespace) -> int:
    from facevoice.evaluation.encoder_evaluation import evaluate_encoders
    from facevoice.evaluation.evaluation_dir import check_output_dir, write_results
    from facevoice.evaluation.trials import read_trials
    from facevoice.features.native_output import without_native_stderr
    from facevoice.reports.encoder_report import encoder_report, encoder_text
    from tfdata.local_copy import local_copy

    trials = read_trials(args.trials) if args.trials else None
    output = args.output or ENCODERS_OUTPUT / f"evaluation-{args.split}"
    check_output_dir(output, named=args.output is not None)
    data_dir = local_copy(args.data)
    manifest = load_manifest(data_dir)
    say(f"Evaluating the encoders of {data_dir} on its {args.split} split.")
    with without_native_stderr():
        found = list(
            evaluate_encoders(
                data_dir,
                manifest,
                args.split,
                args.cohort_top,
                trials,
                args.media,
                {"image": args.face_encoder, "audio": args.voice_encoder},
            )
        )
    metrics = write_results(output, found, encoder_report)
    say(*encoder_text(metrics).split("\n"))
    say(f"The report is {output / 'report.html'}.")
    return 0
