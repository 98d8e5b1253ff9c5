"""Rates of right, wrong and missing detections on composed photographs.

    python benchmarks/face_detection.py --faces unzippedFaces

Face crops, resized to squares, are pasted into parts of photographs, saved as JPEG, and read as a
build reads them. The photographs are two that come with scikit-learn, or those of --photographs.
The edges of a face are soft: of an ellipse, which cuts off hair and neck, or with --whole of the
crop.

A detection is right if the centre of its box is in the middle half of the true box, and its side is
half to twice the true side. The true box is the middle 1 / 1.6 of a crop, which VoxCeleb's crops
are widened by. Other boxes are shifted, if they overlap the true box, or elsewhere.
"""

from __future__ import annotations

import argparse
import io
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from sklearn.datasets import load_sample_images

from facevoice.features import FeatureSettings, MediaError, extract_face

WIDENED = 1.6
SCENE_PX, PHONE_PX = (640, 480), (4000, 3000)
SETTINGS = FeatureSettings(face_detector="blazeface")
VERDICTS = ("right", "shifted", "elsewhere", "none")
# Parts of the true box that are covered: left, top, right, bottom.
COVERS = {
    "the mouth": (0.1, 0.62, 0.9, 1.05),
    "one eye": (0.05, 0.25, 0.5, 0.5),
    "both eyes": (0.05, 0.25, 0.95, 0.5),
    "the left half": (-0.1, -0.1, 0.5, 1.1),
}


@dataclass(frozen=True)
class Face:
    """A face to paste: the path of its crop, and whether the whole crop is pasted."""

    path: Path
    is_whole: bool


Photographs = Sequence[Image.Image]
Box = tuple[float, float, float, float]
Scene = tuple[Image.Image, Box | None]  # and the true box of the face to find, in pixels
Compose = Callable[[random.Random], Scene]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path, required=True, help="directory of VoxCeleb's crops")
    parser.add_argument("--count", type=int, default=100, help="of each row (default: 100)")
    parser.add_argument("--whole", action="store_true", help="paste whole crops, not an ellipse")
    parser.add_argument(
        "--photographs", type=Path, metavar="DIR", help="of photographs without people"
    )
    parser.add_argument("--seed", type=int, default=0, help="of places and sizes (default: 0)")
    args = parser.parse_args()
    if args.photographs:
        backdrops = [Image.open(path).convert("RGB") for path in sorted(args.photographs.iterdir())]
    else:
        backdrops = sample_photographs()
    paths = sorted(args.faces.rglob("*.jpg"))
    random.Random(args.seed).shuffle(paths)
    crops = itertools.cycle(map(partial(Face, is_whole=args.whole), paths))
    print(f"| images | number | {' | '.join(VERDICTS)} |\n|---|---|---|---|---|---|")
    for number, (name, count, compose) in enumerate(rows(crops, backdrops, args.count)):
        draw = random.Random(1000 * args.seed + number)
        found = Counter(judge(*compose(draw)) for _ in range(count))
        cells = [str(found[verdict]) for verdict in VERDICTS]
        print(f"| {name} | {count} | {' | '.join(cells)} |", flush=True)


def rows(
    crops: Iterator[Face], backdrops: Photographs, count: int
) -> Iterator[tuple[str, int, Compose]]:
    """Yields the name of each row, its number of scenes, and the function that composes one."""
    one = partial(_one, crops, backdrops)
    few = max(1, count // 5)
    yield "crops as they are", count, lambda draw: crop_alone(next(crops))
    for low, high in ((0.3, 0.6), (0.12, 0.3), (0.06, 0.12)):
        name = f"640 x 480, face {100 * low:g} to {100 * high:g} % of the height"
        yield name, count, partial(one, (low, high))
    yield (
        "face 20 to 60 %, turned by up to 35 degrees",
        count,
        lambda draw: one((0.2, 0.6), draw, degrees=draw.uniform(-35, 35)),
    )
    for part, cover in COVERS.items():
        name = f"face 30 to 60 %, {part} covered"
        yield name, count, partial(one, (0.3, 0.6), cover=cover)
    yield (
        "two people, the larger face is right",
        count,
        lambda draw: two_faces(draw, next(crops), next(crops), backdrops),
    )
    share = 80 / PHONE_PX[1]
    yield "12 megapixels, face of 80 pixels", few, partial(one, (share, share), size=PHONE_PX)
    yield "no face: parts of photographs", count, lambda draw: (backdrop(draw, backdrops), None)
    name = "no face: parts of photographs, enlarged to 12 megapixels"
    yield name, few, lambda draw: (backdrop(draw, backdrops, PHONE_PX), None)
    name = "no face: noise with a photograph's spectrum"
    yield name, count, lambda draw: (noise(draw, backdrops), None)


def _one(
    crops: Iterator[Face],
    backdrops: Photographs,
    shares: tuple[float, float],
    draw: random.Random,
    **settings: Any,
) -> Scene:
    return one_face(draw, next(crops), backdrops, shares, **settings)


def judge(scene: Image.Image, true: Box | None) -> str:
    """Returns which of VERDICTS applies to the face that a build would use."""
    try:
        detected = extract_face(encoded(scene), SETTINGS).detected
    except MediaError:
        return "none"
    assert detected is not None
    return verdict(detected.box * np.tile(scene.size, 2), true)


def encoded(scene: Image.Image) -> io.BytesIO:
    """Returns a JPEG file of a scene."""
    file = io.BytesIO()
    scene.save(file, "JPEG", quality=90)
    file.seek(0)
    return file


def verdict(found: NDArray[np.floating[Any]], true: Box | None) -> str:
    """Returns which of VERDICTS applies to a box, in pixels."""
    if true is None:
        return "elsewhere"
    box = found.reshape(2, 2)
    corners = np.reshape(true, (2, 2))
    side = corners[1, 0] - corners[0, 0]
    is_near = bool((np.abs(box.mean(axis=0) - corners.mean(axis=0)) <= side / 4).all())
    is_as_large = 0.5 <= (box[1] - box[0]).max() / side <= 2
    if is_near and is_as_large:
        return "right"
    shared = np.minimum(box[1], corners[1]) - np.maximum(box[0], corners[0])
    return "shifted" if (shared > 0).all() else "elsewhere"


def one_face(
    draw: random.Random,
    crop: Face,
    backdrops: Photographs,
    shares: tuple[float, float],
    size: tuple[int, int] = SCENE_PX,
    degrees: float = 0.0,
    cover: Box | None = None,
) -> Scene:
    """Composes a scene with a face at a random place.

    Args:
      draw: of place and size.
      crop: of the face.
      backdrops: photographs without people.
      shares: least and largest side of the face, as a share of the height of the scene.
      size: width and height of the scene.
      degrees: by which the face is turned.
      cover: part of the true box that is covered by one colour.
    """
    scene = backdrop(draw, backdrops, size)
    side = draw.uniform(*shares) * size[1]
    centre = (draw.uniform(0.6 * side, size[0] - 0.6 * side), draw.uniform(side, size[1] - side))
    return scene, paste(scene, crop, centre, side, degrees, cover)


def crop_alone(face: Face) -> Scene:
    """Returns a crop of VoxCeleb as it is."""
    with Image.open(face.path) as opened:
        crop = opened.convert("RGB")
    side, (width, height) = min(crop.size) / WIDENED, crop.size
    true = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    return crop, true


def two_faces(draw: random.Random, larger: Face, smaller: Face, backdrops: Photographs) -> Scene:
    """Composes a scene with two faces, the smaller one of half to three quarters of the other."""
    scene = backdrop(draw, backdrops)
    side = draw.uniform(0.3, 0.5) * SCENE_PX[1]
    left = draw.random() < 0.5
    places = [draw.uniform(0.22, 0.28) * SCENE_PX[0], draw.uniform(0.7, 0.8) * SCENE_PX[0]]
    height = 0.5 * SCENE_PX[1]
    paste(scene, smaller, (places[left], height), side * draw.uniform(0.5, 0.75))
    return scene, paste(scene, larger, (places[not left], height), side)


def paste(
    scene: Image.Image,
    crop: Face,
    centre: tuple[float, float],
    side: float,
    degrees: float = 0.0,
    cover: Box | None = None,
) -> Box:
    """Pastes a face with soft edges; returns its true box."""
    pixels = round(side * WIDENED)
    with Image.open(crop.path) as opened:
        face = opened.convert("RGB").resize((pixels, pixels), Image.Resampling.LANCZOS)
    rim = (pixels - side) / 2
    if cover:
        part = [rim + side * edge for edge in cover]
        ImageDraw.Draw(face).rectangle(part, fill=(70, 80, 90))
    mask = Image.new("L", face.size)
    edge = pixels / 12
    draw = ImageDraw.Draw(mask)
    inside = (edge, edge, pixels - edge, pixels - edge)
    (draw.rectangle if crop.is_whole else draw.ellipse)(inside, fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(edge / 2))
    if degrees:
        face, mask = (part.rotate(degrees, Image.Resampling.BICUBIC) for part in (face, mask))
    scene.paste(face, (round(centre[0] - pixels / 2), round(centre[1] - pixels / 2)), mask)
    x, y = centre
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def backdrop(
    draw: random.Random, photographs: Photographs, size: tuple[int, int] = SCENE_PX
) -> Image.Image:
    """Returns a random part of a photograph, 40 to 100 % of it, mirrored or not."""
    photograph = draw.choice(photographs)
    scale = draw.uniform(0.4, 1.0) * min(photograph.width / size[0], photograph.height / size[1])
    width, height = scale * size[0], scale * size[1]
    left = draw.uniform(0, photograph.width - width)
    top = draw.uniform(0, photograph.height - height)
    box = (left, top, left + width, top + height)
    part = photograph.resize(size, Image.Resampling.BICUBIC, box=box)
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if draw.random() < 0.5 else part


def noise(draw: random.Random, photographs: Photographs) -> Image.Image:
    """Returns noise with the amplitude spectrum of a part of a photograph."""
    part = np.asarray(backdrop(draw, photographs), np.float64)
    phases = np.random.default_rng(draw.getrandbits(32)).normal(size=part.shape[:2])
    turned = np.exp(1j * np.angle(np.fft.fft2(phases)))[..., None]
    pixels: NDArray[np.float64] = np.fft.ifft2(
        np.abs(np.fft.fft2(part, axes=(0, 1))) * turned, axes=(0, 1)
    ).real
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def sample_photographs() -> list[Image.Image]:
    """Returns two photographs without people."""
    return [Image.fromarray(pixels) for pixels in load_sample_images().images]


if __name__ == "__main__":
    main()
