"""Enrols people in a gallery: `facevoice enroll --gallery G --name Ann --face ann/*.jpg`.

A gallery is a directory with the embeddings of people's faces and voices, by pretrained encoders.
It is created if there is none. Nothing is trained. Enrolling a name again adds samples; files with
the same content are skipped.

--data enrols all people of a dataset that was built with --face_encoder or --voice_encoder.

If a file cannot be used, nothing is enrolled and the exit code is 1, unless --skip_unusable is
given.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from facevoice.commands.gallery_flags import add_gallery_flag, add_media_flags, name
from tfdata.command_line import Parser, fail, run, say
from tfdata.flag_types import path_or_address
from tfdata.schema import SPLITS
from tfdata.text import agree, counted

if TYPE_CHECKING:  # imports libraries that take a second
    from facevoice.gallery.gallery import Gallery, Samples


def main(argv: Sequence[str] | None = None, prog: str = "facevoice enroll") -> int:
    """Runs the command; returns its exit code."""
    parser = _parser(prog)
    args = parser.parse(argv)
    if args.data is not None:
        if given := [flag for flag in ("name", "face", "audio") if getattr(args, flag)]:
            parser.error(f"--data enrols the people of a dataset; omit --{given[0]}.")
    elif args.split is not None:
        parser.error("--split needs --data.")
    elif args.name is None:
        parser.error("no person is given; use --name NAME, or --data for those of a dataset.")
    elif not args.face and not args.audio:
        parser.error("no files are given; use --face, --audio, or both.")
    return run(lambda: _enroll_dataset(args) if args.data else _enroll(args))


def _parser(prog: str) -> Parser:
    parser = Parser(prog=prog, description=__doc__)
    add_gallery_flag(parser)
    parser.add_argument("--name", type=name, metavar="NAME", help="name of the person")
    add_media_flags(parser)
    parser.add_argument(
        "--data",
        type=path_or_address,
        metavar="DIR",
        help="dataset directory or URL, of which all people are enrolled",
    )
    parser.add_argument(
        "--split", choices=SPLITS, help="split of --data to enrol (default: all of them)"
    )
    parser.add_argument(
        "--skip_unusable",
        action="store_true",
        help="enrol the other files if some cannot be used",
    )
    return parser


def _enroll(args: argparse.Namespace) -> int:
    from facevoice.features.native_output import without_native_stderr
    from facevoice.gallery.gallery import AUDIO, IMAGE
    from facevoice.gallery.media import choose_encoder, embed_samples, expand
    from facevoice.gallery.store import existing_gallery

    known = existing_gallery(args.gallery)
    new, unusable = {}, []
    for modality, paths, encoder_name in (
        (IMAGE, args.face, args.face_encoder),
        (AUDIO, args.audio, args.voice_encoder),
    ):
        if not paths:
            continue
        encoder = choose_encoder(known, modality, encoder_name)
        files, notes = expand(modality, paths)
        for note in notes:
            say(note, file=sys.stderr)
        with without_native_stderr():
            new[modality], errors = embed_samples(args.name, files, encoder)
        unusable += errors
    for error in unusable:
        fail(str(error))
    if unusable and (not args.skip_unusable or not any(map(len, new.values()))):
        return fail(
            f"{args.name} was not enrolled, as {counted(len(unusable), 'file')} cannot be used; "
            f"omit {agree(len(unusable), 'it', 'them')}, or use --skip_unusable."
        )
    _add(args.gallery, new, args.name)
    return 0


def _enroll_dataset(args: argparse.Namespace) -> None:
    from facevoice.gallery.media import dataset_samples
    from facevoice.gallery.store import existing_gallery
    from tfdata.local_copy import local_copy
    from tfdata.manifest_reader import load_manifest

    known = existing_gallery(args.gallery)
    data_dir = local_copy(args.data)
    manifest = load_manifest(data_dir)
    splits = [args.split] if args.split else SPLITS
    new = dataset_samples(data_dir, manifest, splits, known)
    people = len(set().union(*(each.names for each in new.values())))
    _add(args.gallery, new, counted(people, "person", "people"))


def _add(folder: Path, new: dict[str, Samples], who: str) -> None:
    """Adds samples to a gallery and prints what was added."""
    from facevoice.gallery.media import sample_counts
    from facevoice.gallery.store import change_gallery

    added: dict[str, int] = {}

    def enroll(gallery: Gallery) -> Gallery:
        added.update({m: sum(gallery.is_new(m, each)) for m, each in new.items()})
        return gallery.enroll(new)

    gallery = change_gallery(folder, enroll, create=True)
    say(f"Enrolled {who} in {folder}: {sample_counts(added)} added.")
    if skipped := sum(map(len, new.values())) - sum(added.values()):
        say(f"{counted(skipped, 'file')} with content that is already enrolled skipped.")
    say(f"The gallery has {counted(len(gallery.people), 'person', 'people')}.")
