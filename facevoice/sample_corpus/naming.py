"""What every item of the sample corpus is called, and which random numbers belong to it.

Each face and each clip owns a generator keyed by whole numbers (version, stream, person, video,
item). So an item is the same bytes whoever makes it: first or last, alone or in a pool of workers.
Nothing here may depend on `hash()`, the clock or the order of a listing.
"""

from typing import Final

import numpy as np

CORPUS_VERSION: Final = 1
"""Raise it with every change that alters a byte: finished corpora of other versions are remade."""

VIDEOS_PER_PERSON: Final = 9
ITEMS_PER_VIDEO: Final = 5
"""Faces in a video, and clips in a video."""

STREAM_NAMES: Final = 1
STREAM_SCENE: Final = 2
STREAM_FRAME: Final = 3
STREAM_CHANNEL: Final = 4
STREAM_SPEECH: Final = 5
STREAM_HAIR: Final = 6
STREAM_SKIN: Final = 7

FRAME_STEP: Final = 25
"""Frames are named by their number in a film of 25 a second, one kept a second."""

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def generator(stream: int, *key: int) -> np.random.Generator:
    """The generator that belongs to `key` within `stream`, always in the same starting state."""
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence([CORPUS_VERSION, stream, *key]))
    )


def video_id(person: int, video: int) -> str:
    """An invented id of 11 characters in YouTube's alphabet.

    Some begin with `-`, as real ones do: a path that is taken for an option shows itself here.
    """
    letters = generator(STREAM_NAMES, person, video).integers(len(_ALPHABET), size=11)
    name = "".join(_ALPHABET[i] for i in letters)
    return "-" + name[1:] if (person + 3 * video) % 16 == 0 else name


def face_file(person: int, video: int, item: int) -> str:
    """`0000325.jpg`: the frame's number, in steps of 25 from a start of the video's own."""
    first = int(generator(STREAM_NAMES, person, video, 1).integers(1, 40))
    return f"{(first + item) * FRAME_STEP:07d}.jpg"


def clip_file(item: int) -> str:
    """`00001.wav` and on."""
    return f"{item + 1:05d}.wav"
