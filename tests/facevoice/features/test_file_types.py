"""Extensions of media are those of the formats that the decoders read."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from facevoice.features import probe_audio
from facevoice.features.file_types import (
    AUDIO_SUFFIXES,
    IMAGE_SUFFIXES,
    LIBSNDFILE_SUFFIXES,
    has_suffix,
    suffix_of,
)

# Of libsndfile; `file_types` says why.
LEFT_OUT = {"HTK", "MAT4", "MAT5", "MPC2K", "RAW", "SD2"}
SUBTYPES = {"MP3": "MPEG_LAYER_III", "XI": "DPCM_16"}  # the default of others is possible
RATES_HZ = {"WVE": 8000}  # others take any


def test_each_format_of_libsndfile_has_extensions_or_a_reason_to_have_none():
    assert soundfile.available_formats().keys() == LIBSNDFILE_SUFFIXES.keys() | LEFT_OUT
    assert len(set(AUDIO_SUFFIXES)) == len(AUDIO_SUFFIXES)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [(kind, suffix) for kind, suffixes in LIBSNDFILE_SUFFIXES.items() for suffix in suffixes],
)
def test_files_with_these_extensions_are_read(tmp_path, kind, suffix):
    path = tmp_path / f"0{suffix}"
    rate_hz = RATES_HZ.get(kind, 16000)
    samples = np.random.default_rng(0).normal(0, 0.1, rate_hz)
    soundfile.write(path, samples, rate_hz, format=kind, subtype=SUBTYPES.get(kind))
    assert has_suffix(path.name, AUDIO_SUFFIXES)
    assert probe_audio(path).samples == rate_hz


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("x.JPG", ".jpg"),
        ("x.jpg?152", ".jpg"),
        ("x.jpg?a=b.c", ".jpg"),
        ("x.Jpeg%3Fw=3", ".jpeg"),
        ("what?.jpg", ""),
        (".jpg", ""),
        ("x.", ""),
        ("x", ""),
        ("a.tar.gz", ".gz"),
        ("x?y.jpg", ""),
    ],
)
def test_a_query_is_no_part_of_an_extension(name, suffix):
    assert suffix_of(name) == suffix


@pytest.mark.parametrize("name", ["x.jpg?152", "x.JPG%3f1", "what?.jpg", "x.png"])
def test_names_with_a_query_are_media(name):
    assert has_suffix(name, IMAGE_SUFFIXES)


@pytest.mark.parametrize("name", ["x.txt?152", "x.jpg.1", "jpg", "x.jpg@SynoEAStream"])
def test_other_names_are_not(name):
    assert not has_suffix(name, IMAGE_SUFFIXES)
