"""Galleries of random embeddings for the tests."""

from __future__ import annotations

import numpy as np

from facevoice.encoders.base import EncoderInfo
from facevoice.gallery.gallery import AUDIO, IMAGE, Gallery, Sample, Samples

ENCODERS = {
    IMAGE: EncoderInfo("faces", "1.0", "a" * 64, 64, IMAGE),
    AUDIO: EncoderInfo("voices", "2.0", "b" * 64, 24, AUDIO),
}


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def random_samples(counts, modality=IMAGE, seed=0, noise=0.5):
    """Samples of people around a random direction each.

    Args:
      counts: name to number of samples, sorted by name.
    """
    random = np.random.default_rng(seed)
    names = [name for name, count in counts.items() for _ in range(count)]
    dimension = ENCODERS[modality].dimension
    centres = unit(random.normal(size=(len(counts), dimension)))
    rows = np.repeat(centres, list(counts.values()), axis=0)
    embeddings = unit(rows + noise * unit(random.normal(size=rows.shape)))
    sources = tuple(
        Sample(f"/media/{modality}/{seed}/{row}", f"{seed:032x}{row:032x}", "2026-01-31T12:00:00Z")
        for row in range(len(names))
    )
    return Samples(ENCODERS[modality], tuple(names), sources, embeddings)


def random_gallery(people=4, count=3, seed=0, modalities=(IMAGE, AUDIO), noise=0.5):
    counts = {f"person {i:05}": count for i in range(people)}
    return Gallery(
        {each: random_samples(counts, each, seed + i, noise) for i, each in enumerate(modalities)}
    )
