"""Names and random generators of the sample corpus's files.

Each image and each clip has its own generator, seeded by (version, stream, person, video, item).
Its bytes therefore do not depend on the order or the process in which files are written. Nothing
here may depend on `hash()`, the clock or the order of a directory listing.
"""

from typing import Final

import numpy as np

CORPUS_VERSION: Final = 1
"""Must be raised with every change of bytes: corpora of other versions are written anew."""

VIDEOS_PER_PERSON: Final = 9
ITEMS_PER_VIDEO: Final = 5
"""Images per video, and clips per video."""

STREAM_NAMES: Final = 1
STREAM_SCENE: Final = 2
STREAM_FRAME: Final = 3
STREAM_CHANNEL: Final = 4
STREAM_SPEECH: Final = 5
STREAM_HAIR: Final = 6
STREAM_SKIN: Final = 7

FRAME_STEP: Final = 25
"""Difference of consecutive frame numbers: one frame per second at 25 frames per second."""

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def generator(stream: int, *key: int) -> np.random.Generator:
    """Returns a new generator seeded by `stream` and `key`."""
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence([CORPUS_VERSION, stream, *key]))
    )


def video_id(person: int, video: int) -> str:
    """Returns a random video id of 11 characters in YouTube's alphabet.

    Some begin with `-`, like real ones, to reveal programs that take a path for an option.
    """
    letters = generator(STREAM_NAMES, person, video).integers(len(_ALPHABET), size=11)
    name = "".join(_ALPHABET[i] for i in letters)
    return "-" + name[1:] if (person + 3 * video) % 16 == 0 else name


def face_file(person: int, video: int, item: int) -> str:
    """Returns an image's name such as `0000325.jpg`: the frame number, from a random start."""
    first = int(generator(STREAM_NAMES, person, video, 1).integers(1, 40))
    return f"{(first + item) * FRAME_STEP:07d}.jpg"


def clip_file(item: int) -> str:
    """Returns a clip's name: `00001.wav` for item 0."""
    return f"{item + 1:05d}.wav"
