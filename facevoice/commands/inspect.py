"""Shows the contents of a dataset: `facevoice inspect DIR`.

Without flags, it prints splits, counts and settings. --key, or --split with --index, shows one
example. --person lists the examples of one person. --stats reads the whole dataset and prints
statistics of each split and anomalies, such as blank faces, silent clips and duplicates.

--export writes files to a directory:

  one example  face.png and spectrogram.png, in original pixels, example.png, with axes, and
               example.html, a page; with --audio, the page plays the audio of the spectrogram,
               which is also voice.wav;
               with --faces also original.jpg, the picture with the detected face;
               with --augment also augmented.png, the example as augmented in the first epochs
  --person     person.png, and person.html, a page, which plays the audio with --audio;
               with --faces also originals.png, the pictures with the detected faces
  --stats      stats.png

The dataset is not changed. The exit code is 0 even if there are anomalies; 'facevoice check DIR'
checks a dataset.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from facevoice.inspection import text
from facevoice.inspection.examples import (
    NotFoundError,
    StoredExample,
    by_key,
    example_at,
    find_person,
    spread,
    walk_examples,
)
from tfdata.command_line import Parser, fail, run, say
from tfdata.flag_types import local_path, path_or_address, seed
from tfdata.manifest import Manifest
from tfdata.manifest_reader import is_rebuilt, load_manifest
from tfdata.schema import SPLITS
from tfdata.storage.base import is_address
from tfdata.text import listed, readable

LISTED = 8  # examples per person and split


def main(argv: Sequence[str] | None = None, prog: str = "python -m tfdata.inspect") -> int:
    """Runs the command; returns its exit code."""
    args = _parse(argv, prog)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # some terminals lack block characters
    # Before TensorFlow is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return run(lambda: _inspect(args), needs_training_packages="drawing figures")


def _inspect(args: argparse.Namespace) -> int:
    manifest = load_manifest(args.data_dir)
    if args.shows == "overview":
        _show(text.overview(args.data_dir, manifest))
        say("", "Use --person, --key or --index to show examples, --stats to find anomalies.")
        return 0
    if is_address(args.data_dir):
        return fail(f"Examples are read from local disks only; copy {args.data_dir} first.")
    args.data_dir = Path(args.data_dir)
    if args.export:
        _make_export_dir(args.export)
    show = {"person": _show_person, "stats": _show_stats, "example": _show_example}
    show[args.shows](args, manifest)
    if is_rebuilt(args.data_dir, manifest):
        say("", f"Note: {args.data_dir} was rebuilt meanwhile; this is the earlier build.")
    return 0


def _show(lines: str) -> None:
    say(*lines.split("\n"))


def _parse(argv: Sequence[str] | None, prog: str) -> argparse.Namespace:
    """Parses the flags, and sets `shows` to overview, example, person or stats."""
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument(
        "data_dir",
        type=path_or_address,
        metavar="DIR",
        help="dataset directory; a URL is accepted without further flags",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--key", metavar="KEY", help="show the example with this key or unique prefix"
    )
    which.add_argument(
        "--index",
        type=_index,
        metavar="N",
        help="show the example at this position of --split, from 0, in stored order",
    )
    which.add_argument("--person", metavar="NAME", help="list the examples of a person")
    which.add_argument(
        "--stats", action="store_true", help="print statistics and anomalies of all splits"
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        help="split of --index (default: train), or the only split to search for --key or --person "
        "(default: all splits)",
    )
    parser.add_argument(
        "--augment",
        action="store_true",
        help="draw augmented versions of the example (default example: train 0)",
    )
    parser.add_argument(
        "--seed",
        type=seed,
        metavar="N",
        help="random seed of the augmentation, as in training (default: 0)",
    )
    parser.add_argument(
        "--export", type=local_path, metavar="DIR", help="directory to write figures to"
    )
    parser.add_argument(
        "--audio",
        type=local_path,
        metavar="DIR",
        help="directory of clips or of videos of the build, to play or export the audio of "
        "examples",
    )
    parser.add_argument(
        "--faces",
        type=local_path,
        metavar="DIR",
        help="directory of images or of videos of the build, to draw detected faces on the "
        "originals",
    )
    args = parser.parse(argv)
    args.shows = "overview"
    if args.person is not None or args.stats:
        args.shows = "stats" if args.stats else "person"
    elif args.key is not None or args.index is not None or args.split or args.augment:
        args.shows = "example"
    if args.stats and args.split:
        parser.error("--stats covers all splits; omit --split.")
    if args.augment and args.shows != "example":
        parser.error("--augment needs one example; use --key or --index.")
    if args.shows == "overview" and args.export:
        parser.error("--export needs one of --key, --index, --person and --stats.")
    if args.augment and not args.export:
        parser.error("--augment draws a figure and needs --export DIR.")
    if args.seed is not None and not args.augment:
        parser.error("--seed needs --augment.")
    if args.audio and not (args.export and args.shows in ("example", "person")):
        parser.error("--audio needs --export and one of --key, --index and --person.")
    if args.faces and not (args.export and args.shows in ("example", "person")):
        parser.error("--faces needs --export and one of --key, --index and --person.")
    return args


def _show_example(args: argparse.Namespace, manifest: Manifest) -> None:
    data_dir: Path = args.data_dir
    if args.key is not None:
        splits = (args.split,) if args.split else SPLITS
        example = by_key(_walk(data_dir, manifest, splits), args.key)
    else:
        example = example_at(data_dir, manifest, args.split or "train", args.index or 0)
    _show(text.example(example, manifest))
    if not args.export:
        also = ", and with --faces DIR its original" if example.face is not None else ""
        say("", f"--export DIR writes its figures, and with --audio DIR its audio{also}.")
        return
    from facevoice.inspection import export

    names = ["face.png", "spectrogram.png", "example.png", "example.html"]
    export.write_example(args.export, example, manifest)
    title = f"{readable(example.identity)}, {example.place}"
    export.write_page(args.export / "example.html", title, [example], manifest, args.audio)
    if args.augment:
        export.write_augmented(args.export, example, manifest, args.seed or 0)
        names.append("augmented.png")
    message = ""
    if args.audio:
        message = " " + export.write_sound(args.export, example, manifest, args.audio)
        names.append("voice.wav")
    if args.faces:
        export.write_original(args.export, example, args.faces)
        names.append("original.jpg")
    say("", f"{listed(names)} are in {args.export}.{message}")


def _show_person(args: argparse.Namespace, manifest: Manifest) -> None:
    identity = find_person(manifest, args.person)
    splits = (args.split,) if args.split else SPLITS
    examples: list[StoredExample] = []
    for split in splits:
        of_split = _walk(args.data_dir, manifest, (split,))
        theirs = (example for example in of_split if example.identity == identity)
        pairs = manifest.people[identity].pairs[split]
        examples += spread(itertools.islice(theirs, pairs), LISTED)
    if not examples:
        raise NotFoundError(f"{identity} has no {listed(splits, 'or')} pairs.")
    _show(text.person(identity, manifest, splits, examples))
    if not args.export:
        say("", "--export DIR draws these examples; --split and --index show one of them.")
        return
    from facevoice.inspection import export

    export.write_sheet(args.export, examples, manifest)
    page = args.export / "person.html"
    export.write_page(page, readable(identity), examples, manifest, args.audio)
    names = ["person.png", "person.html"]
    if args.faces:
        export.write_originals(args.export, examples, args.faces)
        names.append("originals.png")
    say("", f"{listed(names)} are in {args.export}.")


def _show_stats(args: argparse.Namespace, manifest: Manifest) -> None:
    from facevoice.inspection.survey import Survey
    from facevoice.inspection.survey_text import survey_text

    survey = Survey(manifest)
    for example in _walk(args.data_dir, manifest, SPLITS):
        survey.add(example)
    at = partial(example_at, args.data_dir, manifest)
    _show(survey_text(survey, lambda split, index: at(split, index).key))
    if args.export:
        from facevoice.inspection import export

        export.write_levels(args.export, survey, manifest)
        say("", f"stats.png is in {args.export}.")


def _walk(data_dir: Path, manifest: Manifest, splits: Sequence[str]) -> Iterator[StoredExample]:
    """Yields the examples of some splits, with a progress bar on a terminal."""
    total = sum(manifest.splits[split].pairs for split in splits)
    examples = walk_examples(data_dir, manifest, splits)
    yield from tqdm(examples, total=total, unit="pair", leave=False, disable=None)


def _make_export_dir(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotFoundError(f"--export {folder} cannot be created: {error.strerror}.") from None


def _index(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"is {text!r}; use a whole number of 0 or more")
    return int(text)
