"""Exports examples as images and audio."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from facevoice.features import FeatureSettings, MediaError, band_centres_hz, spectrogram
from facevoice.inspection.examples import NotFoundError, StoredExample, feature_settings
from facevoice.inspection.originals import jpeg, mark_face, original_file, read_original
from facevoice.inspection.sounds import page_mp3, read_sound
from facevoice.inspection.survey import Survey
from facevoice.reports.examples import examples_page
from tfdata.manifest import Manifest
from tfdata.schema import SPLITS
from tfdata.storage.files import replace_file

AUGMENTED_EPOCHS = range(11)
# Difference of levels that other versions of the software may cause by rounding.
ROUNDING_TOLERANCE = 2
ORIGINAL_PX, SHEET_PX = 1600, 480  # longer sides of originals


def write_example(folder: Path, example: StoredExample, manifest: Manifest) -> None:
    """Writes face.png and spectrogram.png, pixel by pixel, and example.png, with axes."""
    flipped = np.ascontiguousarray(example.spectrogram[::-1])
    for name, pixels in (("face.png", example.image), ("spectrogram.png", flipped)):
        png = io.BytesIO()
        Image.fromarray(pixels).save(png, "PNG")
        replace_file(folder / name, png.getvalue())
    from facevoice.reports import inspection_figures  # needs Matplotlib, an optional package

    settings = feature_settings(manifest)
    start = example.window_start_samples / settings.sample_rate_hz
    caption = f"{example.place} · video {example.session} · from {start:g} s"
    figure = inspection_figures.example_figure(
        example.identity,
        manifest.people[example.identity].label,
        caption,
        example.image,
        example.spectrogram,
        band_centres_hz(settings),
        settings.window_seconds,
        settings.floor_db,
    )
    replace_file(folder / "example.png", figure)


def write_sound(folder: Path, example: StoredExample, manifest: Manifest, audio: Path) -> str:
    """Writes voice.wav, the samples of the window, read as the build reads them.

    Args:
      folder: output directory.
      example: the example.
      manifest: of the dataset.
      audio: directory of the clips that the dataset was built from; for a moment of a video, of the
        videos.

    Returns:
      A sentence that says whether the samples give the stored spectrogram.

    Raises:
      NotFoundError: the clip is missing or cannot be used.
    """
    settings = feature_settings(manifest)
    window = _window(example, settings, audio)
    # Floats are neither rounded nor clipped.
    wav = io.BytesIO()
    soundfile.write(wav, window, settings.sample_rate_hz, subtype="FLOAT", format="WAV")
    replace_file(folder / "voice.wav", wav.getvalue())
    difference = np.abs(spectrogram(window, settings).astype(int) - example.spectrogram).max()
    if difference <= ROUNDING_TOLERANCE:
        return "The spectrogram of voice.wav equals the stored one."
    return (
        f"Warning: the spectrogram of voice.wav differs from the stored one by up to "
        f"{difference} levels; {audio / example.audio_source} has changed, or the dataset was "
        f"built by other software."
    )


def _window(example: StoredExample, settings: FeatureSettings, audio: Path) -> NDArray[np.float32]:
    """Returns the samples of an example's window; raises NotFoundError if they cannot be read."""
    clip = original_file("--audio", audio, example.audio_source)
    try:
        return read_sound(clip, example, settings)
    except MediaError as error:
        raise NotFoundError(f"{clip} cannot be used: {error}.") from None


def write_original(folder: Path, example: StoredExample, faces: Path) -> None:
    """Writes original.jpg: the picture with the box, points and score of the detected face.

    Args:
      folder: output directory.
      example: the example.
      faces: directory of the images that the dataset was built from; for a moment of a video, of
        the videos.

    Raises:
      NotFoundError: the file is missing or cannot be read, or no face was detected.
    """
    replace_file(folder / "original.jpg", jpeg(_marked_original(example, faces, ORIGINAL_PX)))


def write_originals(folder: Path, examples: Sequence[StoredExample], faces: Path) -> None:
    """Writes originals.png: the pictures with the detected faces; see `write_original`."""
    from facevoice.reports import media_figures

    shown = [
        (example.place, np.asarray(_marked_original(example, faces, SHEET_PX)))
        for example in examples
    ]
    replace_file(folder / "originals.png", media_figures.picture_grid(shown))


def _marked_original(example: StoredExample, faces: Path, longer_px: int) -> Image.Image:
    if example.face is None:
        raise NotFoundError(
            "The dataset was built without a face detector; --faces draws detected faces."
        )
    file = original_file("--faces", faces, example.face_source)
    try:
        picture = read_original(file, example, longer_px)
    except MediaError as error:
        raise NotFoundError(f"{file} cannot be used: {error}.") from None
    return mark_face(picture, example.face, longer_px)


def write_page(
    path: Path,
    title: str,
    examples: Sequence[StoredExample],
    manifest: Manifest,
    audio: Path | None,
) -> None:
    """Writes a page with faces, spectrograms and, from their corpus, sounds of examples.

    Args:
      path: of the page.
      title: of the page.
      examples: at least one.
      manifest: of the dataset.
      audio: directory of the clips or videos that the dataset was built from, or None.

    Raises:
      NotFoundError: a clip is missing or cannot be used.
    """
    settings = feature_settings(manifest)
    sounds = {}
    if audio is not None:
        for example in examples:
            samples = _window(example, settings, audio)
            sounds[example.key] = page_mp3(samples, settings.sample_rate_hz)
    shown = [(example.place, example) for example in examples]
    replace_file(path, examples_page(title, shown, settings, sounds).encode())


def write_sheet(folder: Path, examples: Sequence[StoredExample], manifest: Manifest) -> None:
    """Writes person.png: face images above spectrograms, each with its split and index."""
    from facevoice.reports import media_figures

    settings = feature_settings(manifest)
    shown = [(example.place, example.image, example.spectrogram) for example in examples]
    figure = media_figures.example_grid(shown, band_centres_hz(settings), settings.window_seconds)
    replace_file(folder / "person.png", figure)


def write_augmented(folder: Path, example: StoredExample, manifest: Manifest, seed: int) -> None:
    """Writes augmented.png: an example as stored, and augmented as in the first epochs."""
    from facevoice.inspection.augmented import augmented_pairs
    from facevoice.reports import media_figures

    settings = feature_settings(manifest)
    changed = augmented_pairs(example, seed, AUGMENTED_EPOCHS, settings.floor_db)
    shown = [
        ("as stored", example.image, example.spectrogram),
        *((f"epoch {epoch}", *pair) for epoch, pair in zip(AUGMENTED_EPOCHS, changed, strict=True)),
    ]
    figure = media_figures.example_grid(shown, band_centres_hz(settings), settings.window_seconds)
    replace_file(folder / "augmented.png", figure)


def write_levels(folder: Path, survey: Survey, manifest: Manifest) -> None:
    """Writes stats.png: histograms by split."""
    from facevoice.reports import inspection_figures

    counts = {
        split: (survey.faces[split].counts, survey.voices[split].counts)
        for split in SPLITS
        if split in survey.faces
    }
    replace_file(
        folder / "stats.png",
        inspection_figures.level_histograms(counts, feature_settings(manifest).floor_db),
    )
