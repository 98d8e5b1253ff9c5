"""Describes an export in `export.json`, for programs without this project.

| key | content |
|---|---|
| `format`, `format_version`, `kind` | "facevoice-export", 1, and the format of the graph |
| `model`, `modality`, `run` | the model's name, its media, and the SHA-256 of the run's model |
| `files` | what is in the directory: `graph`, and a face detector or encoder beside it |
| `signatures` | name to `inputs`, by name; the outputs are the same in all of them |
| `outputs` | names, types, shapes and meanings |
| `labels` | identity of each probability, in order |
| `threshold` | a person is unknown if no probability is above it; null if the run has none |
| `features`, `preprocessing_revision` | the settings of the dataset |
| `differences` | what a build does and the graph does not |
| `tolerances`, `check` | how far graph and build may differ, and how far they do, on which media |
| `licences` | of each part |
| `software` | versions of the packages that wrote the graph |
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tensorflow as tf

from facevoice.evaluation.inference import read_threshold
from facevoice.evaluation.runs import Run
from facevoice.export.formats import FILES, IMAGE_BYTES, WAV_BYTES, signatures_of
from facevoice.export.media_check import MediaCheck, tolerances
from facevoice.export.pretrained import Pretrained
from facevoice.export.serving_graph import FACE, MODEL_INPUTS, PROBABILITIES, SAMPLES, WINDOWS
from facevoice.features import MOST_WINDOWS
from facevoice.run_layout import MODEL_NAME
from tfdata.schema import IMAGE, SPECTROGRAM
from tfdata.storage.files import read_json

DESCRIPTION_NAME = "export.json"
FORMAT, FORMAT_VERSION = "facevoice-export", 1
PACKAGES = ("tensorflow", "keras", "tf2onnx", "onnx")


def is_export(folder: Path) -> bool:
    """Returns whether a directory holds an export."""
    try:
        return bool(read_json(folder / DESCRIPTION_NAME)["format"] == FORMAT)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def describe(run: Run, kind: str, pretrained: Pretrained, check: MediaCheck) -> dict[str, Any]:
    """Returns the content of `export.json`.

    Raises:
      EvaluationError: the threshold of the run is damaged.
    """
    signatures = signatures_of(kind, run.modality, run.features)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": kind,
        "model": run.model,
        "modality": run.modality,
        "run": hashlib.sha256((run.run_dir / MODEL_NAME).read_bytes()).hexdigest(),
        "files": {"graph": FILES[kind], **pretrained.files},
        "signatures": {
            name: {"inputs": {key: _input(key, spec, run) for key, spec in inputs.items()}}
            for name, inputs in signatures.items()
        },
        "outputs": _outputs(run, kind),
        "labels": list(run.people),
        "threshold": read_threshold(run),
        "features": run.features.recorded(),
        "preprocessing_revision": run.preprocessing_revision,
        "differences": [*_differences(run, kind), *pretrained.notes],
        "tolerances": tolerances(),
        "check": check.to_json(),
        "licences": {
            "graph": "Apache-2.0, of FaceVoice, for the preprocessing",
            "weights": "of whoever trained the model, and of the media that it was trained on",
            **pretrained.licences,
        },
        "software": _versions(kind),
    }


def _input(name: str, spec: tf.TensorSpec, run: Run) -> dict[str, Any]:
    rate_hz = run.features.sample_rate_hz
    missing = "; zeros if there is none" if run.accepts_missing else ""
    meanings = {
        IMAGE: f"upright photograph, RGB, of any size{missing}",
        FACE: f"face, cropped or aligned as by the build, RGB{missing}",
        SAMPLES: f"mono samples at {rate_hz} Hz, at least one{missing}",
        IMAGE_BYTES: "file: JPEG, PNG, BMP or GIF",
        WINDOWS: f"windows of {run.features.window_seconds:g} s, mono, at {rate_hz} Hz{missing}",
        WAV_BYTES: f"file: WAV of 16-bit PCM at {rate_hz} Hz",
    }
    shape = [-1 if size is None else size for size in spec.shape]
    return {"dtype": spec.dtype.name, "shape": shape, "meaning": meanings[name]}


def _outputs(run: Run, kind: str) -> dict[str, Any]:
    probabilities = {
        "dtype": "float32",
        "shape": [len(run.people)],
        "meaning": "of each of `labels`; the mean over the windows that are not silent",
    }
    if kind == "keras":
        probabilities |= {"shape": [-1, len(run.people)], "meaning": "of each of `labels`"}
    outputs: dict[str, Any] = {PROBABILITIES: probabilities}
    if run.modality != "audio" and kind != "keras":
        shape = list(run.image_shape)
        outputs[MODEL_INPUTS[IMAGE]] = {
            "dtype": "uint8",
            "shape": shape,
            "meaning": "the model's input",
        }
    if run.modality != "image":
        meaning = "the model's input"
        if kind != "keras":
            meaning += f"; consecutive windows, at most {MOST_WINDOWS}"
        shape = [-1, *run.spectrogram_shape]
        outputs[MODEL_INPUTS[SPECTROGRAM]] = {"dtype": "uint8", "shape": shape, "meaning": meaning}
    return outputs


def _differences(run: Run, kind: str) -> list[str]:
    """Returns what a build does with media that the graph does not do."""
    if kind == "keras":
        return ["Faces are cropped, and clips cut into windows, outside of the graph."]
    found = ["Blank, damaged and tiny images, and clips below 0.25 s, are not refused."]
    if run.modality != "audio":
        if run.features.face_detector != "none":
            found.append(
                "Faces are not detected: the input is a face whose eyes and mouth are at "
                "features.aligned_points, as fractions of its width and height."
            )
        elif kind == "savedmodel":
            found.append(
                "Colour profiles are not converted to sRGB, and large JPEGs are decoded at full "
                "size, which changes levels of faces slightly."
            )
    if run.modality != "image":
        if kind == "savedmodel":
            found.append("Sound is not resampled.")
        if run.features.voice_activity != "none":
            found.append("Windows are not moved to speech: give samples of speech.")
        if run.features.trim_silence_db is not None:
            found.append("Leading and trailing silence is not trimmed: give trimmed samples.")
    return found


def _versions(kind: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for package in PACKAGES if kind == "onnx" else PACKAGES[:2]:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
