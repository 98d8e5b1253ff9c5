from __future__ import annotations

import pickle

import pytest

from facevoice.features import MediaError, Reason


def test_values_are_those_of_the_dataset_format():
    assert [reason.value for reason in Reason] == [
        "unreadable",
        "too_large",
        "too_small",
        "blank",
        "no_face",
        "several_faces",
        "no_track",
        "no_video",
        "no_audio",
        "too_short",
        "sample_rate",
        "not_finite",
        "silent",
        "no_speech",
    ]


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_equal_to_its_value_and_has_a_description(reason):
    assert reason == reason.value == str(reason)
    assert Reason(reason.value) is reason
    assert len(Reason(reason.value).description) > 10
    assert not reason.description.endswith(".")


@pytest.mark.parametrize("reason", Reason)
def test_a_media_error_survives_pickling(reason):
    error = pickle.loads(pickle.dumps(MediaError(reason, "why")))
    assert error.reason is reason
    assert error.reason.description == reason.description
    assert str(error) == f"{reason.value}: why"
