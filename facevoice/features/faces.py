"""Turns one image file into one square uint8 face image.

Without a face detector, the centre of the image is cropped. With one, the face is cropped by its
eyes and mouth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facevoice.features import face_detection
from facevoice.features.alignment import Similarity, crop_places, fit_similarity, resample
from facevoice.features.blazeface import Detections
from facevoice.features.reject_reasons import MediaError, Reason
from facevoice.features.settings import ALIGNED_POINTS, FeatureSettings
from facevoice.features.shared_image import ImageSource, SharedImage, as_shared
from tfdata.schema import POINT_NAMES, DetectedFace
from tfdata.text import counted

MIN_CROP_PX = 16
# A large JPEG is decoded at a reduced size, with at least this many pixels for each pixel of the
# face image, along each side. With 3, levels differ from a full decode by 0.25 of 255 on average;
# with 2, by 0.33.
DECODE_OVERSAMPLING = 3
ALIGNED = [POINT_NAMES.index(name) for name in ("right_eye", "left_eye", "mouth")]
# Standard deviation of the luminance, of 255. An image of one colour with camera noise, JPEG
# artefacts or a speck stays below 3; the lowest contrast of 1,000 real and drawn faces is 17.
MIN_CONTRAST = 3.0
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of RGB, by ITU-R BT.601
SAMPLE_STEP = 8  # rows and columns between the pixels of the quick contrast check
# 1, v and v squared for each level v.
POWERS = np.arange(256) ** np.arange(3)[:, None]


@dataclass(frozen=True, eq=False)
class FaceImage:
    """A face image.

    Attributes:
      pixels: uint8 [image_size, image_size, 3], RGB.
      detected: where the face is in the image or frame; None without a face detector.
      seconds: time of the frame in the video; None for an image file.
    """

    pixels: NDArray[np.uint8]
    detected: DetectedFace | None = None
    seconds: float | None = None


def read_face(source: ImageSource, settings: FeatureSettings) -> NDArray[np.uint8]:
    """Reads one face image: decodes, rotates upright, crops and resizes it.

    Args:
      source: path, open file or shared image.
      settings: size, crop and face detector.

    Returns:
      uint8 [image_size, image_size, 3], RGB.

    Raises:
      MediaError: unreadable, too_large, too_small, blank, no_face or several_faces.
      DetectorError, WeightsError: the face detector cannot run.
    """
    return extract_face(source, settings).pixels


def extract_face(source: ImageSource, settings: FeatureSettings) -> FaceImage:
    """Returns a face image and where the face is in its source; see `read_face`."""
    if settings.face_detector == "none":
        enough_px = math.ceil(DECODE_OVERSAMPLING * settings.image_size / settings.face_crop)
        return crop_centre(as_shared(source).decode(enough_px), settings)
    return _extract_detected(as_shared(source), settings)


def crop_centre(image: Image.Image, settings: FeatureSettings) -> FaceImage:
    """Returns the centred square whose side is `face_crop` times the shorter side of an image.

    It is cropped and resized in one antialiased (Lanczos) step, so the aspect ratio is kept and the
    crop is not rounded to whole pixels.

    Raises:
      MediaError: too_small or blank.
    """
    side = min(image.size) * settings.face_crop
    _check_side(side, image)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    size = (settings.image_size, settings.image_size)
    box = (left, top, left + side, top + side)
    return FaceImage(_with_contrast(image.resize(size, Image.Resampling.LANCZOS, box=box)))


def crop_face(image: Image.Image, face: Detections, settings: FeatureSettings) -> FaceImage:
    """Returns the crop whose eyes and mouth are at `aligned_points`.

    Args:
      image: RGB picture.
      face: one face in it, in pixels.
      settings: size, crop and places of the points.

    Raises:
      MediaError: too_small or blank.
    """
    to_crop = _fit(face, settings)
    _check_side(settings.image_size / to_crop.scale, image)
    crop = resample(image, to_crop, settings.image_size)
    found = face.scaled(1 / image.width, 1 / image.height)
    detected = DetectedFace(found.boxes[0], found.points[0], float(found.scores[0]))
    return FaceImage(_with_contrast(crop), detected)


def find_faces(image: Image.Image, settings: FeatureSettings) -> Detections:
    """Returns the faces of a picture in its pixels, small ones only where there are no others.

    Raises:
      DetectorError, WeightsError: the face detector cannot run.
    """
    found = face_detection.detect_faces(image, thorough=settings.several_faces == "reject")
    return found if len(found) else face_detection.detect_small_faces(image)


def largest_face(found: Detections) -> Detections:
    """Returns the one of some faces with the largest box."""
    areas = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1)
    return found[[int(areas.argmax())]]


def _extract_detected(source: SharedImage, settings: FeatureSettings) -> FaceImage:
    """Returns the face of an image file.

    A large JPEG is decoded at a reduced size to search the face, and then with as many pixels as
    the crop needs.
    """
    found = source.find_faces(thorough=settings.several_faces == "reject")
    image, face = found.image, _select(found.faces, found.image, settings)
    oversampling = 1 / _fit(face, settings).scale
    if found.is_reduced and oversampling < DECODE_OVERSAMPLING:
        enough_px = min(image.size) * DECODE_OVERSAMPLING / oversampling
        larger = source.decode(math.ceil(enough_px))
        face = face.scaled(larger.width / image.width, larger.height / image.height)
        image = larger
    return crop_face(image, face, settings)


def _with_contrast(face: Image.Image) -> NDArray[np.uint8]:
    """Returns the pixels of a face.

    Raises:
      MediaError: blank.
    """
    pixels = np.asarray(face)
    if not _has_contrast(pixels):
        mean, contrast = _luminance_statistics(face)
        if contrast < MIN_CONTRAST:
            raise MediaError(
                Reason.BLANK, f"luminance is {mean:.0f} of 255, give or take {contrast:.1f}"
            )
    return pixels


def _fit(face: Detections, settings: FeatureSettings) -> Similarity:
    """Returns the similarity from an image to the crop of a face."""
    places = crop_places(
        np.reshape(settings.aligned_points, (3, 2)), settings.face_crop, settings.image_size
    )
    try:
        return fit_similarity(face.points[0, ALIGNED], places)
    except ValueError as error:
        raise MediaError(Reason.TOO_SMALL, f"eyes and mouth: {error}") from None


def _select(found: Detections, image: Image.Image, settings: FeatureSettings) -> Detections:
    """Returns the face to crop."""
    if not len(found):
        raise MediaError(Reason.NO_FACE, f"no face in {image.width} x {image.height} pixels")
    if len(found) > 1 and settings.several_faces == "reject":
        raise MediaError(Reason.SEVERAL_FACES, f"{len(found)} faces")
    return largest_face(found)


def _check_side(side: float, image: Image.Image) -> None:
    """Checks that a crop has enough pixels."""
    if side < MIN_CROP_PX:
        raise MediaError(
            Reason.TOO_SMALL,
            f"{image.width} x {image.height} pixels leave a crop of "
            f"{counted(round(side), 'pixel')}",
        )


def crop_expected_face(image: Image.Image, settings: FeatureSettings) -> NDArray[np.uint8]:
    """Returns the aligned crop of a face at the mean place in VoxCeleb's crops.

    Args:
      image: RGB picture, one of VoxCeleb's crops.
      settings: size and `aligned_points`.

    Raises:
      MediaError: too_small.
    """
    side = min(image.size)
    corner = (np.array(image.size) - side) / 2
    points = np.zeros((1, len(POINT_NAMES), 2), np.float32)
    points[0, ALIGNED] = corner + side * np.reshape(ALIGNED_POINTS, (3, 2))
    to_crop = _fit(
        Detections(np.zeros((1, 4), np.float32), points, np.zeros(1, np.float32)), settings
    )
    _check_side(settings.image_size / to_crop.scale, image)
    return np.asarray(resample(image, to_crop, settings.image_size))


def _has_contrast(pixels: NDArray[np.uint8]) -> bool:
    """Returns True if a sample of the pixels proves MIN_CONTRAST, at a third of the cost.

    One pixel in n x n is at least 1 / n**2 of all pixels, so the variance of all is at least that
    share of the variance of the sample, and the deviation at least 1 / n of its deviation. Half a
    level is added for rounding.
    """
    sample = (pixels[::SAMPLE_STEP, ::SAMPLE_STEP] @ LUMINANCE).ravel()
    mean = sample.mean()
    variance = sample @ sample / len(sample) - mean**2
    return bool(variance > (SAMPLE_STEP * (MIN_CONTRAST + 0.5)) ** 2)


def _luminance_statistics(face: Image.Image) -> tuple[float, float]:
    """Returns mean and standard deviation of the luminance, of 255, from its histogram."""
    pixels, total, squares = (POWERS @ face.convert("L").histogram()).tolist()
    return total / pixels, math.sqrt(pixels * squares - total**2) / pixels
