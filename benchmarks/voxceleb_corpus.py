"""A corpus in the layout and with the numbers of VoxCeleb1, of small files.

`unzippedFaces/<name>/1.6/<video>/<frame>.jpg`, `wav/<id>/<video>/<number>.flac`, `vox1_meta.csv`
and `veri_test.txt`. All files are valid and distinct. Pixels and samples repeat: an image is one of
PICTURES pictures with another comment, a clip one of TONES tones of the person with another
application block. So decoding costs what small files cost, and accuracy has no meaning.
"""

from __future__ import annotations

import io
import os
import random
import struct
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

PEOPLE, VIDEOS, UTTERANCES = 1_251, 22_496, 153_516  # of VoxCeleb1
FRAMES = 53 * VIDEOS
TEST_PEOPLE, TRIALS = 40, 37_720
VIDEOS_OF_PERSON, FRAMES_OF_VIDEO, CLIPS_OF_VIDEO = (8, 36), (8, 160), (1, 24)
FIRST_ID, FIRST_TEST_ID = 10_001, 10_270
PICTURES, PICTURE_PX = 48, 64
TONES = 3  # of a person
SAMPLE_RATE_HZ, CLIP_SECONDS = 16_000, 3.1
FRAME_STEP = 25
_FLAC_HEADER_BYTES = 4 + 4 + 34  # magic, and the stream's facts with their own header
_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


@dataclass(frozen=True)
class Video:
    """Number of frames and clips of a video."""

    name: str
    frames: int
    clips: int


@dataclass(frozen=True)
class Person:
    """A person, and the videos."""

    number: int
    videos: tuple[Video, ...]

    @property
    def name(self) -> str:
        return f"Person_{self.number:04d}"

    @property
    def id(self) -> str:
        return f"id{FIRST_ID + self.number}"


@dataclass(frozen=True)
class Corpus:
    """Places of a corpus."""

    root: Path

    @property
    def faces(self) -> Path:
        return self.root / "unzippedFaces"

    @property
    def audio(self) -> Path:
        return self.root / "wav"

    @property
    def meta(self) -> Path:
        return self.root / "vox1_meta.csv"

    @property
    def trials(self) -> Path:
        return self.root / "veri_test.txt"


def plan_corpus(scale: float, seed: int) -> list[Person]:
    """Returns the people of a corpus of `scale` times VoxCeleb1's numbers."""
    rng = np.random.default_rng(seed)
    names = random.Random(seed)
    people = max(2, round(PEOPLE * scale))
    videos = uneven_parts(round(VIDEOS * scale), people, *VIDEOS_OF_PERSON, rng)
    total = sum(videos)
    frames = iter(uneven_parts(round(FRAMES * scale), total, *FRAMES_OF_VIDEO, rng))
    clips = iter(uneven_parts(round(UTTERANCES * scale), total, *CLIPS_OF_VIDEO, rng))
    return [
        Person(
            number,
            tuple(
                Video("".join(names.choices(_ID_LETTERS, k=11)), next(frames), next(clips))
                for _ in range(count)
            ),
        )
        for number, count in enumerate(videos)
    ]


def uneven_parts(
    total: int, parts: int, low: int, high: int, rng: np.random.Generator
) -> list[int]:
    """Returns `parts` random numbers from `low` to `high` whose sum is `total`."""
    numbers = np.full(parts, low)
    weights = rng.gamma(1.5, size=parts)
    while missing := total - numbers.sum():
        free = weights * (numbers < high)
        if missing < 0 or not free.any():
            raise ValueError(f"{total} cannot be divided into {parts} parts of {low} to {high}.")
        numbers = np.minimum(high, numbers + rng.multinomial(missing, free / free.sum()))
    return numbers.tolist()


def make_corpus(root: Path, people: list[Person], seed: int, processes: int) -> Corpus:
    """Writes a corpus into a new directory."""
    corpus = Corpus(root)
    root.mkdir(parents=True)
    if processes == 1:
        for person in people:
            _write_person(person, corpus)
    else:
        with ProcessPoolExecutor(processes) as pool:
            list(pool.map(_write_person, people, [corpus] * len(people), chunksize=8))
    rows = [
        f"{person.id}\t{person.name}\t{'mf'[person.number % 2]}\t"
        f"{('USA', 'UK', 'India', 'Norway')[person.number % 4]}\t"
        f"{'test' if person in _test_people(people) else 'dev'}\n"
        for person in people
    ]
    header = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"
    corpus.meta.write_text(header + "".join(rows))
    corpus.trials.write_text("".join(_trials(people, seed)))
    return corpus


def _test_people(people: list[Person]) -> list[Person]:
    first = FIRST_TEST_ID - FIRST_ID
    return people[first : first + TEST_PEOPLE] or people[: min(TEST_PEOPLE, len(people))]


def _trials(people: list[Person], seed: int) -> list[str]:
    """Returns lines of VoxCeleb's list of trials: same and different people in turns."""
    rng = random.Random(seed)
    clips = {
        person: [
            f"{person.id}/{v.name}/{i:05d}.flac" for v in person.videos for i in range(v.clips)
        ]
        for person in _test_people(people)
    }
    lines = []
    for number in range(round(TRIALS * len(people) / PEOPLE)):
        first, second = rng.sample(list(clips), 2)
        if number % 2 == 0:
            lines.append("1 {} {}\n".format(*rng.sample(clips[first], 2)))
        else:
            lines.append(f"0 {rng.choice(clips[first])} {rng.choice(clips[second])}\n")
    return lines


def _write_person(person: Person, corpus: Corpus) -> None:
    tones = [_tone(person.number, take) for take in range(TONES)]
    for index, video in enumerate(person.videos):
        folder = corpus.faces / person.name / "1.6" / video.name
        folder.mkdir(parents=True)
        for i in range(video.frames):
            picture = _pictures()[(7 * person.number + i) % PICTURES]
            content = with_comment(picture, f"{person.number} {index} {i}".encode())
            _write(f"{folder}/{i * FRAME_STEP:07d}.jpg", content)
        folder = corpus.audio / person.id / video.name
        folder.mkdir(parents=True)
        for i in range(video.clips):
            tone = tones[(index + i) % TONES]
            content = with_application(tone, f"{person.number} {index} {i}".encode())
            _write(f"{folder}/{i:05d}.flac", content)


def _write(path: str, content: bytes) -> None:
    """Writes a new file in half the time of Path.write_bytes."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(file, content)
    os.close(file)


@cache
def _pictures() -> list[bytes]:
    """Returns JPEGs of smooth random colours."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(PICTURES):
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        file = io.BytesIO()
        size = (PICTURE_PX, PICTURE_PX)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(file, "JPEG")
        found.append(file.getvalue())
    return found


def _tone(person: int, take: int) -> bytes:
    """Returns a FLAC file of a tone with harmonics, its pitch the person's."""
    rng = np.random.default_rng([person, take])
    seconds = np.arange(round(CLIP_SECONDS * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch_hz = 80 * 2 ** (person / 250)
    sound = rng.normal(scale=0.02, size=len(seconds))
    for harmonic in (1, 2, 3):
        sound += np.sin(2 * np.pi * (harmonic * pitch_hz * seconds + rng.random())) / harmonic
    file = io.BytesIO()
    samples = (rng.uniform(100, 300) * sound).round().astype(np.int16)
    soundfile.write(file, samples, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def with_comment(jpeg: bytes, text: bytes) -> bytes:
    """Returns a JPEG with a comment after its first marker."""
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", 2 + len(text)) + text + jpeg[2:]


def with_application(flac: bytes, text: bytes) -> bytes:
    """Returns a FLAC file with an application block after its first block."""
    content = b"test" + text
    block = b"\x02" + len(content).to_bytes(3, "big") + content
    if flac[4] & 0x80:  # the first block was the last one; no encoder here writes that
        raise ValueError("The FLAC file has one block only.")
    return flac[:_FLAC_HEADER_BYTES] + block + flac[_FLAC_HEADER_BYTES:]
