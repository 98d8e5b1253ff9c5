"""A tiny corpus of photographs, clips and videos, with what detectors look for."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from facevoice.sample_corpus.channels import clip_wav
from facevoice.sample_corpus.people import PEOPLE
from tests.beam_pipelines.test_face_detector import write_photograph
from tests.videos import write_video

RATE_HZ = 16_000
# After the flags of a small build, which they replace.
DETECTORS = [
    "--face_detector=blazeface",
    "--voice_activity=silero",
    "--window_seconds=1",
    "--num_shards=4",
]


@dataclass(frozen=True)
class MediaCorpus:
    """Trees of `--faces`, `--audio` and `--videos`."""

    root: Path

    @property
    def flags(self) -> list[str]:
        return [
            *(f"--{name}={self.root / name}" for name in ("faces", "audio", "videos")),
            *DETECTORS,
        ]


def write_media_corpus(root: Path, videos: int = 2) -> MediaCorpus:
    """Writes two people with photographs, clips and some videos each."""
    noise = np.random.default_rng(0)
    for number, person in enumerate(("Ann Lee", "Bén")):
        voice = soundfile.read(
            io.BytesIO(clip_wav(PEOPLE[number].voice, number, 0, 0)), dtype="float32"
        )[0]
        pause = noise.normal(0, 0.02, RATE_HZ).astype(np.float32)
        for session in range(3):
            photograph = root / "faces" / person / f"visit {session}" / "foto №1.jpg"
            write_photograph(photograph, [number] if session < 2 else [], session)
            clip = root / "audio" / person / f"visit {session}" / "talk.wav"
            clip.parent.mkdir(parents=True)
            soundfile.write(clip, np.concatenate([pause, voice * (1 - session / 9)]), RATE_HZ)
        for video in range(videos):
            picture = root / "frame.png"
            write_photograph(picture, [number], 10 + video)
            with Image.open(picture) as opened:
                pixels = np.asarray(opened.convert("RGB"))
            picture.unlink()
            sound = np.concatenate([voice[: 2 * RATE_HZ], pause]) * (1 - video / 9)
            write_video(
                root / "videos" / person / f"film №{video} é{('.mp4', '.mkv')[video % 2]}",
                3.0,
                frames_per_second=2,
                picture_at=lambda _, pixels=pixels: pixels,
                sound_at=lambda times, sound=sound: sound[: len(times)].astype(np.float32),
            )
    return MediaCorpus(root)
