"""Looks inside of a data set: `python -m tfdata.inspect DIR`.

Alone it says what there is: splits, counts, settings. An example is shown by --key, or by --split
and --index; somebody's examples are listed by --person. --stats reads everything, and tells the
levels of each split and what looks wrong: blank faces, silent voices, what is there twice.

--export writes to a folder:

  an example   face.png and spectrogram.png, pixel for pixel; example.png, with axes;
               with --audio voice.wav, the sound that the spectrogram was made from;
               with --augment augmented.png, the example as the first epochs of training see it
  --person     person.png
  --stats      stats.png

Nothing is changed, and the exit code is 0 whatever looks wrong: 'python -m tfdata.verify DIR' is
the check of a data set.
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
    Example,
    NotFoundError,
    by_key,
    example_at,
    find_person,
    spread,
    walk_examples,
)
from tfdata.command_line import Parser, fail, local_path, path_or_address, run, seed
from tfdata.rebuilds import is_rebuilt
from tfdata.schema import SPLITS, Manifest, load_manifest
from tfdata.storage.base import is_address
from tfdata.text import listed
from tfdata.validation import check_manifest

LISTED = 8  # examples of a person and split


def main(argv: Sequence[str] | None = None, prog: str = "python -m tfdata.inspect") -> int:
    """Runs the command; returns its exit code."""
    found = _parse(argv, prog)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # of a terminal that knows no bars or accents
    # Before anything imports TensorFlow.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return run(lambda: _inspect(found), needs_training_packages="drawing pictures")


def _inspect(found: argparse.Namespace) -> int:
    try:
        manifest = load_manifest(found.data_dir)
        if found.shows == "overview":
            print(text.overview(found.data_dir, manifest))
            print("\n--person, --key or --index shows examples; --stats, what looks wrong.")
            return 0
        if is_address(found.data_dir):
            return fail(f"Examples are read from a disk; copy {found.data_dir} to one first.")
        found.data_dir = Path(found.data_dir)
        check_manifest(found.data_dir, manifest)
        if found.export:
            _make_folder(found.export)
        show = {"person": _show_person, "stats": _show_stats, "example": _show_example}
        show[found.shows](found, manifest)
        if is_rebuilt(found.data_dir, manifest):
            print(f"\nNote: {found.data_dir} was rebuilt meanwhile; this is the earlier build.")
    except BrokenPipeError:  # 'head' has read enough; nor must the end of the program write more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parse(argv: Sequence[str] | None, prog: str) -> argparse.Namespace:
    """The flags, and as `shows` what is to be seen: overview, example, person or stats."""
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument("data_dir", type=path_or_address, metavar="DIR", help="a data set's folder")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--key", metavar="KEY", help="the example with this key, or its beginning")
    which.add_argument("--index", type=_index, metavar="N", help="of --split, in stored order")
    which.add_argument("--person", metavar="NAME", help="list somebody's examples")
    which.add_argument("--stats", action="store_true", help="the levels, and what looks wrong")
    parser.add_argument(
        "--split",
        choices=SPLITS,
        help="of --index (train); the only one to be searched for --key or --person",
    )
    parser.add_argument(
        "--augment", action="store_true", help="show what augmentation does (to train 0)"
    )
    parser.add_argument("--seed", type=seed, metavar="N", help="of the training with --augment (0)")
    parser.add_argument("--export", type=local_path, metavar="DIR", help="write pictures there")
    parser.add_argument(
        "--audio",
        type=local_path,
        metavar="DIR",
        help="the folder of audio that the build was given",
    )
    found = parser.parse(argv)
    found.shows = "overview"
    if found.person is not None or found.stats:
        found.shows = "stats" if found.stats else "person"
    elif found.key is not None or found.index is not None or found.split or found.augment:
        found.shows = "example"
    if found.stats and found.split:
        parser.error("--stats is of all splits; leave out --split.")
    if found.augment and found.shows != "example":
        parser.error("--augment is of one example; give --key or --index.")
    if found.shows == "overview" and found.export:
        parser.error("--export needs something to show: --key, --index, --person or --stats.")
    if found.augment and not found.export:
        parser.error("--augment draws a picture; say where to with --export DIR.")
    if found.seed is not None and not found.augment:
        parser.error("--seed is of --augment; give that too.")
    if found.audio and not (found.export and found.shows == "example"):
        parser.error("--audio is of an example and --export; give --key or --index, and --export.")
    return found


def _show_example(found: argparse.Namespace, manifest: Manifest) -> None:
    data_dir: Path = found.data_dir
    if found.key is not None:
        splits = (found.split,) if found.split else SPLITS
        example = by_key(_walk(data_dir, manifest, splits), found.key)
    else:
        example = example_at(data_dir, manifest, found.split or "train", found.index or 0)
    print(text.example(example, manifest))
    if not found.export:
        print("\n--export DIR writes its pictures, and with --audio DIR its sound.")
        return
    from facevoice.inspection import export

    names = ["face.png", "spectrogram.png", "example.png"]
    export.write_example(found.export, example, manifest)
    if found.augment:
        export.write_augmented(found.export, example, manifest, found.seed or 0)
        names.append("augmented.png")
    heard = ""
    if found.audio:
        heard = " " + export.write_sound(found.export, example, manifest, found.audio)
        names.append("voice.wav")
    print(f"\n{listed(names)} are in {found.export}.{heard}")


def _show_person(found: argparse.Namespace, manifest: Manifest) -> None:
    identity = find_person(manifest, found.person)
    splits = (found.split,) if found.split else SPLITS
    examples: list[Example] = []
    for split in splits:
        of_split = _walk(found.data_dir, manifest, (split,))
        theirs = (example for example in of_split if example.identity == identity)
        pairs = manifest.people[identity].pairs[split]
        examples += spread(itertools.islice(theirs, pairs), LISTED)
    if not examples:
        raise NotFoundError(f"{identity} has no {listed(splits, 'or')} pairs.")
    print(text.person(identity, manifest, splits, examples))
    if not found.export:
        print("\n--export DIR draws these; --split and --index show one of them.")
        return
    from facevoice.inspection import export

    export.write_sheet(found.export, examples, manifest)
    print(f"\nperson.png is in {found.export}.")


def _show_stats(found: argparse.Namespace, manifest: Manifest) -> None:
    from facevoice.inspection.survey import Survey
    from facevoice.inspection.survey_text import survey_text

    survey = Survey(manifest)
    for example in _walk(found.data_dir, manifest, SPLITS):
        survey.add(example)
    at = partial(example_at, found.data_dir, manifest)
    print(survey_text(survey, lambda split, index: at(split, index).key))
    if found.export:
        from facevoice.inspection import export

        export.write_levels(found.export, survey, manifest)
        print(f"\nstats.png is in {found.export}.")


def _walk(data_dir: Path, manifest: Manifest, splits: Sequence[str]) -> Iterator[Example]:
    """The examples of some splits, with a bar on a terminal."""
    total = sum(manifest.splits[split].pairs for split in splits)
    examples = walk_examples(data_dir, manifest, splits)
    yield from tqdm(examples, total=total, unit="pair", leave=False, disable=None)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotFoundError(f"--export {folder} cannot be a folder: {error.strerror}.") from None


def _index(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"is {text!r}; use a whole number of 0 or more")
    return int(text)
