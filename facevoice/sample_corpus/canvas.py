"""The drawing board: a head that turns, a paint layer and a light layer.

Shapes are given on the head, in units of half its height: x to the right, y down, (0, 0) between
the eyes and the mouth, the chin near y = 1. `Pose` turns them (yaw moves a nose further than an
ear) and puts them on the board. Paint says what a thing is, light says how it is lit; both are laid
through the same masks and multiplied at the end, so everything drawn shares one lamp.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from facevoice.sample_corpus.scenes import Colour, Floats, Frame, Scene

CANVAS_PX = 408
"""The longer side of the board. A picture is 90 to 260 px, so every edge is drawn oversized."""
LIGHT_CELL_PX = 4
NEUTRAL_LIGHT = 100
"""The light layer's value for light that changes nothing."""


@dataclass(frozen=True)
class Pose:
    """How the head is held, and where it lies on the board."""

    yaw_rad: float
    pitch_rad: float
    roll_rad: float
    unit_px: float
    centre_x_px: float
    centre_y_px: float
    width: float  # half the head's width

    def depth(self, points: Floats) -> Floats:
        """How far the head's surface stands out at (x, y)."""
        x, y = points[..., 0] / (1.05 * self.width), points[..., 1] / 1.12
        return 0.78 * np.sqrt(np.clip(1.0 - x**2 - y**2, 0.02, 1.0))

    def turn(self, points: ArrayLike, depth: float | Floats | None = None) -> Floats:
        """Points of the head as seen from the camera, still in head units."""
        flat = np.asarray(points, dtype=np.float64)
        z = self.depth(flat) if depth is None else np.asarray(depth, dtype=np.float64)
        # A silhouette (depth 0) stays as wide when a round head turns; what lies on it narrows.
        narrowed = np.where(z > 0, np.cos(self.yaw_rad), 1.0)
        x = flat[..., 0] * narrowed + z * np.sin(self.yaw_rad)
        y = flat[..., 1] + z * np.sin(self.pitch_rad)
        return np.stack([x, y], axis=-1)

    def place(self, seen: Floats) -> Floats:
        """Seen points as board pixels."""
        cos, sin = np.cos(self.roll_rad), np.sin(self.roll_rad)
        x = cos * seen[..., 0] - sin * seen[..., 1]
        y = sin * seen[..., 0] + cos * seen[..., 1]
        return np.stack(
            [self.centre_x_px + self.unit_px * x, self.centre_y_px + self.unit_px * y], axis=-1
        )

    def unplace(self, x_px: Floats, y_px: Floats) -> tuple[Floats, Floats]:
        """Board pixels as seen points: the inverse of `place`."""
        cos, sin = np.cos(self.roll_rad), np.sin(self.roll_rad)
        x, y = (x_px - self.centre_x_px) / self.unit_px, (y_px - self.centre_y_px) / self.unit_px
        return cos * x + sin * y, -sin * x + cos * y


def make_pose(scene: Scene, frame: Frame, width: float) -> tuple[Pose, tuple[int, int]]:
    """The pose for a frame and the board's size, of the picture's shape."""
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
    """A smooth line through control points (Catmull-Rom)."""
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
    """Points moved by (dx, dy)."""
    return points + np.array([dx, dy])


def mirrored(right_half: ArrayLike) -> Floats:
    """A closed outline from its right half, given from the top down."""
    right = np.asarray(right_half, dtype=np.float64)
    left = right[::-1] * (-1.0, 1.0)
    keep = np.abs(left[:, 0]) > 1e-9
    return np.concatenate([right, left[keep]])


def oval(
    x: float, y: float, rx: float, ry: float, power: float = 2.0, tilt_rad: float = 0.0
) -> Floats:
    """An ellipse, or with a greater `power` a rounded rectangle."""
    a = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    u = rx * np.sign(np.cos(a)) * np.abs(np.cos(a)) ** (2 / power)
    v = ry * np.sign(np.sin(a)) * np.abs(np.sin(a)) ** (2 / power)
    cos, sin = np.cos(tilt_rad), np.sin(tilt_rad)
    return np.stack([x + cos * u - sin * v, y + sin * u + cos * v], axis=-1)


def shade(colour: Colour, factor: float, towards: Colour = (0, 0, 0)) -> Colour:
    """A colour mixed with another: factor 1 keeps it, 0 is `towards`; above 1 it brightens."""
    red, green, blue = (
        int(np.clip(round(t + (c - t) * factor), 0, 255))
        for c, t in zip(colour, towards, strict=True)
    )
    return red, green, blue


class Canvas:
    """One picture in the making."""

    def __init__(self, backdrop: Image.Image, pose: Pose) -> None:
        self.pose = pose
        self.paint = backdrop
        self.light = Image.new("L", backdrop.size, NEUTRAL_LIGHT)
        self._draw = ImageDraw.Draw(self.paint)

    def to_px(self, points: ArrayLike, depth: float | Floats | None = None) -> Floats:
        """Points of the head as board pixels."""
        return self.pose.place(self.pose.turn(points, depth))

    def mask(self, *shapes_px: Floats) -> Image.Image:
        """A mask of the board, white inside the shapes."""
        mask = Image.new("L", self.paint.size, 0)
        draw = ImageDraw.Draw(mask)
        for shape in shapes_px:
            draw.polygon(shape.ravel().tolist(), fill=255)
        return mask

    def paste(
        self, mask: Image.Image, paint: Colour | Image.Image, light: Image.Image | None = None
    ) -> None:
        """Lay paint through a mask, and light where the thing is lit anew."""
        box = mask.getbbox()
        if box is None:
            return
        inside = mask.crop(box)
        self.paint.paste(paint.crop(box) if isinstance(paint, Image.Image) else paint, box, inside)
        if light is not None:
            self.light.paste(light.crop(box), box, inside)

    def fill(self, shape_px: Floats, colour: Colour) -> None:
        """Paint a shape that is lit like what lies under it."""
        self._draw.polygon(shape_px.ravel().tolist(), fill=colour)

    def stroke(self, line_px: Floats, colour: Colour, width: float) -> None:
        """Paint a line, `width` in head units."""
        width_px = max(1, round(width * self.pose.unit_px))
        self._draw.line(line_px.ravel().tolist(), fill=colour, width=width_px, joint="curve")

    def glow(self, spots: list[tuple[float, float, float, float]], strength: float) -> Image.Image:
        """A soft mask of round spots (x, y, rx, ry) on the head."""
        x, y = self.grid()
        total = np.zeros_like(x)
        for sx, sy, rx, ry in spots:
            cx, cy = self.pose.turn([sx, sy])
            total += np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2)
        return self.enlarge(255 * np.clip(strength * total, 0, 1))

    def grid(self, cell_px: int = LIGHT_CELL_PX) -> tuple[Floats, Floats]:
        """The seen points at the centres of the board's cells."""
        width, height = (-(-side // cell_px) for side in self.paint.size)
        y_px, x_px = np.mgrid[0:height, 0:width] * cell_px + cell_px / 2
        return self.pose.unplace(x_px, y_px)

    def enlarge(self, cells: NDArray[Any]) -> Image.Image:
        """Cells of the light layer as a smooth image of the board's size."""
        small = Image.fromarray(np.clip(np.rint(cells), 0, 255).astype(np.uint8))
        return small.resize(self.paint.size, Image.Resampling.BILINEAR)

    def finish(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """The lit picture at its final size, 0 to 1 and above."""
        paint = self.paint.resize(size, Image.Resampling.LANCZOS)
        light = self.light.resize(size, Image.Resampling.LANCZOS)
        lit = np.asarray(light, dtype=np.float32)[..., None] / np.float32(255 * NEUTRAL_LIGHT)
        return np.asarray(paint, dtype=np.float32) * lit
