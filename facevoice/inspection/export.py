"""Writes what is to be seen and heard of examples to a folder."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from facevoice.features import MediaError, band_centres_hz, read_window, spectrogram
from facevoice.inspection.examples import NotFoundError, StoredExample, feature_settings
from facevoice.inspection.survey import Survey
from tfdata.manifest import Manifest
from tfdata.schema import SPLITS
from tfdata.storage.files import replace_file

AUGMENTED_EPOCHS = range(11)
# Levels by which another version of the arithmetic may differ.
ROUNDING = 2


def write_example(folder: Path, example: StoredExample, manifest: Manifest) -> None:
    """face.png and spectrogram.png, exact; example.png, with axes."""
    lowest_last = np.ascontiguousarray(example.spectrogram[::-1])
    for name, pixels in (("face.png", example.image), ("spectrogram.png", lowest_last)):
        png = io.BytesIO()
        Image.fromarray(pixels).save(png, "PNG")
        replace_file(folder / name, png.getvalue())
    from facevoice.reports import inspection_figures  # imports Matplotlib, which may be missing

    settings = feature_settings(manifest)
    start = example.window_start_samples / settings.sample_rate_hz
    words = f"{example.place} · video {example.session} · from {start:g} s"
    picture = inspection_figures.example(
        example.identity,
        words,
        example.image,
        example.spectrogram,
        band_centres_hz(settings),
        settings.window_seconds,
        settings.floor_db,
    )
    replace_file(folder / "example.png", picture)


def write_sound(folder: Path, example: StoredExample, manifest: Manifest, audio: Path) -> str:
    """voice.wav, the samples of the window, read as the build reads them.

    Returns:
      Whether they give the spectrogram that is stored, a sentence.

    Raises:
      NotFoundError: the clip is not below `audio`, or cannot be used.
    """
    clip = audio / example.audio_source
    if not clip.is_file():
        raise NotFoundError(
            f"There is no {clip}; --audio wants the folder that the data set was built from."
        )
    settings = feature_settings(manifest)
    try:
        window = read_window(clip, example.window_start_samples, settings)
    except MediaError as error:
        raise NotFoundError(f"{clip} cannot be used: {error}.") from None
    # As float, so that nothing is rounded or clipped.
    wav = io.BytesIO()
    soundfile.write(wav, window, settings.sample_rate_hz, subtype="FLOAT", format="WAV")
    replace_file(folder / "voice.wav", wav.getvalue())
    apart = np.abs(spectrogram(window, settings).astype(int) - example.spectrogram).max()
    if apart <= ROUNDING:
        return "The spectrogram of voice.wav is the one that is stored."
    return (
        f"Warning: the spectrogram of voice.wav is {apart} levels off the one that is stored; "
        f"{clip} is another clip now, or other software built the data set."
    )


def write_sheet(folder: Path, examples: Sequence[StoredExample], manifest: Manifest) -> None:
    """person.png: faces above spectrograms, each with its split and index."""
    from facevoice.reports import media_figures

    settings = feature_settings(manifest)
    shown = [(example.place, example.image, example.spectrogram) for example in examples]
    picture = media_figures.samples(shown, band_centres_hz(settings), settings.window_seconds)
    replace_file(folder / "person.png", picture)


def write_augmented(folder: Path, example: StoredExample, manifest: Manifest, seed: int) -> None:
    """augmented.png: an example as stored, and as the first epochs of training see it."""
    from facevoice.inspection.augmented import versions
    from facevoice.reports import media_figures

    settings = feature_settings(manifest)
    changed = versions(example, seed, AUGMENTED_EPOCHS, settings.floor_db)
    shown = [
        ("as stored", example.image, example.spectrogram),
        *((f"epoch {epoch}", *pair) for epoch, pair in zip(AUGMENTED_EPOCHS, changed, strict=True)),
    ]
    picture = media_figures.samples(shown, band_centres_hz(settings), settings.window_seconds)
    replace_file(folder / "augmented.png", picture)


def write_levels(folder: Path, survey: Survey, manifest: Manifest) -> None:
    """stats.png: how often each level occurs, by split."""
    from facevoice.reports import inspection_figures

    counts = {
        split: (survey.faces[split].counts, survey.voices[split].counts)
        for split in SPLITS
        if split in survey.faces
    }
    replace_file(
        folder / "stats.png", inspection_figures.levels(counts, feature_settings(manifest).floor_db)
    )
