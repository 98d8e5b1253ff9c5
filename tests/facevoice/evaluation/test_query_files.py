"""Folders of media that predictions and galleries are asked for."""

from __future__ import annotations

import pytest

from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.query_files import files_below
from facevoice.features.file_types import IMAGE_SUFFIXES


@pytest.fixture
def write(tmp_path):
    def run(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return str(tmp_path)

    return run


def test_copies_in_helper_folders_are_not_media(write):
    folder = write(
        "b/0.JPG",
        "a.jpg?152",
        "c.png%3Fw=1",
        ".ipynb_checkpoints/a-checkpoint.jpg",
        "b/@eaDir/0.jpg/thumb.jpg",
        "b/@__thumb/0.jpg",
        "found.000/0.jpg",
        "._a.jpg",
        ".DS_Store",
        "notes.TXT?2",
        "README",
    )
    media, note = files_below("--face", folder, IMAGE_SUFFIXES)
    assert media == [f"{folder}/{name}" for name in ("a.jpg?152", "b/0.JPG", "c.png%3Fw=1")]
    assert note == (
        f"--face {folder}: 6 other files were ignored, by extension: hidden 4, none 1, .txt 1."
    )


def test_a_folder_without_media_is_an_error(write):
    folder = write("a.txt")
    with pytest.raises(EvaluationError, match=r"\(1 other file was ignored, by extension: .txt 1"):
        files_below("--face", folder, IMAGE_SUFFIXES)
