"""Identifies people of a gallery: `facevoice identify --gallery G --face photo.jpg`.

Each flag takes any number of files or folders. With both flags, the first face belongs to the first
clip, and so on, and folders are not accepted. Each face, clip or pair is one query, to which the
answer is a name, or 'unknown' if no score is above the threshold.

The score of a person for a face or a clip is the mean cosine with the person's samples. For a face
and a clip, each is expressed in standard deviations above the mean of other people, and their sum
is divided by the square root of 2. The threshold is computed from the scores of the gallery for
--false_accept_rate, or is the encoder's default if the gallery is small; the output says which.

There is no liveness check: a photograph of a photograph, or a recording of a recording, passes.

--json prints a list with one object per query, in the order of the files:

  face, audio       paths as given; null for a medium that was not given
  answer            name; null for an unknown person or after an error
  known             false for an unknown person; null after an error or without a threshold
  people            the --top nearest people: [{"name": ..., "score": ...}, ...]
  threshold         null if the gallery is small and the encoder has no default
  threshold_source  what the threshold was computed from
  error             why a file cannot be used; null without an error

The exit code is 1 if a file cannot be used; all other queries are answered.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from typing import Any

from facevoice.commands.answer_flags import add_answer_flags, check_pairs
from facevoice.commands.gallery_flags import add_gallery_flag, add_media_flags, add_rate_flag
from tfdata.command_line import Parser, fail, run, say
from tfdata.text import counted, listed


def main(argv: Sequence[str] | None = None, prog: str = "facevoice identify") -> int:
    """Runs the command; returns its exit code."""
    parser = _parser(prog)
    args = parser.parse(argv)
    if not args.face and not args.audio:
        parser.error("no files are given; use --face, --audio, or both.")
    check_pairs(parser, args.face, args.audio)
    return run(lambda: _identify(args))


def _parser(prog: str) -> Parser:
    parser = Parser(prog=prog, description=__doc__)
    add_gallery_flag(parser)
    add_media_flags(parser)
    add_rate_flag(parser)
    add_answer_flags(parser)
    return parser


def _identify(args: argparse.Namespace) -> int:
    from facevoice.evaluation.errors import UnusableError
    from facevoice.features.native_output import without_native_stderr
    from facevoice.gallery.gallery import AUDIO, IMAGE
    from facevoice.gallery.media import choose_encoder, embed_file, expand
    from facevoice.gallery.search import best_matches
    from facevoice.gallery.store import read_gallery
    from facevoice.gallery.thresholds import calibrate

    gallery = read_gallery(args.gallery)
    files: dict[str, list[str]] = {}
    encoders = {}
    for modality, paths, encoder_name in (
        (IMAGE, args.face, args.face_encoder),
        (AUDIO, args.audio, args.voice_encoder),
    ):
        if paths:
            files[modality], notes = expand(modality, paths)
            for note in notes:
                say(note, file=sys.stderr)
            encoders[modality] = choose_encoder(gallery, modality, encoder_name)
    search, threshold = calibrate(gallery, tuple(files), args.false_accept_rate)
    answers = []
    for face, audio in itertools.zip_longest(files.get(IMAGE, []), files.get(AUDIO, [])):
        answer: dict[str, Any] = {"face": face, "audio": audio, "answer": None, "known": None}
        answer |= {"people": [], "threshold": threshold.value}
        answer |= {"threshold_source": threshold.source, "error": None}
        answers.append(answer)
        media = {IMAGE: face, AUDIO: audio}
        try:
            with without_native_stderr():
                queries = {each: embed_file(media[each], encoders[each])[None] for each in files}
        except UnusableError as error:
            answer["error"] = str(error)
            fail(str(error))
            continue
        best = best_matches(search.names, search(queries)[0], args.top)
        answer["people"] = [{"name": name, "score": score} for name, score in best]
        if threshold.value is not None:
            answer["known"] = best[0][1] > threshold.value
            answer["answer"] = best[0][0] if answer["known"] else None
        if not args.json:
            say(*_lines(answer))
    if args.json:
        print(json.dumps(answers, indent=1))
    elif any(answer["people"] for answer in answers):
        people = counted(len(search.names), "person", "people")
        say(threshold.describe(f"among {people}"))
    return int(any(answer["error"] for answer in answers))


def _lines(answer: dict[str, Any]) -> list[str]:
    files = listed([answer[each] for each in ("face", "audio") if answer[each] is not None])
    if answer["known"] is None:
        text = "undecided, as there is no threshold"
    else:
        text = answer["answer"] or "unknown"
    people = (f"  {each['score']:7.3f}  {each['name']}" for each in answer["people"])
    return [f"{files}: {text}", *people]
