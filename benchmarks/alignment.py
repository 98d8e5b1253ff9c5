"""Accuracy of a model of faces on aligned against centred crops.

    python benchmarks/alignment.py --faces unzippedFaces --audio wav --meta vox1_meta.csv \\
        --output build/alignment

For each seed of the splits, it builds two datasets that differ in --face_detector only, trains the
model on both with the same seed, and compares the predictions of equal test pairs by the exact test
of McNemar. What is in --output already is kept, so an interrupted benchmark resumes.

With --model lda, the model is a linear discriminant (shrinkage of Ledoit and Wolf) on images of
32 x 32 pixels, each of mean 0 and standard deviation 1. It takes seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from facevoice.evaluation.predictions import predict_splits
from facevoice.evaluation.runs import open_run
from tfdata.examples import read_examples
from tfdata.manifest_reader import load_manifest

DETECTORS = {"centred": "none", "aligned": "blazeface"}
LDA, LDA_PX = "lda", 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path, required=True, help="VoxCeleb's face images")
    parser.add_argument("--audio", type=Path, required=True, help="VoxCeleb's clips")
    parser.add_argument("--meta", type=Path, required=True, help="vox1_meta.csv")
    parser.add_argument("--output", type=Path, required=True, help="directory of datasets and runs")
    parser.add_argument("--model", default="resnet_image", help="or lda (default: resnet_image)")
    parser.add_argument("--splits", type=int, default=3, help="number of seeds (default: 3)")
    parser.add_argument("--epochs", type=int, help="(default: those of the recipe)")
    parser.add_argument("--image_size", type=int, default=128, help="pixels (default: 128)")
    args = parser.parse_args()
    pooled: dict[str, list[bool]] = {crop: [] for crop in DETECTORS}
    lines = ["| split | test pairs | centred | aligned |", "|---|---|---|---|"]
    for seed in range(args.splits):
        right = {crop: correct(args, crop, seed) for crop in DETECTORS}
        keys = sorted(right["centred"].keys() & right["aligned"].keys())
        for crop in DETECTORS:
            pooled[crop] += [right[crop][key] for key in keys]
        counts = [str(sum(right[crop][key] for key in keys)) for crop in DETECTORS]
        lines.append(f"| {seed} | {len(keys)} | {' | '.join(counts)} |")
    lines.append(
        f"| all | {len(pooled['centred'])} | {sum(pooled['centred'])} | {sum(pooled['aligned'])} |"
    )
    print("\n".join(lines))
    only_aligned, only_centred = (
        sum(a and not b for a, b in zip(pooled[one], pooled[other], strict=True))
        for one, other in (("aligned", "centred"), ("centred", "aligned"))
    )
    differ = only_aligned + only_centred
    p = binomtest(only_aligned, differ).pvalue if differ else 1.0
    print(
        f"Right on aligned crops only: {only_aligned}, on centred crops only: {only_centred}; "
        f"exact test of McNemar: p = {p:.3g}."
    )


def correct(args: argparse.Namespace, crop: str, seed: int) -> dict[str, bool]:
    """Builds and trains; returns whether each test pair is predicted right, by its key."""
    dataset, run_dir = args.output / f"{crop}-{seed}", args.output / f"run-{crop}-{seed}"
    if not (dataset / "dataset.json").exists():
        run(
            "-m", "beam_pipelines.build", f"--faces={args.faces}", f"--audio={args.audio}",
            f"--meta={args.meta}", f"--output={dataset}", f"--seed={seed}",
            f"--face_detector={DETECTORS[crop]}", f"--image_size={args.image_size}",
        )  # fmt: skip
    if args.model == LDA:
        return correct_by_lda(dataset)
    epochs = [f"--epochs={args.epochs}"] if args.epochs else []
    run("train.py", f"--model={args.model}", f"--data={dataset}", f"--output={run_dir}", *epochs)
    found = predict_splits(open_run(run_dir), dataset, load_manifest(dataset), ["test"])
    is_right = (found.probabilities.argmax(axis=1) == found.labels).tolist()
    return dict(zip(found.keys.tolist(), is_right, strict=True))


def correct_by_lda(dataset: Path) -> dict[str, bool]:
    """Fits a linear discriminant to the training images; returns the same as `correct`."""
    images, people, _ = reduced_images(dataset, "train")
    test_images, test_people, keys = reduced_images(dataset, "test")
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(images, people)
    is_right = (model.predict(test_images) == test_people).tolist()
    return dict(zip(keys, is_right, strict=True))


def reduced_images(
    dataset: Path, split: str
) -> tuple[NDArray[np.float64], NDArray[np.str_], list[str]]:
    """Returns the normalised images of a split, one a row, with their people and keys."""
    manifest = load_manifest(dataset)
    examples = list(read_examples(dataset, manifest, manifest.splits[split].shards))
    block = manifest.image_shape[0] // LDA_PX
    blocks = (LDA_PX, block, LDA_PX, block, 3)
    rows = np.stack([e.image.reshape(blocks).mean(axis=(1, 3)).ravel() for e in examples])
    rows = (rows - rows.mean(axis=1, keepdims=True)) / rows.std(axis=1, keepdims=True)
    people = np.array([example.identity for example in examples])
    return rows, people, [example.key for example in examples]


def run(*arguments: str) -> None:
    """Runs a program of this repository; its output goes to stderr."""
    root = Path(__file__).parents[1]
    paths = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, *arguments]
    if arguments[0] != "-m":
        command[1] = str(root / arguments[0])
    subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | {"PYTHONPATH": paths})


if __name__ == "__main__":
    main()
