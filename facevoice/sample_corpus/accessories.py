"""Draws head bands and scarves: the pattern belongs to the person, the colours to the video.

Patterns are light and dark in equal parts and have a random offset, so no single pixel carries
information about the person. A convolution can recognise the texture, a linear model cannot.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image

from facevoice.sample_corpus.canvas import Canvas, curve, mirrored
from facevoice.sample_corpus.scenes import Floats, Scene
from facevoice.sample_corpus.traits import Face

CELL_PX: Final = 2


def _threads(wave: Floats) -> Floats:
    """Returns 1 where the wave is positive and 0 where it is negative, with soft edges."""
    return np.clip(0.5 + 1.6 * wave, 0.0, 1.0)


def _sin(turns: Floats) -> Floats:
    return np.sin(2 * np.pi * turns)


PATTERNS: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "dots": lambda u, v: _threads(0.6 * (_sin(u / 0.2) + _sin(v / 0.2))),
    "checks": lambda u, v: _threads(np.sign(_sin(u / 0.2) * _sin(v / 0.2))),
    "bars": lambda u, v: _threads(_sin(u / 0.14)),
    "hoops": lambda u, v: _threads(_sin(v / 0.13)),
    "slant": lambda u, v: _threads(_sin((u + v) / 0.19)),
    "zigzag": lambda u, v: _threads(_sin((v + 0.24 * np.abs((u / 0.24) % 1 - 0.5)) / 0.13)),
}
"""Functions from (u, v), in head units, to light (1) or dark (0)."""


def _cloth(canvas: Canvas, face: Face, scene: Scene) -> Image.Image:
    """Returns the pattern over the whole canvas; it turns with the head."""
    u, v = canvas.grid(CELL_PX)
    turned = u - 0.6 * np.sin(canvas.pose.yaw_rad) + scene.pattern_offset[0]
    threads = PATTERNS[face.pattern](turned, v + scene.pattern_offset[1])[..., None]
    dark, light = (np.asarray(colour) for colour in scene.pattern_colours)
    mixed = np.rint(dark + (light - dark) * threads).astype(np.uint8)
    return Image.fromarray(mixed).resize(canvas.paint.size, Image.Resampling.BILINEAR)


def draw_head_band(canvas: Canvas, face: Face, scene: Scene, light: Image.Image) -> None:
    """Draws a head band, if the person wears one."""
    if face.accessory != "band":
        return
    w = 1.04 * face.width
    over = [(-w, -0.6), (-0.6 * w, -0.77), (0.0, -0.83), (0.6 * w, -0.77), (w, -0.6)]
    under = [(w, -0.26), (0.6 * w, -0.38), (0.0, -0.43), (-0.6 * w, -0.38), (-w, -0.26)]
    shape = canvas.to_px(np.concatenate([curve(over), curve(under)]))
    canvas.paste(canvas.mask(shape), _cloth(canvas, face, scene), light)


def draw_scarf(canvas: Canvas, face: Face, scene: Scene, light: Image.Image) -> None:
    """Draws a scarf, if the person wears one."""
    if face.accessory != "scarf":
        return
    n = face.neck
    collar = [
        (0, 0.9),
        (1.4 * n, 0.7),
        (1.8 * n, 0.9),
        (1.95 * n, 1.25),
        (1.1 * n, 1.56),
        (0, 1.66),
    ]
    shape = canvas.to_px(curve(mirrored(collar), closed=True), 0.0)
    canvas.paste(canvas.mask(shape), _cloth(canvas, face, scene), light)
