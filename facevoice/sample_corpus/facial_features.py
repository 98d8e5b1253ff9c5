"""Draws eyes, brows, nose and mouth from a person's traits and a frame's expression."""

import numpy as np
from PIL import ImageChops

from facevoice.sample_corpus.canvas import Canvas, curve, oval, shade, shifted
from facevoice.sample_corpus.scenes import Floats, Frame
from facevoice.sample_corpus.traits import Face

EYE_WHITE = (240, 238, 234)
TEETH = (238, 234, 226)
INSIDE_MOUTH = (60, 22, 26)


def draw_eye(canvas: Canvas, face: Face, frame: Frame, side: float) -> None:
    """Draws one eye: white, iris and glint inside of the lids, then lids and lashes.

    Args:
      canvas: to draw on.
      face: the traits.
      frame: the expression.
      side: -1 for the left eye, 1 for the right eye.
    """
    cx, cy = side * face.eye_x, face.eye_y
    w, h = face.eye_w, face.eye_h * frame.lids * (1 - 0.15 * max(0.0, frame.smile))
    inner, outer, tilt = -side * w, side * w, face.eye_tilt
    lid = [
        (inner, 0.3 * tilt),
        (inner * 0.5, -0.8 * h),
        (0.05 * side * w, -h),
        (outer * 0.6, -0.75 * h - 0.5 * tilt),
        (outer, -tilt),
    ]
    under = [
        (outer, -tilt),
        (outer * 0.5, 0.62 * h - 0.5 * tilt),
        (0.0, 0.72 * h),
        (inner * 0.6, 0.5 * h),
        (inner, 0.3 * tilt),
    ]
    upper, lower = shifted(curve(lid), cx, cy), shifted(curve(under), cx, cy)
    fold = shifted(upper, 0.0, -0.25 * face.eye_h - 0.02)
    canvas.stroke(canvas.to_px(fold[3:-2]), shade(face.skin, 0.72), 0.016)
    eye = canvas.mask(canvas.to_px(np.concatenate([upper, lower])))
    canvas.paste(eye, EYE_WHITE)
    ix, iy, r = cx + 0.05 * frame.gaze_x, cy - 0.012, 0.62 * face.eye_h + 0.032
    pupil = (14, 12, 14)
    for part, colour in ((1.0, shade(face.iris, 0.55)), (0.86, face.iris), (0.45, pupil)):
        disc = canvas.mask(canvas.to_px(oval(ix, iy, part * r, part * r)))
        canvas.paste(ImageChops.darker(disc, eye), colour)
    cast = canvas.mask(canvas.to_px(np.concatenate([upper, shifted(upper[::-1], 0.0, 0.3 * h)])))
    canvas.paste(ImageChops.darker(cast, eye).point(lambda v: v // 4), (40, 30, 40))
    if frame.lids > 0.4:
        glint = oval(ix - 0.35 * r, iy - 0.38 * r, 0.24 * r, 0.24 * r)
        canvas.paste(ImageChops.darker(canvas.mask(canvas.to_px(glint)), eye), (255, 255, 255))
    dark = shade(face.hair, 0.3)
    canvas.stroke(canvas.to_px(upper), dark, 0.034 if face.lashes else 0.022)
    canvas.stroke(canvas.to_px(lower), shade(face.skin, 0.62), 0.010)
    if face.lashes:
        for k in range(3):
            x, y = cx + outer - side * 0.035 * k, cy - tilt - 0.02 * k
            tip = (x + side * (0.06 + 0.005 * k), y - 0.05 + 0.005 * k)
            canvas.stroke(canvas.to_px([(x, y), tip]), dark, 0.016)


def draw_brow(canvas: Canvas, face: Face, frame: Frame, side: float) -> None:
    """Draws one brow: a tapered arch with hairs."""
    cx, cy = side * (face.eye_x + 0.01), face.eye_y + face.brow_y - 0.035 * frame.brow_raise
    t = np.linspace(-1, 1, 9)
    rise = face.brow_arch * (1 - 0.8 * (t - 0.2) ** 2)
    x, y = cx + side * t * face.brow_w, cy - rise + face.brow_tilt * t
    taper = np.clip(1.05 - 0.55 * np.clip(t, -0.3, 1) ** 2 - 0.35 * (t > 0.8), 0.15, 1)
    half = 0.5 * face.brow_thick * taper
    over, below = np.stack([x, y - half], -1), np.stack([x, y + half], -1)
    shape = curve(np.concatenate([over, below[::-1]]), closed=True, steps=3)
    colour = shade(face.hair, 0.62)
    canvas.fill(canvas.to_px(shape), colour)
    for root, length in zip(below[:-1], half[:-1], strict=True):
        line = np.stack([root, root + np.array([side * 0.05, -1.8 * length])])
        canvas.stroke(canvas.to_px(line), shade(colour, 0.7), 0.012)


def draw_nose(canvas: Canvas, face: Face) -> None:
    """Draws nostrils, wings and the tip's underside; only the light layer shows the bridge."""
    tip, w = face.nose_y, face.nose_w
    canvas.paste(canvas.glow([(0, tip - 0.05, w * 0.9, 0.09)], 0.22), (205, 110, 95))
    for side in (-1.0, 1.0):
        nostril = oval(side * 0.45 * w, tip + 0.035, 0.30 * w, 0.024)
        canvas.fill(canvas.to_px(nostril, 0.86), shade(face.skin, 0.5))
        right = [(0.75 * w, tip - 0.09), (w, tip - 0.01), (0.86 * w, tip + 0.045)]
        wing = curve(np.array(right) * (side, 1.0))
        canvas.stroke(canvas.to_px(wing, 0.82), shade(face.skin, 0.62), 0.018)
    under = curve([(-0.25 * w, tip + 0.05), (0, tip + 0.066), (0.25 * w, tip + 0.05)])
    canvas.stroke(canvas.to_px(under, 0.9), shade(face.skin, 0.66), 0.014)


def draw_mouth(canvas: Canvas, face: Face, frame: Frame) -> None:
    """Draws the lips, and teeth and cavity if the mouth is open."""
    w = face.mouth_w * (1 + 0.14 * frame.smile)
    y, gap = face.mouth_y, 0.13 * frame.mouth_open
    corner, dip = y - 0.05 * frame.smile, y + 0.012 + 0.02 * frame.smile
    foot = y + gap + face.lip_low + 0.012 * frame.smile

    def lip_line(middle: float, beside: float) -> Floats:
        right = [(0.5 * w, beside), (w, corner)]
        return curve([(-w, corner), (-0.5 * w, beside), (0.0, middle), *right])

    bow, peak = y - 0.75 * face.lip_up, y - face.lip_up
    top = curve([(-w, corner), (-0.45 * w, bow), (-0.16 * w, peak), (0.0, bow),
                 (0.16 * w, peak), (0.45 * w, bow), (w, corner)])  # fmt: skip
    upper_edge = lip_line(dip, dip - 0.006)
    lower_edge = lip_line(dip + gap, dip + 0.75 * gap)
    base = lip_line(foot, foot - 0.25 * face.lip_low)
    canvas.fill(canvas.to_px(np.concatenate([top, base[::-1]])), face.lips)
    canvas.fill(canvas.to_px(np.concatenate([top, upper_edge[::-1]])), shade(face.lips, 0.84))
    hole = canvas.to_px(np.concatenate([upper_edge, lower_edge[::-1]]))
    canvas.fill(hole, INSIDE_MOUTH)
    if gap > 0.03:
        row = np.concatenate([upper_edge, shifted(upper_edge[::-1], 0.0, 0.42 * gap)])
        teeth = canvas.mask(canvas.to_px(row * (0.8, 1.0)))
        canvas.paste(ImageChops.darker(teeth, canvas.mask(hole)), TEETH)
    canvas.stroke(canvas.to_px(upper_edge), shade(face.lips, 0.42), 0.016)
    crease = curve([(-0.3 * w, foot + 0.04), (0.0, foot + 0.055), (0.3 * w, foot + 0.04)])
    canvas.stroke(canvas.to_px(crease), shade(face.skin, 0.8), 0.014)
    for side in (-1.0, 1.0):
        dimple = [(side * w, corner - 0.012), (side * (w + 0.025), corner + 0.012)]
        canvas.stroke(canvas.to_px(dimple), shade(face.skin, 0.6), 0.016)
