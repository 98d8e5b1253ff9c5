"""How many people an encoder has seen, by VoxCeleb's ids, and what reports say about it."""

from __future__ import annotations

import pytest

from facevoice.encoders.exposure import exposure
from facevoice.reports.leakage import exposure_sentence

IDS = [
    "id10001",
    "id10269",
    "id10270",
    "id10309",
    "id10310",
    "id11251",
    "id11252",
    "id00012",
    "Ann",
]


def counts(encoder, ids):
    found = exposure(encoder, "audio", ids)
    return found.seen, found.probable, found.unseen, found.people


def test_ids_tell_whom_an_encoder_has_seen():
    assert counts("ge2e", IDS) == (5, 0, 2, 9)
    assert counts("dlib_resnet", IDS) == (0, 6, 0, 9)
    assert counts("my.module:Own", IDS) == (0, 0, 0, 9)


def test_there_are_as_many_dev_and_test_people_as_voxceleb1_has():
    everyone = [f"id{number}" for number in range(10001, 11252)]
    assert counts("ge2e", everyone) == (1211, 0, 40, 1251)


@pytest.mark.parametrize(
    ("encoder", "ids", "text"),
    [
        (
            "ge2e",
            IDS,
            "By their ids, it has seen 5 and has not seen 2 of 9 people. Whether it has seen 2 "
            "others is not known. Metrics of people that an encoder has seen are optimistic.",
        ),
        ("ge2e", ["id10270"], "By their ids, it has not seen 1 of 1 person."),
        ("ge2e", ["Ann"], "VoxCeleb2. Whether it has seen 1 person is not known. Metrics of"),
        ("dlib_resnet", IDS[:3], "it has probably seen 3 of 3 people. Metrics of"),
        ("my.module:Own", IDS, "trained on is not known. It may have seen any of 9 people, so"),
    ],
)
def test_the_sentence_of_a_report(encoder, ids, text):
    sentence = exposure_sentence(exposure(encoder, "audio", ids))
    assert text in sentence
    assert sentence.startswith(("The encoder ", "What the encoder "))
