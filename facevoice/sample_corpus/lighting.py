"""Lighting of skin, hair and clothes by a scene's key light."""

import numpy as np
from PIL import Image

from facevoice.sample_corpus.canvas import NEUTRAL_LIGHT, Canvas
from facevoice.sample_corpus.scenes import Floats, Scene
from facevoice.sample_corpus.traits import Face


def light_layers(
    canvas: Canvas, face: Face, scene: Scene
) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Returns the light layers of skin, hair and clothes.

    The head is a height map, a dome with nose, cheeks, brows and lips. It is lit by a key light and
    a weaker fill light from the other side.
    """
    x, y = canvas.grid()
    side, height = np.radians(scene.light_deg), scene.light_height
    key = np.array([np.sin(side), -height, np.cos(side) + 0.35])
    key /= np.linalg.norm(key)

    def illuminate(relief: Floats, gloss: float) -> Floats:
        step = float(x[0, 1] - x[0, 0]) or 1e-3
        step = float(np.hypot(step, y[0, 1] - y[0, 0]))
        down, right = np.gradient(relief, step)
        cos, sin = np.cos(canvas.pose.roll_rad), np.sin(canvas.pose.roll_rad)
        slope_x, slope_y = cos * right + sin * down, -sin * right + cos * down
        length = np.sqrt(1 + slope_x**2 + slope_y**2)
        facing = (-slope_x * key[0] - slope_y * key[1] + key[2]) / length
        fill = np.clip((slope_x * key[0] + 0.6) / length, 0, 1)
        specular = gloss * np.clip(facing, 0, 1) ** 24
        diffuse = np.clip(0.25 + 0.75 * facing, 0, None) ** 1.2
        return scene.ambient + scene.light_strength * diffuse + 0.12 * fill + specular

    def bump(px: float, py: float, rx: float, ry: float, rise: float) -> Floats:
        cx, cy = canvas.pose.turn([px, py])
        return rise * np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2)

    w = face.width
    dome = 0.8 * np.sqrt(np.clip(1 - (x / (1.04 * w)) ** 2 - ((y - 0.02) / 1.1) ** 2, 0.015, 1))
    relief = dome + bump(0, face.nose_y - 0.06, 0.6 * face.nose_w + 0.03, 0.13, 0.13)
    for t in (0.3, 0.55, 0.8):
        relief = relief + bump(0, t * face.nose_y, face.nose_bridge * 0.8, 0.12, 0.07 * t)
    for s in (-1.0, 1.0):
        relief = relief + bump(s * 0.55 * w, 0.32, 0.2, 0.17, 0.06)
        relief = relief + bump(s * face.eye_x, face.brow_y + 0.02, 0.2, 0.07, 0.035)
        relief = relief - bump(s * face.eye_x, face.eye_y, 0.2, 0.13, 0.06)
        relief = relief + bump(s * face.nose_w * 0.8, face.nose_y, 0.06, 0.06, 0.03)
    relief = relief + bump(0, 0.88, 0.2, 0.12, 0.05) - bump(0, face.mouth_y + 0.16, 0.2, 0.05, 0.03)
    relief = relief + bump(0, face.mouth_y, face.mouth_w, 0.1, 0.03)
    skin = illuminate(relief, 0.16)
    shell = 0.8 * np.sqrt(np.clip(1 - (x / (1.5 * w)) ** 2 - ((y - 0.15) / 1.6) ** 2, 0.02, 1))
    band = np.exp(-(((np.hypot(x - 0.3 * key[0], 0.9 * y + 0.1) - 0.85) / 0.10) ** 2)) * (y < 0)
    hair = illuminate(shell, 0.0) * (0.9 + 0.35 * band)
    chest = illuminate(0.5 * np.sqrt(np.clip(1 - (x / 1.9) ** 2, 0.02, 1)) - 0.1 * y, 0.0)
    shadow = np.exp(-((x / (1.05 * w)) ** 4) - (np.clip(y - 0.95, 0, None) / 0.24) ** 2)
    cloth = chest * (1 - 0.42 * shadow)
    skin_l, hair_l, cloth_l = (
        canvas.enlarge(NEUTRAL_LIGHT * layer) for layer in (skin, hair, cloth)
    )
    return skin_l, hair_l, cloth_l
