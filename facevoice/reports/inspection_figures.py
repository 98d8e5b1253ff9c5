"""Draws figures of the command `inspect` as PNG: an example, and histograms of a dataset."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facevoice.reports import chart_style
from facevoice.reports.chart_style import SPLIT_COLOURS, WIDTH, encode_png
from facevoice.reports.figure_text import figure_name, figure_text
from facevoice.reports.media_figures import SOFT, STYLE, draw_face, draw_spectrogram

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]

_MAX_CAPTION_LENGTH = 90
_LINES = {"train": "-", "validation": "-.", "test": "--"}  # they may cover each other


def example_figure(
    identity: str,
    label: int,
    caption: str,
    image: Bytes,
    levels: Bytes,
    row_hz: NDArray[np.float64],
    window_seconds: float,
    floor_db: float,
) -> bytes:
    """Draws a face image and its spectrogram.

    Args:
      identity: the person.
      label: class number of the person.
      caption: text below.
      image: uint8 [height, width, 3].
      levels: uint8 [bands, frames], the lowest band first.
      row_hz: frequency of each band.
      window_seconds: length of the window.
      floor_db: level of the value 0, dB.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH + 1.2, 3.2), layout="constrained")
        figure.suptitle(figure_name(identity, label), fontweight="bold", fontsize=11)
        figure.supxlabel(figure_text(caption, _MAX_CAPTION_LENGTH), fontsize=9, color=SOFT)
        face, voice = figure.subplots(1, 2)
        draw_face(face, image)
        draw_spectrogram(voice, levels, row_hz, window_seconds, labelled=True)
        voice.set_box_aspect(1)
        scale = figure.colorbar(voice.images[0], ax=voice, pad=0.03, fraction=0.05)
        ticks_db = _ticks_db(floor_db)
        scale.set_ticks([_level(db, floor_db) for db in ticks_db], labels=[*map(_db, ticks_db)])
        scale.ax.tick_params(labelsize=7, length=2)
        scale.outline.set_visible(False)
        return encode_png(figure)


def level_histograms(counts: Mapping[str, tuple[Counts, Counts]], floor_db: float) -> bytes:
    """Draws histograms of face images and of spectrograms, one line per split.

    Args:
      counts: split to int64 [256], counts of the values of face images and of spectrograms.
      floor_db: level of the value 0 of a spectrogram, dB.
    """
    with mpl.rc_context(chart_style.STYLE):
        figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
        faces, voices = figure.subplots(2, 1)
        for split, of_both in counts.items():
            colour, line = SPLIT_COLOURS[split], _LINES[split]
            for axes, found in zip((faces, voices), of_both, strict=True):
                axes.plot(
                    found / found.sum() * 100, color=colour, linestyle=line, lw=1.3, label=split
                )
        faces.set(xlabel="Pixel value of face images", ylabel="% of values")
        voices.set(xlabel="Level of spectrograms, dB", ylabel="% of values")
        ticks_db = _ticks_db(floor_db)
        voices.set_xticks([_level(db, floor_db) for db in ticks_db], [f"{db:g}" for db in ticks_db])
        # The first and the last value may be frequent; they must not hide the others.
        for axes, which in ((faces, 0), (voices, 1)):
            highest = max(
                (found[which][1:-1] / found[which].sum()).max() for found in counts.values()
            )
            axes.set(xlim=(-3, 258), ylim=(0, max(highest * 130, 0.1)))
        figure.legend(*faces.get_legend_handles_labels(), loc="outside upper left", ncols=3)
        return encode_png(figure)


def _ticks_db(floor_db: float) -> list[float]:
    """Returns round numbers of decibels from the floor to 0."""
    step = 10 if floor_db > -50 else 20
    return [float(-db) for db in range(0, int(-floor_db) + 1, step)]


def _level(db: float, floor_db: float) -> float:
    return 255 * (1 - db / floor_db)


def _db(db: float) -> str:
    return f"{db:g}" if db else "0 dB"
