"""Draws hair: twelve haircuts, each with hair behind the head, hair in front and a texture.

Haircut and texture are traits of the person; the strands are sampled for each video.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from facevoice.sample_corpus.canvas import Canvas, curve, mirrored, oval, shade, shifted
from facevoice.sample_corpus.naming import STREAM_HAIR, generator
from facevoice.sample_corpus.scenes import Colour, Floats

GLEAM: Colour = (255, 238, 214)
"""Lighter strands are mixed with this colour."""


@dataclass(frozen=True)
class Haircut:
    """A haircut. Points are in head units, except that x is in units of the head's half width."""

    hairline: tuple[tuple[float, float], ...]  # on the face, from its right side to its left
    volume: float = 0.10  # thickness over the skull
    side_y: float = 0.0  # lower end of the front hair at the sides
    behind: tuple[tuple[float, float], ...] = ()  # right half of the hair behind, top to bottom
    locks: tuple[tuple[float, float], ...] = ()  # outline beside the right cheek; it is mirrored
    bun: tuple[float, float, float] | None = None  # x, y, radius
    texture: str = "straight"
    part_x: float = 0.0  # position of the parting
    strand: float = 0.03  # width of a strand


def _both_sides(right: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Returns a symmetric hairline from its right half, given from the side to the middle."""
    return right + tuple((-x, y) for x, y in reversed(right) if x != 0)


HAIRCUTS: dict[str, Haircut] = {
    "crop": Haircut(
        hairline=_both_sides(((0.97, 0), (0.88, -0.36), (0.7, -0.54), (0.3, -0.5), (0, -0.46))),
        volume=0.12, side_y=0.0, strand=0.04, texture="short",
    ),
    "side": Haircut(
        hairline=((0.97, 0), (0.86, -0.34), (0.52, -0.66), (0.36, -0.78), (0.1, -0.6),
                  (-0.45, -0.44), (-0.84, -0.3), (-0.97, 0)),
        volume=0.14, side_y=0.0, part_x=0.4,
    ),
    "long": Haircut(
        hairline=_both_sides(((0.96, 0.1), (0.84, -0.25), (0.5, -0.6), (0, -0.84))),
        volume=0.1, side_y=0.2, strand=0.012,
        behind=((0, -1.1), (0.8, -0.98), (1.14, -0.4), (1.2, 0.4), (1.28, 1.2), (1.2, 1.75),
                (0.6, 1.8), (0, 1.5)),
        locks=((0.9, -0.4), (1.12, -0.2), (1.2, 0.5), (1.26, 1.5), (0.98, 1.66), (0.86, 1),
               (0.93, 0.35)),
    ),
    "bob": Haircut(
        hairline=_both_sides(((0.97, 0.2), (0.9, -0.16), (0.8, -0.24), (0.4, -0.27), (0, -0.28))),
        volume=0.13, side_y=0.3, strand=0.045,
        behind=((0, -1.1), (0.84, -0.98), (1.2, -0.4), (1.28, 0.3), (1.2, 0.8), (0.9, 0.95),
                (0, 0.9)),
        locks=((0.88, -0.3), (1.16, -0.2), (1.27, 0.4), (1.16, 0.82), (0.9, 0.86), (0.84, 0.5),
               (0.93, 0.1)),
    ),
    "afro": Haircut(
        hairline=_both_sides(((0.98, -0.1), (0.9, -0.4), (0.66, -0.56), (0, -0.62))),
        volume=0.4, side_y=0.0, strand=0.032, texture="coils",
        behind=((0, -1.48), (0.8, -1.36), (1.45, -0.85), (1.6, -0.2), (1.4, 0.35), (0.9, 0.6),
                (0, 0.6)),
    ),
    "curls": Haircut(
        hairline=_both_sides(((0.96, 0.1), (0.84, -0.3), (0.45, -0.5), (0, -0.56))),
        volume=0.22, side_y=0.2, strand=0.04, texture="rings",
        behind=((0, -1.25), (0.8, -1.15), (1.38, -0.6), (1.5, 0.1), (1.5, 0.8), (1.3, 1.35),
                (0.7, 1.3), (0, 1)),
        locks=((0.88, -0.4), (1.2, -0.3), (1.42, 0.4), (1.36, 1.15), (1.05, 1.25), (0.9, 0.8),
               (0.96, 0.3)),
    ),
    "bun": Haircut(
        hairline=_both_sides(((0.97, -0.02), (0.9, -0.4), (0.6, -0.7), (0, -0.76))),
        volume=0.06, side_y=-0.05, bun=(0.0, -1.3, 0.33),
    ),
    "spiky": Haircut(
        hairline=((0.97, -0.08), (0.86, -0.4), (0.62, -0.66), (0.45, -0.5), (0.3, -0.7),
                  (0.1, -0.52), (-0.1, -0.7), (-0.32, -0.52), (-0.5, -0.68), (-0.86, -0.4),
                  (-0.97, -0.08)),
        volume=0.16, side_y=-0.05, texture="spikes",
    ),
    "bald": Haircut(
        hairline=(),
        volume=0.0, side_y=0.12, texture="fringe",
    ),
    "wavy": Haircut(
        hairline=((0.96, 0.15), (0.9, -0.2), (0.74, -0.55), (0.5, -0.82), (0.1, -0.66),
                  (-0.5, -0.36), (-0.88, -0.05), (-0.98, 0.15)),
        volume=0.16, side_y=0.2, part_x=0.5, strand=0.05, texture="waves",
        behind=((0, -1.16), (0.84, -1.05), (1.26, -0.5), (1.22, 0.2), (1.42, 0.8), (1.26, 1.4),
                (0.7, 1.5), (0, 1.2)),
        locks=((0.88, -0.4), (1.15, -0.3), (1.16, 0.3), (1.36, 0.85), (1.2, 1.4), (0.92, 1.3),
               (0.98, 0.8), (0.9, 0.3)),
    ),
    "buzz": Haircut(
        hairline=_both_sides(((0.97, -0.1), (0.92, -0.44), (0.74, -0.56), (0.5, -0.72), (0, -0.7))),
        volume=0.03, side_y=-0.1, strand=0.035, texture="dots",
    ),
    "quiff": Haircut(
        hairline=_both_sides(((0.97, -0.08), (0.84, -0.5), (0.6, -0.7), (0, -0.74))),
        volume=0.09, side_y=-0.05, strand=0.05, texture="quiff",
    ),
}  # fmt: skip


def _cap(cut: Haircut, width: float) -> tuple[Floats, Floats]:
    """Returns the front hair's outer edge over the skull, and its hairline."""
    a = np.linspace(np.pi, 0.0, 28)
    reach, top = width + 0.6 * cut.volume, 0.92 + cut.volume
    arc = np.stack([reach * np.cos(a), -0.1 - top * np.sin(a)], -1)
    if cut.texture == "quiff":
        arc[:, 1] -= 0.26 * np.exp(-(((arc[:, 0] - 0.22) / 0.5) ** 4))
    if cut.texture == "spikes":
        arc = (
            np.repeat(arc, 2, axis=0) * np.where(np.arange(2 * len(a)) % 4 < 2, 0.98, 1.13)[:, None]
        )
    sides = np.array([(-reach * 0.97, cut.side_y)]), np.array([(reach * 0.97, cut.side_y)])
    return np.concatenate([sides[0], arc, sides[1]]), curve(np.array(cut.hairline) * (width, 1.0))


@lru_cache(maxsize=64)
def _strands(style: str, width: float, person: int, video: int) -> tuple[Floats, Floats]:
    """Samples a video's strands: lines [strands, points, 2] and brightness [strands], 0 to 1."""
    cut, rng = HAIRCUTS[style], generator(STREAM_HAIR, person, video)
    lines: list[Floats] = []
    if cut.texture in ("coils", "rings"):
        count, size = (560, 0.055) if cut.texture == "coils" else (330, 0.105)
        for _ in range(count):
            x, y = rng.uniform(-1.75, 1.75) * width, rng.uniform(-1.6, 1.5)
            start, r = rng.uniform(0, 2 * np.pi), size * rng.uniform(0.7, 1.3)
            a = start + np.linspace(0, 4.4, 9)
            lines.append(np.stack([x + r * np.cos(a), y + r * np.sin(a)], -1))
    elif cut.texture == "short":
        for _ in range(260):
            x, y = rng.uniform(-1.1, 1.1) * width, rng.uniform(-1.15, 0.1)
            lines.append(np.array([(x, y), (x + 0.10, y + rng.uniform(0.08, 0.14))]))
    elif cut.texture in ("dots", "fringe"):
        for _ in range(520):
            x, y = rng.uniform(-1.1, 1.1) * width, rng.uniform(-1.1, 0.2)
            lines.append(np.array([(x, y), (x + 0.01, y + 0.035)]))
    else:
        t = np.linspace(0, 1, 15)[:, None]
        for k, angle in enumerate(rng.uniform(-0.1, np.pi + 0.1, 150)):
            reach = np.array([1.5 * width * np.cos(angle), -0.1 - 1.35 * np.sin(angle)])
            root = np.array([cut.part_x * width, -0.93])
            fall = np.array([0.0, rng.uniform(0.9, 1.9)]) * abs(np.cos(angle)) ** 1.5
            if cut.texture == "quiff":
                root = reach * (0.8, 0.3)
            elif k % 3 == 0:  # down over the forehead instead of over the skull
                reach = shifted(root, rng.uniform(-1.2, 1.2) * width, 0.62)
                fall = np.array([0.0, 0.2])
            line = root + (reach - root) * t + fall * t**2 + rng.normal(0, 0.035, (1, 2))
            if cut.texture == "waves":
                line[:, 0] += 0.05 * np.sin(2 * np.pi * (line[:, 1] * 2.6 + 0.25 * rng.uniform()))
            lines.append(line)
    return np.stack(lines), rng.uniform(0, 1, len(lines))


def _texture(canvas: Canvas, style: str, colour: Colour, person: int, video: int) -> Image.Image:
    """Draws the strands over the whole canvas; they are pasted through a mask later."""
    sheet = Image.new("RGB", canvas.paint.size, colour)
    draw = ImageDraw.Draw(sheet)
    lines, brightness = _strands(style, canvas.pose.width, person, video)
    tones = [
        shade(colour, 0.35),
        shade(colour, 0.6),
        shade(colour, 0.8, GLEAM),
        shade(colour, 0.55, GLEAM),
    ]
    stroke_px = max(1, round(HAIRCUTS[style].strand * canvas.pose.unit_px))
    for line, tone in zip(
        canvas.to_px(lines, 0.0).reshape(len(lines), -1).tolist(), brightness, strict=True
    ):
        draw.line(line, fill=tones[int(4 * tone)], width=stroke_px)
    return sheet


def hair_painters(
    canvas: Canvas, style: str, colour: Colour, light: Image.Image, person: int, video: int
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Returns functions that paint the hair behind the head and the hair in front of it."""
    cut, width = HAIRCUTS[style], canvas.pose.width
    sheet = _texture(canvas, style, colour, person, video)

    def paint_behind() -> None:
        shapes: list[Floats] = []
        if cut.behind:
            outline = mirrored(np.array(cut.behind) * (width, 1.0))
            if cut.texture in ("coils", "rings"):
                outline = _bumpy(curve(outline, closed=True, steps=3))
            shapes.append(canvas.to_px(curve(outline, closed=True), -0.12))
        if cut.bun is not None:
            x, y, r = cut.bun
            shapes.append(canvas.to_px(oval(x, y, r, r * 0.92), -0.05))
        if shapes:
            canvas.paste(canvas.mask(*shapes), sheet, light)

    def paint_front() -> None:
        shapes = []
        if cut.hairline:
            outer, line = _cap(cut, width)
            shapes.append(np.concatenate([canvas.to_px(outer, 0.0), canvas.to_px(line)]))
        if cut.texture == "fringe":
            for side in (-1.0, 1.0):
                tuft = [(0.9, -0.42), (1.05, -0.36), (1.1, 0.05), (1.0, 0.2), (0.95, -0.05)]
                shapes.append(
                    canvas.to_px(curve(np.array(tuft) * (side * width, 1.0), closed=True), 0.02)
                )
        if cut.locks:
            for side in (-1.0, 1.0):
                lock = curve(np.array(cut.locks) * (side * width, 1.0), closed=True)
                shapes.append(canvas.to_px(_bumpy(lock) if cut.texture == "rings" else lock, 0.1))
        canvas.paste(canvas.mask(*shapes), sheet, light)

    return paint_behind, paint_front


def _bumpy(outline: Floats) -> Floats:
    """Returns an outline with the small bumps of curls."""
    wave = 1.0 + 0.03 * np.sin(np.arange(len(outline)) * 1.9)
    return outline * wave[:, None]
