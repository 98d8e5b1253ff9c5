"""Eyes, brows, nose and mouth: the features that move, drawn from a person's traits."""

import numpy as np
from PIL import ImageChops

from facevoice.sample_corpus.canvas import Easel, curve, oval, shade, shifted
from facevoice.sample_corpus.scenes import Floats, Moment
from facevoice.sample_corpus.traits import Face

EYE_WHITE = (240, 238, 234)
TEETH = (238, 234, 226)
INSIDE_MOUTH = (60, 22, 26)


def draw_eye(easel: Easel, face: Face, moment: Moment, side: float) -> None:
    """One eye, `side` -1 or 1: white, iris and glint within the lids, then the lids' lines."""
    cx, cy = side * face.eye_x, face.eye_y
    w, h = face.eye_w, face.eye_h * moment.lids * (1 - 0.15 * max(0.0, moment.smile))
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
    easel.stroke(easel.px(fold[3:-2]), shade(face.skin, 0.72), 0.016)
    eye = easel.mask(easel.px(np.concatenate([upper, lower])))
    easel.lay(eye, EYE_WHITE)
    ix, iy, r = cx + 0.05 * moment.gaze_x, cy - 0.012, 0.62 * face.eye_h + 0.032
    pupil = (14, 12, 14)
    for part, colour in ((1.0, shade(face.iris, 0.55)), (0.86, face.iris), (0.45, pupil)):
        disc = easel.mask(easel.px(oval(ix, iy, part * r, part * r)))
        easel.lay(ImageChops.darker(disc, eye), colour)
    cast = easel.mask(easel.px(np.concatenate([upper, shifted(upper[::-1], 0.0, 0.3 * h)])))
    easel.lay(ImageChops.darker(cast, eye).point(lambda v: v // 4), (40, 30, 40))
    if moment.lids > 0.4:
        glint = oval(ix - 0.35 * r, iy - 0.38 * r, 0.24 * r, 0.24 * r)
        easel.lay(ImageChops.darker(easel.mask(easel.px(glint)), eye), (255, 255, 255))
    dark = shade(face.hair, 0.3)
    easel.stroke(easel.px(upper), dark, 0.034 if face.lashes else 0.022)
    easel.stroke(easel.px(lower), shade(face.skin, 0.62), 0.010)
    if face.lashes:
        for k in range(3):
            x, y = cx + outer - side * 0.035 * k, cy - tilt - 0.02 * k
            tip = (x + side * (0.06 + 0.005 * k), y - 0.05 + 0.005 * k)
            easel.stroke(easel.px([(x, y), tip]), dark, 0.016)


def draw_brow(easel: Easel, face: Face, moment: Moment, side: float) -> None:
    """One brow: a tapered arch from its inner end to its outer, and its hairs."""
    cx, cy = side * (face.eye_x + 0.01), face.eye_y + face.brow_y - 0.035 * moment.brow_raise
    t = np.linspace(-1, 1, 9)
    rise = face.brow_arch * (1 - 0.8 * (t - 0.2) ** 2)
    x, y = cx + side * t * face.brow_w, cy - rise + face.brow_tilt * t
    taper = np.clip(1.05 - 0.55 * np.clip(t, -0.3, 1) ** 2 - 0.35 * (t > 0.8), 0.15, 1)
    half = 0.5 * face.brow_thick * taper
    over, below = np.stack([x, y - half], -1), np.stack([x, y + half], -1)
    shape = curve(np.concatenate([over, below[::-1]]), closed=True, steps=3)
    colour = shade(face.hair, 0.62)
    easel.fill(easel.px(shape), colour)
    for root, length in zip(below[:-1], half[:-1], strict=True):
        line = np.stack([root, root + np.array([side * 0.05, -1.8 * length])])
        easel.stroke(easel.px(line), shade(colour, 0.7), 0.012)


def draw_nose(easel: Easel, face: Face) -> None:
    """Nostrils, wings and the tip's underside; the bridge is light and shadow alone."""
    tip, w = face.nose_y, face.nose_w
    easel.lay(easel.glow([(0, tip - 0.05, w * 0.9, 0.09)], 0.22), (205, 110, 95))
    for side in (-1.0, 1.0):
        nostril = oval(side * 0.45 * w, tip + 0.035, 0.30 * w, 0.024)
        easel.fill(easel.px(nostril, 0.86), shade(face.skin, 0.5))
        right = [(0.75 * w, tip - 0.09), (w, tip - 0.01), (0.86 * w, tip + 0.045)]
        wing = curve(np.array(right) * (side, 1.0))
        easel.stroke(easel.px(wing, 0.82), shade(face.skin, 0.62), 0.018)
    under = curve([(-0.25 * w, tip + 0.05), (0, tip + 0.066), (0.25 * w, tip + 0.05)])
    easel.stroke(easel.px(under, 0.9), shade(face.skin, 0.66), 0.014)


def draw_mouth(easel: Easel, face: Face, moment: Moment) -> None:
    """Lips, and between them teeth and dark where the mouth is open."""
    w = face.mouth_w * (1 + 0.14 * moment.smile)
    y, gap = face.mouth_y, 0.13 * moment.mouth_open
    corner, dip = y - 0.05 * moment.smile, y + 0.012 + 0.02 * moment.smile
    foot = y + gap + face.lip_low + 0.012 * moment.smile

    def lip_line(middle: float, beside: float) -> Floats:
        right = [(0.5 * w, beside), (w, corner)]
        return curve([(-w, corner), (-0.5 * w, beside), (0.0, middle), *right])

    bow, peak = y - 0.75 * face.lip_up, y - face.lip_up
    top = curve([(-w, corner), (-0.45 * w, bow), (-0.16 * w, peak), (0.0, bow),
                 (0.16 * w, peak), (0.45 * w, bow), (w, corner)])  # fmt: skip
    upper_edge = lip_line(dip, dip - 0.006)
    lower_edge = lip_line(dip + gap, dip + 0.75 * gap)
    base = lip_line(foot, foot - 0.25 * face.lip_low)
    easel.fill(easel.px(np.concatenate([top, base[::-1]])), face.lips)
    easel.fill(easel.px(np.concatenate([top, upper_edge[::-1]])), shade(face.lips, 0.84))
    hole = easel.px(np.concatenate([upper_edge, lower_edge[::-1]]))
    easel.fill(hole, INSIDE_MOUTH)
    if gap > 0.03:
        row = np.concatenate([upper_edge, shifted(upper_edge[::-1], 0.0, 0.42 * gap)])
        teeth = easel.mask(easel.px(row * (0.8, 1.0)))
        easel.lay(ImageChops.darker(teeth, easel.mask(hole)), TEETH)
    easel.stroke(easel.px(upper_edge), shade(face.lips, 0.42), 0.016)
    crease = curve([(-0.3 * w, foot + 0.04), (0.0, foot + 0.055), (0.3 * w, foot + 0.04)])
    easel.stroke(easel.px(crease), shade(face.skin, 0.8), 0.014)
    for side in (-1.0, 1.0):
        dimple = [(side * w, corner - 0.012), (side * (w + 0.025), corner + 0.012)]
        easel.stroke(easel.px(dimple), shade(face.skin, 0.6), 0.016)
