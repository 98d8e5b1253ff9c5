"""Samples of people of a dataset of videos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facevoice.gallery import media
from facevoice.gallery.gallery import IMAGE, Gallery
from tfdata import load_manifest
from tfdata.examples import Example
from tfdata.manifest import Encoder
from tfdata.schema import Embeddings


@pytest.mark.parametrize(("seconds", "expected"), [(0.5, [2**-0.5, 2**-0.5]), (None, [1.0, 0.0])])
def test_all_moments_of_a_video_are_one_sample(data_set, monkeypatch, seconds, expected):
    """Without a moment, the records are of one image file."""
    manifest = replace(load_manifest(data_set), encoders={IMAGE: Encoder("mine", "1", "d", 2)})
    face, voice = np.zeros((16, 16, 3), np.uint8), np.zeros((16, 8), np.uint8)
    examples = [
        Example(
            face,
            voice,
            *("Ann", "v", f"key {number}", "v.mp4", "v.mp4", 0),
            face_time_seconds=seconds,
            embeddings=Embeddings(np.eye(2, dtype=np.float32)[number], None),
        )
        for number in range(2)
    ]
    monkeypatch.setattr(media, "read_examples", lambda *_: examples)
    found = media.dataset_samples(Path("set"), manifest, ["train"], Gallery({}))
    np.testing.assert_allclose(found[IMAGE].embeddings, [expected], rtol=1e-6)
