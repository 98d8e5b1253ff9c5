"""Shows examples on pages: images, captions, axes, and the sound where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facevoice.features import FeatureSettings, band_centres_hz
from facevoice.reports.axes import Tick, frequency_axis, time_axis
from facevoice.reports.image_encoding import face_png, spectrogram_png
from facevoice.reports.rendering import jpeg_data_url, mp3_data_url, png_data_url, render
from tfdata.examples import Example
from tfdata.text import readable

# Smaller images are magnified without smoothing.
_MIN_SMOOTH_PIXELS = 64


@dataclass(frozen=True)
class ExampleView:
    """An example as pages show it.

    Attributes:
      name, session, start_seconds: of the person, and where the window is.
      frame_seconds: "" for images.
      split, place: the place names the split.
      face, spectrogram, sound: data URLs; `sound` is "" without audio.
      face_is_coarse, spectrogram_is_coarse: whether pixels are shown as squares.
    """

    name: str
    split: str
    place: str
    session: str
    start_seconds: str
    frame_seconds: str
    face: str
    face_is_coarse: bool
    spectrogram: str
    spectrogram_is_coarse: bool
    sound: str


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


def example_grid(
    examples: Sequence[tuple[str, Example]],
    settings: FeatureSettings,
    sounds: Mapping[str, bytes],
) -> ExampleGrid:
    """Builds the grid of examples.

    Args:
      examples: (place, example); a place is a split, or a split and an index.
      settings: the preprocessing settings of the dataset.
      sounds: key of an example to its window as MP3, of the examples whose audio is at hand.
    """
    return ExampleGrid(
        [_view(place, example, settings, sounds.get(example.key)) for place, example in examples],
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


def examples_page(
    title: str,
    examples: Sequence[tuple[str, Example]],
    settings: FeatureSettings,
    sounds: Mapping[str, bytes],
) -> str:
    """Renders a page of examples, with a table of their sources.

    Args:
      title: of the page.
      examples, settings, sounds: as for `example_grid`.
    """
    return render(
        "examples.html",
        title=title,
        grid=example_grid(examples, settings, sounds),
        examples=examples,
        settings=settings,
        has_sounds=bool(sounds),
    )


def _view(
    place: str, example: Example, settings: FeatureSettings, mp3: bytes | None
) -> ExampleView:
    start_seconds = example.window_start_samples / settings.sample_rate_hz
    return ExampleView(
        name=readable(example.identity),
        split=place.partition(" ")[0],
        place=place,
        session=example.session,
        start_seconds=f"{round(start_seconds, 2):g}",
        frame_seconds=_seconds(example.face_time_seconds),
        face=png_data_url(face_png(example.image)),
        face_is_coarse=example.image.shape[0] < _MIN_SMOOTH_PIXELS,
        spectrogram=png_data_url(spectrogram_png(example.spectrogram)),
        spectrogram_is_coarse=min(example.spectrogram.shape) < _MIN_SMOOTH_PIXELS,
        sound="" if mp3 is None else mp3_data_url(mp3),
    )


def _seconds(time: float | None) -> str:
    return "" if time is None else f"{round(time, 2):g}"
