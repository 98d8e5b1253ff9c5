"""Draws docs/images/face_threshold.png: what the face detector finds by the least score of a face.

    python benchmarks/face_threshold_picture.py --faces unzippedFaces docs/images/face_threshold.png

The images are face crops as they are, and those of `face_detection.py`: scenes of 640 x 480 pixels
with a face of 15 to 60 % of their height, parts of photographs, and noise.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from face_detection import (
    Box,
    Face,
    backdrop,
    crop_alone,
    encoded,
    noise,
    one_face,
    sample_photographs,
    verdict,
)
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from facevoice.features.blazeface import SHORT_RANGE, Detections
from facevoice.features.face_detection import MIN_SCORE, Region, run_model
from facevoice.features.faces import largest_face
from facevoice.features.shared_image import SharedImage
from facevoice.reports.chart_style import BLUE, INK, ORANGE, STYLE, TEAL, WIDTH, encode_png

THRESHOLDS = np.arange(0.3, 0.91, 0.05)
COLORS = {
    "found in crops": BLUE,
    "right in scenes": TEAL,
    "wrong in scenes": ORANGE,
    "found where no face is": INK,
}
Detector = Callable[[Image.Image], Detections]
Curves = dict[str, NDArray[np.float64]]  # name to % of the images, at each of THRESHOLDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, help="PNG to write")
    parser.add_argument("--faces", type=Path, required=True, help="directory of VoxCeleb's crops")
    parser.add_argument("--count", type=int, default=100, help="scenes (default: 100)")
    args = parser.parse_args()
    paths = sorted(args.faces.rglob("*.jpg"))
    random.Random(0).shuffle(paths)
    faces = [Face(path, is_whole=False) for path in paths]
    panels = {
        "short-range model alone": curves(short_range, faces, args.count),
        "all passes": curves(all_passes, faces, args.count),
    }
    args.picture.write_bytes(draw_panels(panels))


def short_range(image: Image.Image) -> Detections:
    """Returns what the short-range model finds in a whole image, from the lowest threshold on."""
    return run_model(SHORT_RANGE, image, Region.whole(image), float(THRESHOLDS[0]))


def all_passes(image: Image.Image) -> Detections:
    """Returns what a build finds."""
    return SharedImage(encoded(image)).find_faces(thorough=False).faces


def curves(detect: Detector, faces: list[Face], count: int) -> Curves:
    """Returns the curves of a detector."""
    random_scene, backdrops = random.Random(0), sample_photographs()
    crops = [judged(detect, *crop_alone(face)) for face in faces]
    scenes = [
        judged(detect, *one_face(random_scene, face, backdrops, (0.15, 0.6)))
        for face in faces[:count]
    ]
    nothing = [
        judged(detect, (noise if number % 2 else backdrop)(random_scene, backdrops), None)
        for number in range(count)
    ]
    return {
        "found in crops": 100 - share(crops, "none"),
        "right in scenes": share(scenes, "right"),
        "wrong in scenes": 100 - share(scenes, "right") - share(scenes, "none"),
        "found where no face is": 100 - share(nothing, "none"),
    }


def judged(detect: Detector, image: Image.Image, true: Box | None) -> list[str]:
    """Returns which of VERDICTS applies to the largest face, at each of THRESHOLDS."""
    found = detect(image)
    verdicts = []
    for threshold in THRESHOLDS:
        faces = found[np.flatnonzero(found.scores >= threshold)]
        verdicts.append(verdict(largest_face(faces).boxes[0], true) if len(faces) else "none")
    return verdicts


def share(verdicts: list[list[str]], wanted: str) -> NDArray[np.float64]:
    """Returns the % of the images with a verdict, at each of THRESHOLDS."""
    return 100 * np.mean(np.array(verdicts) == wanted, axis=0)


def draw_panels(panels: dict[str, Curves]) -> bytes:
    """Draws the curves of each detector as a PNG."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 5), layout="constrained")
        rows = figure.subplots(len(panels), 1, sharex=True)
        for axes, (title, found) in zip(rows, panels.items(), strict=True):
            for name, values in found.items():
                axes.plot(THRESHOLDS, values, "o-", ms=3, color=COLORS[name], label=name)
            axes.axvline(MIN_SCORE, color=INK, lw=0.8, ls=":")
            axes.set(title=title, ylim=(-3, 103), ylabel="% of images")
        rows[0].legend(fontsize=8)
        rows[-1].set_xlabel("least score of a face")
        return encode_png(figure)


if __name__ == "__main__":
    main()
