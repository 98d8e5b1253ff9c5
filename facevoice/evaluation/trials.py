"""Trials that somebody else listed, such as VoxCeleb's `veri_test.txt`, and their embeddings.

One line a trial, `<1|0> path path`: 1 where both are of one person, 0 where they are of two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.media_inputs import spectrograms, with_missing
from facevoice.evaluation.predictions import BATCH_SIZE, batches
from facevoice.evaluation.runs import Run
from facevoice.evaluation.verification import unit
from facevoice.features import FeatureSettings, MediaError, probe_audio, read_face
from facevoice.features.file_types import IMAGE_SUFFIXES
from tfdata.loader import MODALITIES
from tfdata.schema import IMAGE, SPECTROGRAM

Bytes = NDArray[np.uint8]
WINDOWS = 5  # of one clip
MAX_UNREADABLE = 0.05  # of the files; more, and the figure is no longer one of this list


@dataclass(frozen=True)
class Trials:
    """Pairs of files.

    Attributes:
      same: bool [trials], one person or two.
      first, second: int [trials], places in `files`.
      files: every path once, as listed, in order of appearance.
      lines: int [trials], where in the list each stands, from 1.
    """

    same: NDArray[np.bool_]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    files: tuple[str, ...]
    lines: NDArray[np.int64]

    @property
    def speakers(self) -> set[str]:
        """The first folder of each path."""
        return {PurePosixPath(file).parts[0] for file in self.files}


@dataclass(frozen=True)
class Embedded:
    """The files of trials.

    Attributes:
      embeddings: float32 [files, size], the mean over a file's windows of their embeddings, each
        scaled to length 1 before.
      unreadable: path to reason, of files that could not be used; their rows are zeros.
      passed_over: windows without a usable sound, in files that have others.
    """

    embeddings: NDArray[np.float32]
    unreadable: dict[str, str]
    passed_over: int


def read_trials(path: Path) -> Trials:
    """Reads a list of trials; empty lines do not count.

    Raises:
      EvaluationError: it cannot be read, has a line of another form, or has not both kinds.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"--trials {path} cannot be read: {error}.") from None
    rows: list[tuple[bool, int, int, int]] = []
    places: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        kind, *files = line.split()
        if kind not in ("0", "1") or len(files) != 2:
            raise EvaluationError(
                f"--trials {path} has {line[:80]!r} in line {number}; a line is 1 or 0 (one "
                f"person, or two) and two paths, such as 1 id10270/5r0dWxy17C8/00001.wav "
                f"id10270/8jEAjG6SegY/00002.wav."
            )
        first, second = (places.setdefault(file, len(places)) for file in files)
        rows.append((kind == "1", first, second, number))
    same, firsts, seconds, numbers = np.array(rows, np.int64).reshape(-1, 4).T
    if not 0 < same.sum() < len(rows):
        raise EvaluationError(
            f"--trials {path} has {int(same.sum())} trials of one person and "
            f"{len(rows) - int(same.sum())} of two; error rates need both."
        )
    return Trials(same.astype(bool), firsts, seconds, tuple(places), numbers)


def embed(run: Run, files: tuple[str, ...], root: Path) -> Embedded:
    """Embeds media files by the run's own preprocessing.

    A clip gives up to WINDOWS windows, spread evenly from its start to its end; one that is no
    longer than a window gives one. An image gives one face. A model of both that takes halves is
    given zeros for the other medium.

    Raises:
      EvaluationError: the model wants a face and a voice, the list names both kinds, or too many
        files cannot be read.
    """
    medium = _medium(run, files)
    sums = np.zeros((len(files), run.embedding_size), np.float32)
    taken = np.zeros(len(files), np.int64)
    reasons: dict[int, str] = {}
    passed_over = 0

    def readable() -> Iterator[tuple[int, Bytes]]:
        nonlocal passed_over
        shown = tqdm(files, "Embedding", unit="file", leave=False, disable=None)
        for place, file in enumerate(shown):
            found, errors = _arrays(root / file, medium, run.features)
            if found:
                passed_over += len(errors)
                yield from ((place, array) for array in found)
            else:
                reasons[place] = str(errors[0])

    for batch in batches(readable(), BATCH_SIZE):
        places = [place for place, _ in batch]
        found = {medium: np.stack([array for _, array in batch])}
        _, embeddings = run.answer(with_missing(run, found))
        np.add.at(sums, places, unit(embeddings))
        np.add.at(taken, places, 1)
    if len(reasons) > MAX_UNREADABLE * len(files):
        worst = min(reasons)
        raise EvaluationError(
            f"Of {len(files)} files that the trials list, {len(reasons)} cannot be used, the first "
            f"being {root / files[worst]} ({reasons[worst]}); --media DIR names the folder that "
            f"the paths begin in."
        )
    return Embedded(
        embeddings=sums / np.maximum(taken, 1)[:, None].astype(np.float32),
        unreadable={files[place]: reasons[place] for place in sorted(reasons)},
        passed_over=passed_over,
    )


def spread_starts(samples: int, settings: FeatureSettings) -> list[int]:
    """Where the windows of a clip begin, samples at `settings.sample_rate_hz`."""
    last = samples - settings.window_samples
    if last <= 0:
        return [0]
    return sorted(set(np.linspace(0, last, WINDOWS).round().astype(int).tolist()))


def _medium(run: Run, files: tuple[str, ...]) -> str:
    """What the files hold: IMAGE or SPECTROGRAM; a model of both goes by their names."""
    media = MODALITIES[run.modality]
    if len(media) == 1:
        return media[0]
    if not run.takes_halves:
        raise EvaluationError(
            f"{run.model} wants a face and a voice, and a trial names one file each; verify "
            f"trials with resnet_fusion, or with a model of images or of audio alone."
        )
    images = [Path(file).suffix.lower() in IMAGE_SUFFIXES for file in files]
    if all(images):
        return IMAGE
    if any(images):
        raise EvaluationError(
            f"The trials name images ({files[images.index(True)]}) and clips "
            f"({files[images.index(False)]}), which do not compare; make a list of either kind."
        )
    return SPECTROGRAM


def _arrays(
    path: Path, medium: str, settings: FeatureSettings
) -> tuple[list[Bytes], list[MediaError]]:
    """What a model can be given of a file, and why the rest is of no use."""
    try:
        if medium == IMAGE:
            return [read_face(path, settings)], []
        starts = spread_starts(probe_audio(path).samples_at(settings.sample_rate_hz), settings)
    except MediaError as error:
        return [], [error]
    return spectrograms(path, starts, settings)
