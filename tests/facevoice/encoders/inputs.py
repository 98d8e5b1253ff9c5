"""Inputs of the reference embeddings in tests/fixtures/encoders."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.people import PEOPLE

REFERENCES = Path(__file__).parents[2] / "fixtures" / "encoders" / "references.npz"
SECONDS = (1.0, 3.0, 7.3)


@cache
def references(kind):
    with np.load(REFERENCES) as file:
        return file[kind]


@cache
def drawn_face(person):
    """The whole image of a person of the sample corpus, uint8 [150, 150, 3]."""
    image = Image.open(io.BytesIO(face_jpeg(PEOPLE[person].face, person, 0, 0)))
    return np.asarray(image.convert("RGB").resize((150, 150)))


def sound(seconds):
    """A voice-like sound: 20 harmonics of a gliding pitch, in syllables, and some noise."""
    time = np.arange(round(seconds * 16000)) / 16000
    phase = 2 * np.pi * (120 * time + 15 * np.sin(2 * time))
    harmonics = sum(np.sin(n * phase) / n for n in range(1, 21))
    noise = np.random.default_rng(0).normal(0, 0.05, len(time))
    return (0.02 * (harmonics * (1 + np.sin(20 * time)) + noise)).astype(np.float32)
