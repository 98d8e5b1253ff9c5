"""Draws a picture: a person's face, in a scene, at a moment, through a camera."""

import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facevoice.sample_corpus.backdrop import backdrop, draw_body, draw_microphone
from facevoice.sample_corpus.canvas import Easel, pose_of, shade
from facevoice.sample_corpus.details import draw_beard, draw_ears, draw_glasses, draw_marks
from facevoice.sample_corpus.features import draw_brow, draw_eye, draw_mouth, draw_nose
from facevoice.sample_corpus.hair import prepare_hair
from facevoice.sample_corpus.keys import STREAM_SCENE, generator
from facevoice.sample_corpus.lighting import lights_of
from facevoice.sample_corpus.scenes import Moment, Scene, moment_of, scene_of
from facevoice.sample_corpus.traits import Face, outline_of
from facevoice.sample_corpus.woven import draw_band, draw_scarf


def draw_head(
    face: Face, person: int, scene: Scene, moment: Moment, video: int
) -> NDArray[np.float32]:
    """The whole picture, lit but not yet photographed."""
    face = replace(
        face, skin=shade(face.skin, scene.skin_tone), hair=shade(face.hair, scene.hair_tone)
    )
    pose, size = pose_of(scene, moment, face.width)
    easel = Easel(backdrop(scene, size, generator(STREAM_SCENE, person, video, 1)), pose)
    skin_light, hair_light, cloth_light = lights_of(easel, face, scene)
    paint_behind, paint_front = prepare_hair(easel, face.cut, face.hair, hair_light, person, video)
    paint_behind()
    draw_body(easel, scene, face.skin, face.neck, cloth_light)
    draw_scarf(easel, face, scene, cloth_light)
    draw_ears(easel, face, skin_light)
    outline = outline_of(face)
    jut = 0.3 * np.clip(outline[:, 1] - 0.2, 0, 1)
    easel.lay(easel.mask(easel.px(outline, jut)), face.skin, skin_light)
    draw_marks(easel, face, person)
    draw_beard(easel, face, person)
    draw_nose(easel, face)
    draw_mouth(easel, face, moment)
    for side in (-1.0, 1.0):
        draw_eye(easel, face, moment, side)
    paint_front()
    draw_band(easel, face, scene, hair_light)
    for side in (-1.0, 1.0):
        draw_brow(easel, face, moment, side)
    draw_glasses(easel, face)
    if scene.microphone:
        draw_microphone(easel, scene)
    return easel.finish((scene.width_px, scene.height_px))


def photograph(picture: NDArray[np.float32], scene: Scene, seed: int) -> bytes:
    """The camera: exposure, colour, blur, noise, and the JPEG it writes."""
    lit = picture * np.asarray(scene.cast, np.float32) * np.float32(scene.exposure)
    grey = lit.mean(axis=-1, keepdims=True)
    lit = grey + (lit - grey) * np.float32(scene.saturation)
    lit = 0.5 + (lit - 0.48) * np.float32(scene.contrast)
    rolled = np.where(lit > 0.6, 0.6 + 0.38 * np.tanh((lit - 0.6) / 0.38), lit)
    photo = Image.fromarray((255 * np.clip(rolled, 0, 1) + 0.5).astype(np.uint8))
    photo = photo.filter(ImageFilter.GaussianBlur(scene.blur_px))
    grain = np.random.Generator(np.random.PCG64(seed)).normal(
        0, scene.noise, (*photo.size[::-1], 1)
    )
    noisy = np.clip(np.asarray(photo) + grain, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noisy).save(out, "JPEG", quality=scene.jpeg_quality)
    return out.getvalue()


def face_jpeg(face: Face, person: int, video: int, item: int) -> bytes:
    """One picture of a person as the bytes of its file."""
    scene, moment = scene_of(person, video), moment_of(person, video, item)
    return photograph(draw_head(face, person, scene, moment, video), scene, moment.seed)
