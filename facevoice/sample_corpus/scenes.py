"""Random properties of a video and of its frames that do not depend on the person.

A `Scene` is sampled for each video: lighting, backdrop, clothes, camera and head pose. A `Frame` is
sampled for each image: a small change of pose, and an expression. Models must generalise over both,
so datasets are split by video.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facevoice.sample_corpus.naming import STREAM_FRAME, STREAM_SCENE, generator

Colour = tuple[int, int, int]
Floats = NDArray[np.float64]

BACKDROPS = ("plain", "glow", "stripes", "bokeh", "shelf", "window", "tiles", "panels")
OUTFITS = ("crew", "vneck", "shirt", "suit", "turtleneck", "striped", "hoodie")


@dataclass(frozen=True)
class Scene:
    """Properties of a video."""

    width_px: int
    height_px: int
    light_deg: float  # direction of the key light: -90 left, 0 front, 90 right
    light_height: float  # 0 at eye level, 1 overhead
    light_strength: float
    ambient: float
    colour_cast: tuple[float, float, float]
    exposure: float
    contrast: float
    saturation: float
    backdrop: str
    backdrop_colours: tuple[Colour, Colour, Colour]
    outfit: str
    outfit_colours: tuple[Colour, Colour]
    pattern_colours: tuple[Colour, Colour]  # dark and light threads
    pattern_offset: tuple[float, float]  # of head band or scarf
    microphone: bool
    hair_tone: float  # factor of brightness
    skin_tone: float  # factor of brightness
    yaw_rad: float
    pitch_rad: float
    roll_rad: float
    zoom: float
    shift_x: float  # as a fraction of the image's width
    shift_y: float
    blur_px: float
    noise: float  # standard deviation in 8-bit steps
    jpeg_quality: int


@dataclass(frozen=True)
class Frame:
    """Properties of a frame: offsets to the scene's pose, and an expression."""

    yaw_rad: float
    pitch_rad: float
    roll_rad: float
    zoom: float
    shift_x: float
    shift_y: float
    mouth_open: float  # 0 closed, 1 wide open
    smile: float  # -1 sad, 1 smiling
    lids: float  # 0 closed, 1 open
    gaze_x: float
    brow_raise: float
    seed: int


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Returns the RGB colour of hue, saturation and value, each 0 to 1."""
    k = (np.array([5.0, 3.0, 1.0]) + 6.0 * hue) % 6.0
    rgb = value - value * saturation * np.clip(np.minimum(k, 4.0 - k), 0.0, 1.0)
    red, green, blue = (round(255 * float(c)) for c in rgb)
    return red, green, blue


def _backdrop_colours(rng: np.random.Generator) -> tuple[Colour, Colour, Colour]:
    hue, value = rng.uniform(), rng.uniform(0.12, 0.95)
    saturation = rng.uniform(0.05, 0.55)
    near = hsv(
        hue + rng.normal(0, 0.04),
        saturation,
        float(np.clip(value * rng.uniform(0.6, 1.3), 0.08, 1)),
    )
    accent = hsv(rng.uniform(), rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.95))
    return hsv(hue, saturation, value), near, accent


def sample_scene(person: int, video: int) -> Scene:
    """Samples the scene of a video, deterministically."""
    rng = generator(STREAM_SCENE, person, video)
    longer = int(108 + 153 * rng.uniform() ** 0.5)
    aspect = float(rng.uniform(0.85, 1.15))
    strength = float(rng.uniform(0.5, 1.0))
    warmth, tint = rng.normal(0.0, 0.09), rng.normal(0.0, 0.03)
    return Scene(
        width_px=round(longer * min(1.0, aspect)),
        height_px=round(longer * min(1.0, 1.0 / aspect)),
        light_deg=float(rng.uniform(-85, 85)),
        light_height=float(rng.uniform(0.1, 0.9)),
        light_strength=strength,
        ambient=float(1.02 - 0.72 * strength),
        colour_cast=(float(1 + warmth), float(1 + tint), float(1 - warmth)),
        exposure=float(np.exp(np.clip(rng.normal(0.0, 0.15), -0.3, 0.25))),
        contrast=float(rng.uniform(0.85, 1.12)),
        saturation=float(rng.uniform(0.5, 1.1)),
        backdrop=str(rng.choice(BACKDROPS)),
        backdrop_colours=_backdrop_colours(rng),
        outfit=str(rng.choice(OUTFITS)),
        outfit_colours=(
            hsv(rng.uniform(), rng.uniform(0.1, 0.75), rng.uniform(0.15, 0.95)),
            hsv(rng.uniform(), rng.uniform(0.0, 0.4), rng.uniform(0.5, 1.0)),
        ),
        pattern_colours=(
            hsv(rng.uniform(), rng.uniform(0.3, 0.8), rng.uniform(0.05, 0.3)),
            hsv(rng.uniform(), rng.uniform(0.05, 0.5), rng.uniform(0.8, 1.0)),
        ),
        pattern_offset=(float(rng.uniform()), float(rng.uniform())),
        microphone=bool(rng.uniform() < 0.2),
        hair_tone=float(np.exp(np.clip(rng.normal(0.0, 0.6), -0.9, 0.8))),
        skin_tone=float(np.exp(np.clip(rng.normal(0.0, 0.2), -0.4, 0.12))),
        yaw_rad=float(np.clip(rng.normal(0.0, 0.22), -0.4, 0.4)),
        pitch_rad=float(rng.normal(0.0, 0.09)),
        roll_rad=float(np.clip(rng.normal(0.0, 0.10), -0.25, 0.25)),
        zoom=float(np.exp(np.clip(rng.normal(0.0, 0.08), -0.17, 0.17))),
        shift_x=float(np.clip(rng.normal(0.0, 0.065), -0.1, 0.1)),
        shift_y=float(np.clip(rng.normal(-0.03, 0.04), -0.09, 0.04)),
        blur_px=float(rng.uniform(0.0, 0.4)),
        noise=float(rng.uniform(0.3, 2.5)),
        jpeg_quality=int(rng.integers(64, 86)),
    )


def sample_frame(person: int, video: int, item: int) -> Frame:
    """Samples the frame of an image, deterministically."""
    rng = generator(STREAM_FRAME, person, video, item)
    blinking = rng.uniform() < 0.08
    talking = rng.uniform() < 0.5
    return Frame(
        yaw_rad=float(rng.normal(0.0, 0.07)),
        pitch_rad=float(rng.normal(0.0, 0.04)),
        roll_rad=float(rng.normal(0.0, 0.035)),
        zoom=float(np.exp(rng.normal(0.0, 0.03))),
        shift_x=float(rng.normal(0.0, 0.015)),
        shift_y=float(rng.normal(0.0, 0.015)),
        mouth_open=float(rng.uniform(0.15, 0.9)) if talking else 0.0,
        smile=float(rng.uniform(-0.3, 1.0)),
        lids=0.08 if blinking else float(rng.uniform(0.75, 1.1)),
        gaze_x=float(rng.normal(0.0, 0.3)),
        brow_raise=float(rng.normal(0.15, 0.35)),
        seed=int(rng.integers(2**31)),
    )
