"""Exports a run: writes the graph, opens it, compares it with the build, and describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras

from facevoice.evaluation.runs import Run, open_run
from facevoice.export.description import DESCRIPTION_NAME, describe, is_export
from facevoice.export.errors import ExportError
from facevoice.export.formats import ARRAYS, FILES, signatures_of, write_graph
from facevoice.export.media_check import MediaCheck, Open, check_graph, generated_media
from facevoice.export.output_dir import check_replaceable, written_as_whole
from facevoice.export.pretrained import write_pretrained
from facevoice.export.runtimes import check_packages, open_graph
from facevoice.export.serving_graph import FACE
from facevoice.features.file_types import AUDIO_SUFFIXES, IMAGE_SUFFIXES, has_suffix
from tfdata.manifest_reader import load_manifest
from tfdata.storage.files import replace_file
from tfdata.text import counted, listed

GENERATED = 10  # number of drawn faces and synthesised voices to compare on


def export_run(
    run_dir: Path, kind: str, output: Path | None = None, media: Sequence[Path] = ()
) -> tuple[Path, MediaCheck]:
    """Exports a run.

    Args:
      run_dir: directory of a finished run.
      kind: a key of `formats.FILES`.
      output: directory to write; None is RUN/export-KIND.
      media: files and folders of real media to compare graph and build on; empty compares on media
        that are generated.

    Returns:
      The directory, and the differences on the media.

    Raises:
      ExportError: the run cannot be exported in this format, or graph and build differ too much.
      EvaluationError: the run cannot be read.
      OSError: a file cannot be written.
    """
    folder = output or run_dir / f"export-{kind}"
    check_replaceable(folder, is_export)
    check_packages(kind)
    run = open_run(run_dir)
    _check_inputs(run)
    faces, clips, origin = _media(media)
    _check_media(run, origin, faces, clips)
    encoders = load_manifest(run_dir, check_shards=False).encoders
    network = keras.Model(run.network.input, run.network.outputs[0])
    with written_as_whole(folder) as staging:
        path = staging / FILES[kind]
        write_graph(kind, path, network, run.modality, run.features)
        check = check_graph(
            run,
            open_graph(kind, path),
            origin,
            faces,
            clips,
            takes_faces=FACE in signatures_of(kind, run.modality, run.features)[ARRAYS],
        )
        if not check.queries:
            raise ExportError(f"None of the media ({origin}) can be used; give others.")
        if faults := check.faults():
            raise ExportError(
                f"The exported graph differs from the build and the model on {origin}: "
                f"{'; '.join(faults)}; nothing was written."
            )
        pretrained = write_pretrained(kind, staging, run.features, encoders)
        description = describe(run, kind, pretrained, check)
        text = json.dumps(description, indent=1, ensure_ascii=False) + "\n"
        replace_file(staging / DESCRIPTION_NAME, text.encode())
    return folder, check


def _media(paths: Sequence[Path]) -> tuple[list[Open], list[Open], str]:
    """Returns functions that open face images and clips, and where these are from.

    Raises:
      ExportError: a path is not an image or audio file, nor a folder of such files.
    """
    if not paths:
        return *generated_media(GENERATED), "the sample corpus's people, who are generated"
    found: dict[str, list[Any]] = {"image": [], "audio": []}
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        fitting = 0
        for kind, suffixes in (("image", IMAGE_SUFFIXES), ("audio", AUDIO_SUFFIXES)):
            media = [file for file in files if has_suffix(file.name, suffixes)]
            found[kind] += [partial(file.open, "rb") for file in media]
            fitting += len(media)
        if not fitting:
            raise ExportError(
                f"--media {path} has no image or audio file, by its extension; name another file "
                f"or folder."
            )
    images, clips = found["image"], found["audio"]
    return images, clips, f"{counted(len(images), 'image')} and {counted(len(clips), 'clip')}"


def _check_inputs(run: Run) -> None:
    """Checks that a model reads images and spectrograms.

    Raises:
      ExportError: it reads embeddings, and no graph has their encoders and face alignment.
    """
    if run.used_encoders:
        names = listed([encoder.name for encoder in run.used_encoders.values()])
        raise ExportError(
            f"The model {run.model} reads embeddings of {names}, which a graph cannot compute from "
            f"media; use 'facevoice predict', or export a model of images and spectrograms, such "
            f"as resnet_fusion."
        )


def _check_media(run: Run, origin: str, faces: Sequence[Open], clips: Sequence[Open]) -> None:
    """Checks that there are media for each input of the model.

    Raises:
      ExportError: there are none.
    """
    if (run.modality != "audio" and not faces) or (run.modality != "image" and not clips):
        raise ExportError(
            f"--media has {origin}, but the model {run.model} needs "
            f"{'both' if run.modality == 'pair' else run.modality}; add files or folders of them."
        )
