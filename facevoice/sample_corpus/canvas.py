"""A canvas with a colour layer and a light layer, and the pose of a head on it.

Shapes are in head units, half of the head's height: x to the right, y down, (0, 0) between eyes and
mouth, the chin near y = 1. `Pose` rotates points of the head, with depth, and maps them to pixels.
The colour layer and the light layer are painted through the same masks and multiplied at the end.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from facevoice.sample_corpus.scenes import Colour, Floats, Frame, Scene

CANVAS_PX = 408
"""The longer side of the canvas. Images are 90 to 260 px, so they are drawn larger and reduced."""
LIGHT_CELL_PX = 4
NEUTRAL_LIGHT = 100
"""The value of the light layer that leaves colours unchanged."""


@dataclass(frozen=True)
class Pose:
    """Rotation, size and position of the head on the canvas."""

    yaw_rad: float
    pitch_rad: float
    roll_rad: float
    unit_px: float
    centre_x_px: float
    centre_y_px: float
    width: float  # half the head's width

    def depth(self, points: Floats) -> Floats:
        """Returns the depth of the head's surface at points [..., 2]."""
        x, y = points[..., 0] / (1.05 * self.width), points[..., 1] / 1.12
        return 0.78 * np.sqrt(np.clip(1.0 - x**2 - y**2, 0.02, 1.0))

    def turn(self, points: ArrayLike, depth: float | Floats | None = None) -> Floats:
        """Returns points [..., 2] after rotation and projection, in head units.

        Args:
          points: points on the unrotated head.
          depth: their depth; by default that of the head's surface.
        """
        flat = np.asarray(points, dtype=np.float64)
        z = self.depth(flat) if depth is None else np.asarray(depth, dtype=np.float64)
        # The silhouette (depth 0) of a round head keeps its width; its surface is foreshortened.
        foreshortening = np.where(z > 0, np.cos(self.yaw_rad), 1.0)
        x = flat[..., 0] * foreshortening + z * np.sin(self.yaw_rad)
        y = flat[..., 1] + z * np.sin(self.pitch_rad)
        return np.stack([x, y], axis=-1)

    def place(self, turned: Floats) -> Floats:
        """Converts projected points to canvas pixels."""
        cos, sin = np.cos(self.roll_rad), np.sin(self.roll_rad)
        x = cos * turned[..., 0] - sin * turned[..., 1]
        y = sin * turned[..., 0] + cos * turned[..., 1]
        return np.stack(
            [self.centre_x_px + self.unit_px * x, self.centre_y_px + self.unit_px * y], axis=-1
        )

    def unplace(self, x_px: Floats, y_px: Floats) -> tuple[Floats, Floats]:
        """Converts canvas pixels to projected points: the inverse of `place`."""
        cos, sin = np.cos(self.roll_rad), np.sin(self.roll_rad)
        x, y = (x_px - self.centre_x_px) / self.unit_px, (y_px - self.centre_y_px) / self.unit_px
        return cos * x + sin * y, -sin * x + cos * y


def make_pose(scene: Scene, frame: Frame, width: float) -> tuple[Pose, tuple[int, int]]:
    """Returns the pose of a frame, and the canvas size with the image's aspect ratio."""
    factor = CANVAS_PX / max(scene.width_px, scene.height_px)
    size = (round(scene.width_px * factor), round(scene.height_px * factor))
    pose = Pose(
        yaw_rad=float(np.clip(scene.yaw_rad + frame.yaw_rad, -0.5, 0.5)),
        pitch_rad=float(np.clip(scene.pitch_rad + frame.pitch_rad, -0.22, 0.22)),
        roll_rad=scene.roll_rad + frame.roll_rad,
        unit_px=0.305 * min(size) * scene.zoom * frame.zoom,
        centre_x_px=size[0] * (0.5 + scene.shift_x + frame.shift_x),
        centre_y_px=size[1] * (0.5 + scene.shift_y + frame.shift_y),
        width=width,
    )
    return pose, size


def curve(points: ArrayLike, closed: bool = False, steps: int = 8) -> Floats:
    """Returns a smooth line through control points: a Catmull-Rom spline."""
    p = np.asarray(points, dtype=np.float64)
    if closed:
        padded = np.concatenate([p[-1:], p, p[:2]])
    else:
        padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    a, b, c, d = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = (np.arange(steps) / steps)[None, :, None]
    spline = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3
    )
    line = spline.reshape(-1, 2)
    return line if closed else np.concatenate([line, p[-1:]])


def shifted(points: Floats, dx: float, dy: float) -> Floats:
    """Returns points moved by (dx, dy)."""
    return points + np.array([dx, dy])


def mirrored(right_half: ArrayLike) -> Floats:
    """Returns a closed symmetric outline from its right half, given from top to bottom."""
    right = np.asarray(right_half, dtype=np.float64)
    left = right[::-1] * (-1.0, 1.0)
    keep = np.abs(left[:, 0]) > 1e-9
    return np.concatenate([right, left[keep]])


def oval(
    x: float, y: float, rx: float, ry: float, power: float = 2.0, tilt_rad: float = 0.0
) -> Floats:
    """Returns a superellipse: an ellipse at power 2, a rounded rectangle at higher powers."""
    a = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    u = rx * np.sign(np.cos(a)) * np.abs(np.cos(a)) ** (2 / power)
    v = ry * np.sign(np.sin(a)) * np.abs(np.sin(a)) ** (2 / power)
    cos, sin = np.cos(tilt_rad), np.sin(tilt_rad)
    return np.stack([x + cos * u - sin * v, y + sin * u + cos * v], axis=-1)


def shade(colour: Colour, factor: float, towards: Colour = (0, 0, 0)) -> Colour:
    """Mixes two colours: factor 1 is `colour`, 0 is `towards`; above 1 it extrapolates."""
    red, green, blue = (
        int(np.clip(round(t + (c - t) * factor), 0, 255))
        for c, t in zip(colour, towards, strict=True)
    )
    return red, green, blue


class Canvas:
    """A colour layer and a light layer that are painted together."""

    def __init__(self, backdrop: Image.Image, pose: Pose) -> None:
        self.pose = pose
        self.paint = backdrop
        self.light = Image.new("L", backdrop.size, NEUTRAL_LIGHT)
        self._draw = ImageDraw.Draw(self.paint)

    def to_px(self, points: ArrayLike, depth: float | Floats | None = None) -> Floats:
        """Converts points of the head to canvas pixels; see `Pose.turn`."""
        return self.pose.place(self.pose.turn(points, depth))

    def mask(self, *shapes_px: Floats) -> Image.Image:
        """Returns a mask that is white inside the shapes."""
        mask = Image.new("L", self.paint.size, 0)
        draw = ImageDraw.Draw(mask)
        for shape in shapes_px:
            draw.polygon(shape.ravel().tolist(), fill=255)
        return mask

    def paste(
        self, mask: Image.Image, paint: Colour | Image.Image, light: Image.Image | None = None
    ) -> None:
        """Pastes paint through a mask, and light if the object is lit separately."""
        box = mask.getbbox()
        if box is None:
            return
        inside = mask.crop(box)
        self.paint.paste(paint.crop(box) if isinstance(paint, Image.Image) else paint, box, inside)
        if light is not None:
            self.light.paste(light.crop(box), box, inside)

    def fill(self, shape_px: Floats, colour: Colour) -> None:
        """Fills a shape; it keeps the light below it."""
        self._draw.polygon(shape_px.ravel().tolist(), fill=colour)

    def stroke(self, line_px: Floats, colour: Colour, width: float) -> None:
        """Draws a line; `width` is in head units."""
        width_px = max(1, round(width * self.pose.unit_px))
        self._draw.line(line_px.ravel().tolist(), fill=colour, width=width_px, joint="curve")

    def glow(self, spots: list[tuple[float, float, float, float]], strength: float) -> Image.Image:
        """Returns a soft mask of Gaussian spots (x, y, rx, ry) on the head."""
        x, y = self.grid()
        total = np.zeros_like(x)
        for sx, sy, rx, ry in spots:
            cx, cy = self.pose.turn([sx, sy])
            total += np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2)
        return self.enlarge(255 * np.clip(strength * total, 0, 1))

    def grid(self, cell_px: int = LIGHT_CELL_PX) -> tuple[Floats, Floats]:
        """Returns x and y, projected points, at the centres of the canvas's cells."""
        width, height = (-(-side // cell_px) for side in self.paint.size)
        y_px, x_px = np.mgrid[0:height, 0:width] * cell_px + cell_px / 2
        return self.pose.unplace(x_px, y_px)

    def enlarge(self, cells: NDArray[Any]) -> Image.Image:
        """Resizes an array of cells to the canvas, with bilinear interpolation."""
        small = Image.fromarray(np.clip(np.rint(cells), 0, 255).astype(np.uint8))
        return small.resize(self.paint.size, Image.Resampling.BILINEAR)

    def finish(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """Returns colour times light at the final size, float32 from 0; 1 is white."""
        paint = self.paint.resize(size, Image.Resampling.LANCZOS)
        light = self.light.resize(size, Image.Resampling.LANCZOS)
        lit = np.asarray(light, dtype=np.float32)[..., None] / np.float32(255 * NEUTRAL_LIGHT)
        return np.asarray(paint, dtype=np.float32) * lit
