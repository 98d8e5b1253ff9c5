"""Draws a face image: the head in a scene, then the effects of a camera."""

import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facevoice.sample_corpus.accessories import draw_head_band, draw_scarf
from facevoice.sample_corpus.backdrop import backdrop, draw_body, draw_microphone
from facevoice.sample_corpus.canvas import Canvas, make_pose, shade
from facevoice.sample_corpus.details import draw_beard, draw_ears, draw_glasses, draw_skin_details
from facevoice.sample_corpus.facial_features import draw_brow, draw_eye, draw_mouth, draw_nose
from facevoice.sample_corpus.hair import hair_painters
from facevoice.sample_corpus.lighting import light_layers
from facevoice.sample_corpus.naming import STREAM_SCENE, generator
from facevoice.sample_corpus.scenes import Frame, Scene, sample_frame, sample_scene
from facevoice.sample_corpus.traits import Face, head_outline


def draw_head(
    face: Face, person: int, scene: Scene, frame: Frame, video: int
) -> NDArray[np.float32]:
    """Returns the lit image before camera effects, float32 [height, width, 3]."""
    face = replace(
        face, skin=shade(face.skin, scene.skin_tone), hair=shade(face.hair, scene.hair_tone)
    )
    pose, size = make_pose(scene, frame, face.width)
    canvas = Canvas(backdrop(scene, size, generator(STREAM_SCENE, person, video, 1)), pose)
    skin_light, hair_light, cloth_light = light_layers(canvas, face, scene)
    paint_behind, paint_front = hair_painters(
        canvas, face.haircut, face.hair, hair_light, person, video
    )
    paint_behind()
    draw_body(canvas, scene, face.skin, face.neck, cloth_light)
    draw_scarf(canvas, face, scene, cloth_light)
    draw_ears(canvas, face, skin_light)
    outline = head_outline(face)
    jut = 0.3 * np.clip(outline[:, 1] - 0.2, 0, 1)
    canvas.paste(canvas.mask(canvas.to_px(outline, jut)), face.skin, skin_light)
    draw_skin_details(canvas, face, person)
    draw_beard(canvas, face, person)
    draw_nose(canvas, face)
    draw_mouth(canvas, face, frame)
    for side in (-1.0, 1.0):
        draw_eye(canvas, face, frame, side)
    paint_front()
    draw_head_band(canvas, face, scene, hair_light)
    for side in (-1.0, 1.0):
        draw_brow(canvas, face, frame, side)
    draw_glasses(canvas, face)
    if scene.microphone:
        draw_microphone(canvas, scene)
    return canvas.finish((scene.width_px, scene.height_px))


def photograph(image: NDArray[np.float32], scene: Scene, seed: int) -> bytes:
    """Applies exposure, colour, tone curve, blur and noise; returns the bytes of a JPEG."""
    lit = image * np.asarray(scene.colour_cast, np.float32) * np.float32(scene.exposure)
    grey = lit.mean(axis=-1, keepdims=True)
    lit = grey + (lit - grey) * np.float32(scene.saturation)
    lit = 0.5 + (lit - 0.48) * np.float32(scene.contrast)
    toned = np.where(lit > 0.6, 0.6 + 0.38 * np.tanh((lit - 0.6) / 0.38), lit)
    photo = Image.fromarray((255 * np.clip(toned, 0, 1) + 0.5).astype(np.uint8))
    photo = photo.filter(ImageFilter.GaussianBlur(scene.blur_px))
    grain = np.random.Generator(np.random.PCG64(seed)).normal(
        0, scene.noise, (*photo.size[::-1], 1)
    )
    noisy = np.clip(np.asarray(photo) + grain, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noisy).save(out, "JPEG", quality=scene.jpeg_quality)
    return out.getvalue()


def face_jpeg(face: Face, person: int, video: int, item: int) -> bytes:
    """Returns the bytes of one face image."""
    scene, frame = sample_scene(person, video), sample_frame(person, video, item)
    return photograph(draw_head(face, person, scene, frame, video), scene, frame.seed)
