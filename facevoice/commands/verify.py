"""Tells whether two files or folders are of the same person: `facevoice verify A.jpg B.jpg`.

Each of A and B is a file, or a folder of one person's face images and clips. Faces are compared
with faces, and voices with voices. The score is the mean cosine of all pairs. If both have faces
and voices, each mean is expressed in standard deviations above the mean of different people, and
their sum is divided by the square root of 2. The threshold is the default of the encoder for
--false_accept_rate.

There is no liveness check: a photograph of a photograph, or a recording of a recording, passes.
'facevoice check' checks a dataset.

--json prints an object with same (true, false, or null without a threshold), score, threshold,
threshold_source, and modalities.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from facevoice.commands.encoder_flags import add_encoder_flags
from facevoice.commands.gallery_flags import add_rate_flag, media_file
from tfdata.command_line import Parser, run, say

if TYPE_CHECKING:
    from facevoice.gallery.gallery import Samples


def main(argv: Sequence[str] | None = None, prog: str = "facevoice verify") -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog=prog, description=__doc__)
    for each in ("A", "B"):
        parser.add_argument(
            each, type=media_file, help="a face image, a clip, or a folder of one person"
        )
    add_encoder_flags(parser)
    add_rate_flag(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, see above")
    args = parser.parse(argv)
    return run(lambda: _verify(args))


def _verify(args: argparse.Namespace) -> None:
    from facevoice.gallery.gallery import IMAGE, Gallery, GalleryError
    from facevoice.gallery.media import sample_counts
    from facevoice.gallery.thresholds import default_search, default_threshold

    one, other = (_samples(each, args) for each in ("A", "B"))
    modalities = tuple(each for each in one if each in other)
    if not modalities:
        raise GalleryError(
            f"{args.A} has {'faces' if IMAGE in one else 'clips'} and {args.B} has "
            f"{'faces' if IMAGE in other else 'clips'}, which cannot be compared; give both faces, "
            f"or both clips."
        )
    gallery = Gallery({each: one[each] for each in modalities})
    search = default_search(gallery, modalities)
    queries = {each: other[each].embeddings.mean(axis=0)[None] for each in modalities}
    score = float(search(queries)[0, 0])
    encoders = [one[each].encoder for each in modalities]
    threshold = default_threshold(encoders, args.false_accept_rate, 1, "")
    same = None if threshold.value is None else score > threshold.value
    if args.json:
        answer: dict[str, Any] = {"same": same, "score": score, "threshold": threshold.value}
        answer |= {"threshold_source": threshold.source, "modalities": list(modalities)}
        print(json.dumps(answer, indent=1))
        return
    counts = [sample_counts({m: len(each[m]) for m in modalities}) for each in (one, other)]
    words = {True: "the same person", False: "different people", None: "undecided"}
    say(f"{args.A} ({counts[0]}) and {args.B} ({counts[1]}): {words[same]}, score {score:.3f}.")
    say(threshold.describe())


def _samples(argument: str, args: argparse.Namespace) -> dict[str, Samples]:
    """Returns the samples of a file or a folder by modality; unusable files are errors."""
    from facevoice.features.native_output import without_native_stderr
    from facevoice.gallery.gallery import IMAGE, MODALITIES, Gallery
    from facevoice.gallery.media import choose_encoder, embed_samples, media_files

    path = getattr(args, argument)
    files, notes = media_files(argument, path)
    for note in notes:
        say(note, file=sys.stderr)
    found = {}
    for modality in MODALITIES:
        if modality in files:
            named = args.face_encoder if modality == IMAGE else args.voice_encoder
            encoder = choose_encoder(Gallery(), modality, named)
            with without_native_stderr():
                found[modality], errors = embed_samples(path, files[modality], encoder)
            if errors:
                raise errors[0]
    return found
