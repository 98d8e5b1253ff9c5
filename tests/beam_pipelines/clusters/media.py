"""A build of photographs, clips and videos with everything that has weights or an extra."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from facevoice.weights import BLAZEFACE, DLIB_RESNET, GE2E
from facevoice.weights.cache import weights_dir
from tests.beam_pipelines.clusters import builds
from tests.beam_pipelines.media_corpus import write_media_corpus
from tests.conftest import SMALL
from tests.tools import files_of

ENCODERS = {"face_encoder": "dlib_resnet", "voice_encoder": "ge2e"}
DETECTORS = {"face_detector": "blazeface", "voice_activity": "silero"}  # of the corpus's flags


def stage_weights(folder: Path) -> dict[str, str]:
    """Copies the weights to another place; returns the variables with which workers find them."""
    for archive in (BLAZEFACE, DLIB_RESNET, GE2E):
        here = weights_dir(archive)
        shutil.copytree(here, folder / "weights" / here.name)
    return {"FACEVOICE_CACHE": str(folder)}


def compare(cluster: builds.Cluster, build: Callable[..., int], folder: Path) -> None:
    """Builds here, and there by workers that see the staged weights only."""
    corpus = write_media_corpus(folder / "corpus")
    flags = [*corpus.flags, *(f"--{flag}={name}" for flag, name in ENCODERS.items())]
    assert build(*flags, f"--output={folder / 'here'}") == 0
    workers = builds.by_process(stage_weights(folder / "staged"))
    builds.build(cluster, folder / "there", *SMALL, *flags, *workers)
    there = files_of(folder / "there")
    assert there == files_of(folder / "here")
    features = json.loads(there["dataset.json"])["features"]
    assert {**DETECTORS, **ENCODERS}.items() <= features.items()
