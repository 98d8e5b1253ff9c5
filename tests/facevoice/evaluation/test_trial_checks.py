"""People and repeated trials in lists of trials."""

from __future__ import annotations

from unicodedata import normalize

import numpy as np
import pytest

from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.trial_checks import (
    TrialCounts,
    count_label_conflicts,
    count_trials,
    find_people,
)
from facevoice.evaluation.trials import locate, read_trials

KNOWN = {"id10001": "Ann", "Ann": "Ann", "id10002": "Bob_B", "Bob_B": "Bob_B"}
FILES = ["id10001/v/1.wav", "id10001/w/2.wav", "id10270/x/3.wav", "id10271/y/4.wav"]
PEOPLE = ["Ann", "Ann", "id10270", "id10271"]


@pytest.mark.parametrize("prefix", ["", "wav/", "/data/vox1/wav/", "./", "../test/wav//"])
def test_trained_people_are_found_below_any_directories(prefix):
    assert find_people([prefix + file for file in FILES], KNOWN) == PEOPLE


def test_people_and_files_may_be_in_either_unicode_form(tmp_path):
    one, other = (normalize(form, "José/é/1.wav") for form in ("NFC", "NFD"))
    known = {"José": "José"}
    assert find_people([other, "Zoe/v/2.wav"], known) == ["José", "Zoe"]
    same = np.array([True, True])
    counts = count_trials(same, np.array([0, 1]), np.array([2, 2]), [one, other, "Zoe/v/2.wav"])
    assert counts.repeated == 1
    (tmp_path / other).parent.mkdir(parents=True)
    (tmp_path / other).touch()
    assert locate(tmp_path, one) == tmp_path / other
    assert locate(tmp_path, "missing/é.wav") == tmp_path / "missing/é.wav"


def test_directories_may_differ():
    files = ["dev/wav/" + file for file in FILES[:2]] + ["/test/" + file for file in FILES[2:]]
    assert find_people(files, KNOWN) == PEOPLE


def test_utterances_of_kaldi_begin_with_the_person():
    files = [file.replace("/", "-").removesuffix(".wav") for file in FILES]
    assert find_people(files, KNOWN) == PEOPLE


def test_other_names_are_at_the_place_of_trained_people():
    files = ["faces/Ann/1.6/v/1.jpg", "faces/Cem/1.6/v/2.jpg", "faces/Bob_B/1.6/w/3.jpg", "4.jpg"]
    assert find_people(files, KNOWN) == ["Ann", "Cem", "Bob_B", ""]


@pytest.mark.parametrize(
    "files", [["a.wav", "b.wav"], ["Cem/v/1.wav", "Dan/w/2.wav"], ["p1/1.wav", "p2/2.wav"]]
)
def test_people_of_paths_without_known_names_are_not_known(files):
    assert find_people(files, KNOWN) == ["", ""]


def test_people_with_ids_like_those_of_the_run_are_not_trained():
    assert find_people(FILES[2:], KNOWN) == PEOPLE[2:]


def trials(text):
    rows = [line.split() for line in text.split(";")]
    files = list(dict.fromkeys(file for _, *pair in rows for file in pair))
    same, first, second = np.array(
        [[label == "1", *map(files.index, pair)] for label, *pair in rows], np.int64
    ).T
    return same.astype(bool), first, second, files


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("1 a b;0 a c", TrialCounts(0, 0, 0, 0)),
        ("1 a b;0 a c;1 a b;1 a b", TrialCounts(2, 0, 0, 0)),
        ("1 a b;0 a c;1 b a", TrialCounts(1, 1, 0, 0)),
        ("1 a b;0 a c;0 a b", TrialCounts(1, 0, 1, 0)),
        ("1 a b;0 a c;0 b a;1 c a", TrialCounts(2, 2, 2, 0)),
        ("1 a a;0 a c", TrialCounts(0, 0, 0, 1)),
        ("1 d/a b;0 a c;1 d/./a b", TrialCounts(1, 0, 0, 0)),
    ],
)
def test_repeated_mirrored_contradicting_and_trivial_trials_are_counted(text, counts):
    assert count_trials(*trials(text)) == counts


def test_labels_that_contradict_the_people_are_counted():
    same, first, second, files = trials("1 p/a p/b;0 p/a q/c;1 p/b q/c;0 q/c x")
    people = ["p", "p", "q", ""]
    assert files == ["p/a", "p/b", "q/c", "x"]
    assert count_label_conflicts(same, first, second, people) == 1
    assert count_label_conflicts(~same, first, second, people) == 2


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: path.mkdir(), "Is a directory."),
        (lambda path: path.write_bytes(b"\xff\xfe1"), "it is not UTF-8 text; save it as UTF-8."),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, write, reason):
    path = tmp_path / "trials.txt"
    write(path)
    with pytest.raises(EvaluationError) as error:
        read_trials(path)
    assert str(error.value) == f"--trials {path} cannot be read: {reason}"


def test_a_list_at_the_url_of_a_server_is_refused():
    with pytest.raises(EvaluationError, match=r"it names a bucket or server.* hdfs://bucket/table"):
        read_trials("hdfs://trials.txt")


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_list_is_said_to_be_empty(tmp_path, text):
    path = tmp_path / "trials.txt"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=rf"^--trials {path} is empty; "):
        read_trials(path)
