"""Removes a person from a gallery: `facevoice forget --gallery G --name Ann`.

The name and the embeddings are removed from every file of the gallery. Media files, backups and
copies of the gallery are not changed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from facevoice.commands.gallery_flags import add_gallery_flag, name
from tfdata.command_line import Parser, run, say
from tfdata.text import agree, counted, spelling


def main(argv: Sequence[str] | None = None, prog: str = "facevoice forget") -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog=prog, description=__doc__)
    add_gallery_flag(parser)
    parser.add_argument(
        "--name", type=name, required=True, metavar="NAME", help="name of the person"
    )
    args = parser.parse(argv)
    return run(lambda: _forget(args))


def _forget(args: argparse.Namespace) -> None:
    from facevoice.gallery.gallery import Gallery
    from facevoice.gallery.media import sample_counts
    from facevoice.gallery.store import change_gallery

    removed: dict[str, int] = {}

    def forget(gallery: Gallery) -> Gallery:
        removed.update(gallery.people.get(args.name, {}))
        return gallery.forget(args.name)

    gallery = change_gallery(args.gallery, forget)
    say(
        f"Removed {args.name} ({sample_counts(removed)}) from {args.gallery}; the gallery has "
        f"{counted(len(gallery.people), 'person', 'people')}."
    )
    others = [source.media for each in gallery.samples.values() for source in each.sources]
    if mentions := sum(spelling(args.name) in spelling(media) for media in others):
        say(
            f"Note: {counted(mentions, 'path')} of other people's media in the gallery "
            f"{agree(mentions, 'contains', 'contain')} the name {args.name}."
        )
