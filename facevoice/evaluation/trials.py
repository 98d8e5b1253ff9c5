"""Reads verification trials, such as VoxCeleb's `veri_test.txt`, and embeds their files.

Each line is one trial: `<1|0> path path`, as in VoxCeleb, or `path path target|nontarget`, as in
Kaldi. 1 and target are trials of the same person, 0 and nontarget of different people.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.media_inputs import (
    fill_missing,
    read_face_input,
    read_window_inputs,
    speech_starts,
)
from facevoice.evaluation.predictions import BATCH_SIZE, batches
from facevoice.evaluation.runs import Run
from facevoice.evaluation.trial_checks import directories
from facevoice.evaluation.verification import normalize
from facevoice.features import FeatureSettings, MediaError, probe_audio
from facevoice.features.file_types import IMAGE_SUFFIXES, has_suffix
from tfdata.schema import IMAGE, IMAGE_EMBEDDING
from tfdata.storage.base import is_address
from tfdata.storage.factory import read_file
from tfdata.text import counted

Array = NDArray[Any]
WINDOWS = 5  # per clip
MAX_UNREADABLE = 0.05  # share of the files; with more, results are not comparable


@dataclass(frozen=True)
class Trials:
    """Pairs of files to verify.

    Attributes:
      same: bool [trials], whether both files are of one person.
      first, second: int [trials], indices into `files`.
      files: distinct paths as listed, in order of appearance.
      lines: int [trials], line numbers, from 1.
    """

    same: NDArray[np.bool_]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    files: tuple[str, ...]
    lines: NDArray[np.int64]

    @property
    def speakers(self) -> set[str]:
        """Returns the first directory of each path, below those that all paths share."""
        return {folders[0] for folders in directories(self.files) if folders}


@dataclass(frozen=True)
class TrialEmbeddings:
    """Embeddings of the files of trials.

    Attributes:
      embeddings: float32 [files, size], the mean of the normalised embeddings of a file's windows.
      unreadable: path to reason, for files that cannot be used; their rows are zeros.
      skipped_windows: number of windows without usable sound in usable files.
      are_clips: whether the files are clips, of several windows.
    """

    embeddings: NDArray[np.float32]
    unreadable: dict[str, str]
    skipped_windows: int
    are_clips: bool = True


def read_trials(path: str | Path) -> Trials:
    """Reads a list of trials, from a path or URL; empty lines are skipped.

    Raises:
      EvaluationError: the file cannot be read or is empty, a line is malformed, or one kind of
        trials is missing.
    """
    try:
        content = read_file(path if is_address(path) else Path(path))
        lines = content.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise EvaluationError(
            f"--trials {path} cannot be read: {error.strerror or error}."
        ) from None
    except UnicodeDecodeError:
        raise EvaluationError(
            f"--trials {path} cannot be read: it is not UTF-8 text; save it as UTF-8."
        ) from None
    rows: list[tuple[bool, int, int, int]] = []
    indices: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        trial = _parse(line)
        if trial is None:
            raise EvaluationError(
                f"--trials {path} has {line[:80]!r} in line {number}; use 1 (same person) or 0 "
                f"(different people) and two paths, such as 1 id10270/5r0dWxy17C8/00001.wav "
                f"id10270/8jEAjG6SegY/00002.wav, or two paths and target or nontarget."
            )
        is_same, *files = trial
        first, second = (indices.setdefault(file, len(indices)) for file in files)
        rows.append((is_same, first, second, number))
    if not rows:
        raise EvaluationError(f"--trials {path} is empty; give a list of trials.")
    same, firsts, seconds, numbers = np.array(rows, np.int64).reshape(-1, 4).T
    if not 0 < same.sum() < len(rows):
        raise EvaluationError(
            f"--trials {path} has {counted(int(same.sum()), 'trial')} of the same person and "
            f"{len(rows) - int(same.sum())} of different people; error rates need both."
        )
    return Trials(same.astype(bool), firsts, seconds, tuple(indices), numbers)


def _parse(line: str) -> tuple[bool, str, str] | None:
    """Returns whether a trial is of one person, and its paths; None for a malformed line."""
    match line.split():
        case first, second, "target" | "nontarget" as kind:
            return kind == "target", first, second
        case "0" | "1" as kind, first, second:
            return kind == "1", first, second
    return None


def embed_files(run: Run, files: tuple[str, ...], root: Path) -> TrialEmbeddings:
    """Embeds media files with the feature settings, the encoders and the model of a run.

    A clip gives up to WINDOWS windows, spread evenly from start to end; a clip that is no longer
    than a window gives one. An image gives one face. A missing medium becomes zeros.

    Args:
      run: the run.
      files: paths relative to `root`.
      root: directory of the media.

    Raises:
      EvaluationError: the model needs a face and a voice, the files are of both kinds, or too many
        files cannot be read.
      EncoderError, WeightsError: an encoder of the run cannot be used.
    """
    name = _input_name(run, files)
    sums = np.zeros((len(files), run.embedding_size), np.float32)
    counts = np.zeros(len(files), np.int64)
    reasons: dict[int, str] = {}
    skipped_windows = 0

    def arrays() -> Iterator[tuple[int, Array]]:
        nonlocal skipped_windows
        progress = tqdm(files, "Embedding", unit="file", leave=False, disable=None)
        for index, file in enumerate(progress):
            found, errors = _read_arrays(run, locate(root, file), name)
            if found:
                skipped_windows += len(errors)
                yield from ((index, array) for array in found)
            else:
                reasons[index] = str(errors[0])

    for batch in batches(arrays(), BATCH_SIZE):
        indices = [index for index, _ in batch]
        inputs = {name: np.stack([array for _, array in batch])}
        _, embeddings = run.predict(fill_missing(run, inputs))
        np.add.at(sums, indices, normalize(embeddings))
        np.add.at(counts, indices, 1)
    unreadable = {files[index]: reasons[index] for index in sorted(reasons)}
    check_usable(files, unreadable, root)
    return TrialEmbeddings(
        embeddings=sums / np.maximum(counts, 1)[:, None].astype(np.float32),
        unreadable=unreadable,
        skipped_windows=skipped_windows,
        are_clips=name not in (IMAGE, IMAGE_EMBEDDING),
    )


def check_usable(files: Sequence[str], reasons: Mapping[str, str], media: Path | None) -> None:
    """Checks that nearly all files of a list can be used.

    Args:
      files: of the list.
      reasons: path to reason, for files that cannot be used.
      media: directory that the paths are relative to; None if they were looked up in a dataset.

    Raises:
      EvaluationError: more than MAX_UNREADABLE of them cannot.
    """
    if len(reasons) <= MAX_UNREADABLE * len(files):
        return
    first, reason = next(iter(reasons.items()))
    advice = (
        "check that --media DIR is the directory that the paths are relative to"
        if media
        else "give the directory of the clips with --media"
    )
    raise EvaluationError(
        f"{len(reasons)} of {counted(len(files), 'file')} in the trials cannot be used, the first "
        f"is {media / first if media else first} ({reason}); {advice}."
    )


def locate(root: Path, file: str) -> Path:
    """Returns the path of a listed file, whose name on disk may be in another form of Unicode."""
    names = (file, *(unicodedata.normalize(form, file) for form in ("NFC", "NFD")))
    paths = [root / name for name in dict.fromkeys(names)]
    return next((path for path in paths if path.exists()), paths[0]) if paths[1:] else paths[0]


def spread_starts(samples: int, settings: FeatureSettings) -> list[int]:
    """Returns the first samples of WINDOWS windows of a clip, at `settings.sample_rate_hz`."""
    last = samples - settings.window_samples
    if last <= 0:
        return [0]
    return sorted(set(np.linspace(0, last, WINDOWS).round().astype(int).tolist()))


def _input_name(run: Run, files: tuple[str, ...]) -> str:
    """Returns the input of the model that the files are; of two, the file names decide."""
    if len(run.inputs) == 1:
        return run.inputs[0]
    if not run.accepts_missing:
        raise EvaluationError(
            f"{run.model} needs a face and a voice, but each file of a trial has only one of them; "
            f"use resnet_fusion, embedding_fusion, or a model of images or of audio alone."
        )
    images = [has_suffix(file, IMAGE_SUFFIXES) for file in files]
    if all(images):
        return run.inputs[0]
    if any(images):
        raise EvaluationError(
            f"The trials have images ({files[images.index(True)]}) and clips "
            f"({files[images.index(False)]}), which cannot be compared; use one kind only."
        )
    return run.inputs[1]


def _read_arrays(run: Run, path: Path, name: str) -> tuple[list[Array], list[MediaError]]:
    """Returns the usable arrays of a file for an input of the model, and the errors of others."""
    settings = run.features
    try:
        if name in (IMAGE, IMAGE_EMBEDDING):
            return [read_face_input(run, path)], []
        if settings.voice_activity != "none":
            starts = speech_starts(path, WINDOWS, settings)
        else:
            starts = spread_starts(probe_audio(path).samples_at(settings.sample_rate_hz), settings)
    except MediaError as error:
        return [], [error]
    return read_window_inputs(run, path, starts)
