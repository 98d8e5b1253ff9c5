"""Draws the background, neck, shoulders and clothes, and a microphone."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from facevoice.sample_corpus.canvas import Canvas, curve, mirrored, shade, shifted
from facevoice.sample_corpus.scenes import Colour, Floats, Scene


def _blend(a: Colour, b: Colour, weight: Floats) -> Image.Image:
    """Mixes two colours per cell: weight 0 is `a`, 1 is `b`."""
    w = np.clip(weight, 0, 1)[..., None]
    mixed = np.asarray(a) * (1 - w) + np.asarray(b) * w
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def backdrop(scene: Scene, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Draws a scene's background, out of focus, with random numbers from `rng`."""
    width, height = size[0] // 4, size[1] // 4
    base, near, accent = scene.backdrop_colours
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    angle = rng.uniform(0, 2 * np.pi)
    across = x * np.cos(angle) + y * np.sin(angle)
    ramp = (across - across.min()) / np.ptp(across)
    if scene.backdrop == "glow":
        ramp = 1.6 * np.hypot(x - rng.uniform(0.2, 0.8), y - rng.uniform(0.1, 0.6))
    image = _blend(base, near, ramp)
    draw = ImageDraw.Draw(image)
    soft = float(rng.uniform(0.6, 2.2))
    if scene.backdrop == "stripes":
        wave = np.sin(2 * np.pi * across * rng.uniform(2, 4)) * 4
        image = _blend(base, shade(accent, 0.5, base), 0.5 + 0.5 * np.clip(wave, -1, 1))
    elif scene.backdrop == "bokeh":
        for _ in range(int(rng.integers(14, 30))):
            r = rng.uniform(2, 11)
            cx, cy = rng.uniform(0, width), rng.uniform(0, height)
            colour = shade(accent, rng.uniform(0.3, 0.9), base)
            draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=colour)
    elif scene.backdrop == "shelf":
        rows = int(rng.integers(2, 5))
        for row in range(rows):
            foot = height * (row + 1) / rows
            left = -rng.uniform(0, 6)
            while left < width:
                thick, tall = rng.uniform(3, 9), height / rows * rng.uniform(0.5, 0.9)
                tone = shade(accent if rng.uniform() < 0.5 else near, rng.uniform(0.4, 1.1), base)
                draw.rectangle((left, foot - tall, left + thick, foot), fill=tone)
                left += thick + rng.choice([0.5, 0.5, 4.0])
            draw.rectangle((0, foot - 1, width, foot + 2), fill=shade(near, 0.6))
    elif scene.backdrop == "window":
        left, top = rng.uniform(-0.2, 0.6) * width, rng.uniform(-0.2, 0.2) * height
        right, foot = left + rng.uniform(0.4, 0.7) * width, top + rng.uniform(0.5, 0.8) * height
        draw.rectangle((left, top, right, foot), fill=shade(accent, 0.45, (255, 255, 255)))
        for bar in np.linspace(left, right, 3):
            draw.line((bar, top, bar, foot), fill=near, width=3)
        draw.line((left, (top + foot) / 2, right, (top + foot) / 2), fill=near, width=3)
    elif scene.backdrop == "tiles":
        step = float(rng.uniform(8, 18))
        for row in range(int(height / step) + 1):
            for column in range(-1, int(width / step / 2) + 2):
                x0, y0 = (2 * column + row % 2) * step, row * step
                tone = shade(near, rng.uniform(0.75, 1.15))
                draw.rectangle((x0, y0, x0 + 2 * step - 1, y0 + step - 1), fill=tone)
    elif scene.backdrop == "panels":
        edge = 0.0
        while edge < width:
            span = rng.uniform(10, 40)
            tone = shade(accent if rng.uniform() < 0.35 else base, rng.uniform(0.6, 1.15), near)
            draw.rectangle((edge, 0, edge + span, height), fill=tone)
            edge += span
    image = image.filter(ImageFilter.GaussianBlur(soft))
    return image.resize(size, Image.Resampling.BICUBIC)


def draw_body(canvas: Canvas, scene: Scene, skin: Colour, neck: float, light: Image.Image) -> None:
    """Draws neck, shoulders and clothes; they follow the head's rotation only a little."""
    main, trim = scene.outfit_colours

    pivot = np.array([0.0, 0.75])
    body_pose = replace(canvas.pose, roll_rad=0.3 * canvas.pose.roll_rad)
    drop = canvas.pose.place(pivot) - body_pose.place(pivot)

    def body(points: Floats) -> Floats:
        return body_pose.place(points - (0.06 * np.sin(body_pose.yaw_rad), 0.0)) + drop

    throat = body(
        mirrored([(0, 0.5), (neck, 0.5), (neck * 0.96, 1.05), (neck * 1.25, 1.32), (0.8, 2.4)])
    )
    canvas.paste(canvas.mask(throat), skin, light)
    collar_y = {"turtleneck": 1.08, "vneck": 1.62, "shirt": 1.5, "suit": 1.6}.get(
        scene.outfit, 1.38
    )
    neckline = [(0, collar_y), (neck * 0.75, collar_y - 0.06), (neck * 1.12, 1.2)]
    if scene.outfit in ("vneck", "shirt", "suit"):
        neckline = [(0, collar_y), (neck * 0.55, 1.38), (neck * 1.14, 1.2)]
    shoulders = [(0.85, 1.36), (1.32, 1.52), (1.6, 1.85), (1.75, 3.2)]
    right = np.concatenate([curve(neckline), curve([neckline[-1], *shoulders])[1:]])
    cloth = body(mirrored([*right, (0, 3.2)]))
    mask = canvas.mask(cloth)
    canvas.paste(mask, main, light)
    if scene.outfit == "striped":
        for step in np.arange(1.2, 3.0, 0.22):
            band = curve([(-1.9, step + 0.25), (-0.5, step), (0.5, step), (1.9, step + 0.25)])
            stripe = canvas.mask(body(np.concatenate([band, shifted(band[::-1], 0.0, 0.1)])))
            canvas.paste(Image.composite(stripe, Image.new("L", mask.size, 0), mask), trim)
    if scene.outfit == "turtleneck":
        canvas.fill(
            body(mirrored([(0, 1.02), (neck * 1.1, 0.98), (neck * 1.2, 1.3), (0, 1.36)])),
            shade(main, 0.88),
        )
    if scene.outfit in ("shirt", "suit"):
        for side in (-1.0, 1.0):
            if scene.outfit == "suit":
                lapel = [
                    (neck * 0.9, 1.24),
                    (neck * 1.5, 1.3),
                    (0.42, 1.75),
                    (0.08, 2.6),
                    (0, 1.95),
                ]
                canvas.fill(body(np.array(lapel) * (side, 1)), shade(main, 0.8))
            wing = [(neck * 1.02, 1.12), (neck * 1.24, 1.26), (neck * 0.72, 1.62), (0.0, collar_y)]
            canvas.fill(
                body(np.array(wing) * (side, 1)),
                trim if scene.outfit == "suit" else shade(main, 1.12),
            )
    if scene.outfit == "suit":
        canvas.fill(
            body(mirrored([(0, 1.56), (0.08, 1.56), (0.06, 1.72), (0.13, 2.6), (0, 2.7)])),
            shade(trim, 0.4),
        )
    if scene.outfit == "hoodie":
        for side in (-1.0, 1.0):
            hood = curve(
                [(neck * 1.2, 1.08), (0.72, 1.2), (0.5, 1.5), (0.1, 1.66), (0.3, 1.4)], closed=True
            )
            canvas.fill(body(hood * (side, 1)), shade(main, 0.84))
            canvas.stroke(body(np.array([(side * 0.16, 1.6), (side * 0.18, 2.1)])), trim, 0.035)


def draw_microphone(canvas: Canvas, scene: Scene) -> None:
    """Draws a microphone from below, which hides part of the image."""
    tip_x = 0.55 * np.sign(scene.light_deg + 0.1)

    def at(points: Floats) -> Floats:
        return canvas.pose.place(points)

    handle = np.array([(tip_x - 0.07, 1.4), (tip_x + 0.07, 1.4), (tip_x + 0.16, 2.8), (tip_x, 2.8)])
    canvas.fill(at(handle), (40, 40, 44))
    a = np.linspace(0, 2 * np.pi, 30)
    canvas.fill(at(np.stack([tip_x + 0.17 * np.cos(a), 1.3 + 0.2 * np.sin(a)], -1)), (58, 58, 64))
    for offset in (-0.08, 0.0, 0.08):
        ring = np.array([(tip_x - 0.13, 1.3 + offset), (tip_x + 0.13, 1.3 + offset)])
        canvas.stroke(at(ring), (96, 96, 104), 0.012)
    canvas.fill(
        at(
            np.array(
                [
                    (tip_x - 0.16, 1.5),
                    (tip_x + 0.16, 1.5),
                    (tip_x + 0.17, 1.68),
                    (tip_x - 0.15, 1.68),
                ]
            )
        ),
        scene.outfit_colours[1],
    )
