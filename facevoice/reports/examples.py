"""Prepares examples for the dataset card: images, captions and axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facevoice.features import FeatureSettings, band_centres_hz
from facevoice.reports.axes import Tick, frequency_axis, time_axis
from facevoice.reports.image_encoding import face_png, spectrogram_png
from facevoice.reports.rendering import jpeg_data_url, png_data_url
from tfdata.examples import Example
from tfdata.text import readable

# Smaller images are magnified without smoothing.
_MIN_SMOOTH_PIXELS = 64


@dataclass(frozen=True)
class ExampleView:
    """An example as the card shows it; images are data URLs. `frame_seconds` is "" for images."""

    name: str
    split: str
    session: str
    start_seconds: str
    frame_seconds: str
    face: str
    face_is_coarse: bool
    spectrogram: str
    spectrogram_is_coarse: bool


@dataclass(frozen=True)
class OriginalView:
    """A detected face as the card shows it: its original and the crop, which are data URLs."""

    name: str
    source: str
    frame_seconds: str
    score: str
    original: str
    face: str
    face_is_coarse: bool


@dataclass(frozen=True)
class ExampleGrid:
    """Examples and the axes of their spectrograms."""

    examples: list[ExampleView]
    frequency_axis: list[Tick]
    time_axis: list[Tick]


def example_grid(examples: Sequence[tuple[str, Example]], settings: FeatureSettings) -> ExampleGrid:
    """Builds the grid of examples.

    Args:
      examples: (split, example).
      settings: the preprocessing settings of the dataset.
    """
    return ExampleGrid(
        [_view(split, example, settings) for split, example in examples],
        frequency_axis(band_centres_hz(settings)),
        time_axis(settings.window_seconds, settings.frames),
    )


def original_views(originals: Sequence[tuple[Example, bytes]]) -> list[OriginalView]:
    """Builds the views of detected faces.

    Args:
      originals: (example, JPEG of the original of its face).
    """
    return [
        OriginalView(
            name=readable(example.identity),
            source=example.face_source,
            frame_seconds=_seconds(example.face_time_seconds),
            score="" if example.face is None else f"{example.face.score:.2f}",
            original=jpeg_data_url(original),
            face=png_data_url(face_png(example.image)),
            face_is_coarse=example.image.shape[0] < _MIN_SMOOTH_PIXELS,
        )
        for example, original in originals
    ]


def _view(split: str, example: Example, settings: FeatureSettings) -> ExampleView:
    start_seconds = example.window_start_samples / settings.sample_rate_hz
    return ExampleView(
        name=readable(example.identity),
        split=split,
        session=example.session,
        start_seconds=f"{round(start_seconds, 2):g}",
        frame_seconds=_seconds(example.face_time_seconds),
        face=png_data_url(face_png(example.image)),
        face_is_coarse=example.image.shape[0] < _MIN_SMOOTH_PIXELS,
        spectrogram=png_data_url(spectrogram_png(example.spectrogram)),
        spectrogram_is_coarse=min(example.spectrogram.shape) < _MIN_SMOOTH_PIXELS,
    )


def _seconds(time: float | None) -> str:
    return "" if time is None else f"{round(time, 2):g}"
