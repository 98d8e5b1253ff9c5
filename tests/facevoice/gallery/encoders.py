"""Encoders without weights, for the tests."""

from __future__ import annotations

from facevoice.encoders.base import EncoderInfo
from facevoice.features import FeatureSettings


class Pixels:
    """Embeds a face as its pixels."""

    info = EncoderInfo(f"{__name__}:Pixels", "1", "f" * 64, 768, "image")
    features = FeatureSettings(image_size=16)

    def __call__(self, image):
        return image.ravel() - image.mean()


class Waveform:
    """Embeds a window as its first samples."""

    info = EncoderInfo(f"{__name__}:Waveform", "1", "e" * 64, 400, "audio")
    sample_rate_hz = 16000

    def __call__(self, samples):
        return samples[:400]


class OtherPixels(Pixels):
    """The same with other weights."""

    info = EncoderInfo(f"{__name__}:OtherPixels", "1", "d" * 64, 768, "image")


FLAGS = [f"--face_encoder={Pixels.info.name}", f"--voice_encoder={Waveform.info.name}"]
