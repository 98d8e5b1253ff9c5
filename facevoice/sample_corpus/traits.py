"""Traits of a face, constant in all images of a person.

Shapes and details identify a person: outline, eyes, brows, nose, mouth, hair, glasses, beard, skin
details and the pattern of a head band or scarf. Skin and hair colours do not: several people share
them, and they vary from video to video.
"""

from dataclasses import dataclass

from facevoice.sample_corpus.canvas import curve, mirrored
from facevoice.sample_corpus.scenes import Colour, Floats


@dataclass(frozen=True)
class Face:
    """Traits of a face. Lengths are in units of half the head's height."""

    skin: Colour
    hair: Colour
    haircut: str
    width: float = 0.76
    cheek: float = 0.97  # widths along the outline, as fractions of `width`
    jaw: float = 0.80
    chin: float = 0.40
    neck: float = 0.40
    ear: float = 0.19
    eye_x: float = 0.31
    eye_y: float = 0.02
    eye_w: float = 0.165
    eye_h: float = 0.085
    eye_tilt: float = 0.05
    iris: Colour = (92, 62, 38)
    lashes: bool = False
    brow_y: float = -0.20
    brow_w: float = 0.20
    brow_thick: float = 0.05
    brow_tilt: float = 0.0
    brow_arch: float = 0.05
    nose_y: float = 0.38
    nose_w: float = 0.13
    nose_bridge: float = 0.10
    mouth_y: float = 0.66
    mouth_w: float = 0.27
    lip_up: float = 0.045
    lip_low: float = 0.075
    lips: Colour = (176, 96, 90)
    beard: str = "none"
    glasses: str = "none"
    glasses_colour: Colour = (34, 30, 32)
    accessory: str = "none"  # "band" or "scarf"
    pattern: str = "dots"
    freckles: bool = False
    mole: tuple[float, float] | None = None
    wrinkles: bool = False
    earrings: bool = False


def head_outline(face: Face) -> Floats:
    """Returns the closed outline of the head, [points, 2]."""
    w = face.width
    right = [(0, -1.0), (0.6 * w, -0.9), (0.95 * w, -0.52), (w, -0.1), (face.cheek * w, 0.3),
             (face.jaw * w, 0.66), (face.chin * w, 0.94), (0, 1.02)]  # fmt: skip
    return curve(mirrored(right), closed=True)
