"""Tests of the types and ranges of feature settings."""

from __future__ import annotations

import re

import numpy as np
import pytest

from facevoice.features import FeatureSettings


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("image_size", "128", "`image_size` is '128'; use a whole number from 8 to 4096."),
        ("image_size", 128.0, "`image_size` is 128.0; use a whole number from 8 to 4096."),
        ("bands", True, "`bands` is True; use a whole number from 2 to 513."),
        ("window_seconds", "3", "`window_seconds` is '3'; use a number from 0.25 to 600."),
        ("window_seconds", None, "`window_seconds` is None; use a number from 0.25 to 600."),
        ("floor_db", False, "`floor_db` is False; use a number from -160 to -10."),
        ("trim_silence_db", "x", "`trim_silence_db` is 'x'; use a number from 1 to 120."),
        ("max_hz", "7600", "`max_hz` is '7600'; use a number from 0 to 96000."),
        ("frequency_scale", ["log"], "`frequency_scale` is ['log']; use 'log' or 'mel'."),
        ("face_detector", 3, "`face_detector` is 3; use 'none' or 'blazeface'."),
        (
            "face_detector",
            "BlazeFase",
            "`face_detector` is 'BlazeFase'; use 'none' or 'blazeface'. Did you mean 'blazeface'?",
        ),
        pytest.param("window_seconds", 10**400, "`window_seconds` is 1000", id="huge"),
        ("aligned_points", 0.5, "`aligned_points` needs six numbers"),
        ("aligned_points", ["a"] * 5 + ["b"], "`aligned_points` is 'a'; use a number from 0 to 1."),
    ],
)
def test_a_setting_of_another_type_is_one_clear_line(name, value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        FeatureSettings(**{name: value})


def test_numbers_of_numpy_are_accepted():
    settings = FeatureSettings(image_size=np.int64(64), floor_db=np.float32(-60), min_hz=60)
    assert settings.image_shape == (64, 64, 3)
