"""Draws beards, glasses, ears and skin details."""

from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from facevoice.sample_corpus.canvas import Canvas, curve, mirrored, oval, shade, shifted
from facevoice.sample_corpus.hair import GLEAM, HAIRCUTS
from facevoice.sample_corpus.naming import STREAM_SKIN, generator
from facevoice.sample_corpus.scenes import Floats
from facevoice.sample_corpus.traits import Face, head_outline

LENSES: Final = {
    "round": (0.225, 0.215, 2.0, 0.0),
    "square": (0.25, 0.18, 5.0, 0.0),
    "cat": (0.255, 0.17, 2.8, -0.22),
}
"""Half width, half height, power of the oval (see `oval`) and tilt in radians."""
RIM: Final = 0.045


def _beard_shapes(canvas: Canvas, face: Face) -> list[Floats]:
    """Returns the outlines of a beard, in canvas pixels."""
    w, top = face.width, face.nose_y + 0.13
    mouth, wide = face.mouth_y, face.mouth_w
    if face.beard in ("full", "stubble"):
        edge = head_outline(replace(face, jaw=face.jaw + 0.02)) * (1.01, 1.035)
        edge = edge[edge[:, 1] > 0.08]
        edge = edge[np.argsort(np.arctan2(edge[:, 1] - 0.08, edge[:, 0]))]
        right = [(0.12, top - 0.02), (wide + 0.06, mouth - 0.1), (0.8 * w, 0.4), (0.93 * w, 0.1)]
        left = [(-x, y) for x, y in reversed(right)]
        cheeks = curve([*left, (0.0, top + 0.01), *right])
        jaw = canvas.to_px(edge, 0.25 * np.clip(edge[:, 1], 0, 1))
        return [np.concatenate([jaw, canvas.to_px(cheeks)])]
    over = [(0, top - 0.03), (0.14, top - 0.02), (wide * 0.9, mouth - 0.04)]
    below = [(wide + 0.07, mouth + 0.05), (wide * 0.8, mouth), (0.1, mouth - 0.035)]
    moustache = mirrored([*over, *below, (0, mouth - 0.03)])
    shapes = [canvas.to_px(curve(moustache, closed=True))]
    if face.beard == "goatee":
        sides = [(0.13, mouth + 0.13), (0.24, mouth + 0.16), (0.2, 1.02)]
        tuft = mirrored([(0, mouth + 0.1), *sides, (0, 1.12)])
        shapes.append(canvas.to_px(curve(tuft, closed=True), 0.5))
    return shapes


def draw_beard(canvas: Canvas, face: Face, person: int) -> None:
    """Draws a beard: stubble as speckles, others with strokes of hair."""
    if face.beard == "none":
        return
    soft = canvas.mask(*_beard_shapes(canvas, face)).filter(ImageFilter.BoxBlur(3))
    rng = generator(STREAM_SKIN, person)
    if face.beard == "stubble":
        cells = Image.fromarray(rng.integers(90, 256, (112, 112), dtype=np.uint8))
        speckle = cells.resize(soft.size, Image.Resampling.BILINEAR)
        canvas.paste(
            ImageChops.multiply(soft, speckle).point(lambda v: v // 2), shade(face.hair, 0.5)
        )
        return
    sheet = Canvas(Image.new("RGB", soft.size, shade(face.hair, 0.85)), canvas.pose)
    tones = [shade(face.hair, 0.55), shade(face.hair, 0.75, GLEAM)]
    for _ in range(420):
        x, y = rng.uniform(-face.width, face.width), rng.uniform(0.1, 1.15)
        line = [(x, y), (x * 1.03 + rng.normal(0, 0.015), y + 0.07)]
        sheet.stroke(sheet.to_px(line, 0.4), tones[int(rng.uniform() > 0.6)], 0.014)
    canvas.paste(soft, sheet.paint)


def draw_glasses(canvas: Canvas, face: Face) -> None:
    """Draws rims, glass, bridge and temples, a little in front of the face."""
    if face.glasses == "none":
        return
    rx, ry, power, tilt = LENSES[face.glasses]
    x, y = face.eye_x, face.eye_y + 0.02
    for side in (-1.0, 1.0):
        depth = float(canvas.pose.depth(np.array([side * x, y]))) + 0.1
        lens = canvas.to_px(oval(side * (x + 0.01), y, rx, ry, power, side * tilt), depth)
        canvas.paste(canvas.mask(lens).point(lambda v: v // 9), (225, 235, 250))
        streak = [(-0.12, 0.08), (-0.02, -0.12), (0.03, -0.12), (-0.07, 0.08)]
        glint = canvas.to_px(shifted(np.array(streak), side * x, y), depth)
        canvas.paste(canvas.mask(glint).point(lambda v: v // 7), (255, 255, 255))
        canvas.stroke(np.concatenate([lens, lens[:2]]), face.glasses_colour, RIM)
        hinge = canvas.to_px([side * (x + rx), y - 0.04], depth)
        ear = canvas.to_px([side * face.width, y - 0.06], 0.0)
        canvas.stroke(np.stack([hinge, ear]), face.glasses_colour, RIM)
    bridge = curve([(rx - x, y - 0.03), (0.0, y - 0.07), (x - rx, y - 0.03)])
    canvas.stroke(canvas.to_px(bridge, 0.88), face.glasses_colour, RIM)


def draw_skin_details(canvas: Canvas, face: Face, person: int) -> None:
    """Draws red cheeks and, depending on the face, freckles, wrinkles and a mole."""
    cheeks = [(side * 0.52 * face.width, 0.34, 0.17, 0.12) for side in (-1.0, 1.0)]
    canvas.paste(canvas.glow(cheeks, 0.25), shade(face.skin, 0.72, (226, 70, 70)))
    if face.freckles:
        tone = shade(face.skin, 0.66, (110, 50, 20))
        places = generator(STREAM_SKIN, person, 1).normal((0, 0.25), (0.32, 0.09), (46, 2))
        for x, y in places[np.abs(places[:, 0]) < 0.85 * face.width].tolist():
            canvas.fill(canvas.to_px(oval(x, y, 0.016, 0.014)), tone)
    if face.wrinkles:
        for y in (-0.42, -0.52):
            brow = curve([(-0.3, y), (0, y - 0.03), (0.3, y)])
            canvas.stroke(canvas.to_px(brow), shade(face.skin, 0.8), 0.012)
        for side in (-1.0, 1.0):
            nose = (side * (face.nose_w + 0.04), face.nose_y)
            mouth = (side * (face.mouth_w + 0.06), face.mouth_y - 0.08)
            canvas.stroke(canvas.to_px([nose, mouth]), shade(face.skin, 0.72), 0.016)
    if face.mole is not None:
        canvas.fill(canvas.to_px(oval(*face.mole, 0.03, 0.03)), (58, 34, 28))


def draw_ears(canvas: Canvas, face: Face, light: Image.Image) -> None:
    """Draws both ears, unless the hair covers them."""
    if HAIRCUTS[face.haircut].locks:
        return
    for side in (-1.0, 1.0):
        x = side * (face.width + 0.22 * face.ear)
        ear = oval(x, 0.08, face.ear * 0.62, face.ear, 2.2, side * 0.22)
        canvas.paste(
            canvas.mask(canvas.to_px(ear, -0.1)), shade(face.skin, 0.94, (200, 90, 80)), light
        )
        fold = curve(shifted(ear[24:35] * (0.97, 1.0), 0.0, 0.03))
        canvas.stroke(canvas.to_px(fold, -0.1), shade(face.skin, 0.7), 0.02)
        if face.earrings:
            ring = oval(x, 0.08 + face.ear + 0.05, 0.045, 0.06)
            canvas.fill(canvas.to_px(ring, -0.1), (232, 196, 88))
