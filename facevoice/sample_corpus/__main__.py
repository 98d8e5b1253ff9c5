"""Writes the sample corpus: `python -m facevoice.sample_corpus [DIR]`."""

from facevoice.sample_corpus import make_sample_corpus
from facevoice.sample_corpus.naming import ITEMS_PER_VIDEO
from tfdata.command_line import SAMPLE_CORPUS, Parser, say
from tfdata.flag_types import local_path, positive_int


def main() -> None:
    """Writes the corpus and prints its directory."""
    parser = Parser(prog="python -m facevoice.sample_corpus", description=__doc__)
    parser.add_argument(
        "dir",
        metavar="DIR",
        nargs="?",
        type=local_path,
        default=SAMPLE_CORPUS,
        help="directory to write; a complete sample corpus in it is kept (default: %(default)s)",
    )
    parser.add_argument(
        "--items_per_video",
        metavar="N",
        type=positive_int,
        default=ITEMS_PER_VIDEO,
        help="images per video, and clips per video (default: %(default)s)",
    )
    args = parser.parse(None)
    own_size = args.items_per_video != ITEMS_PER_VIDEO
    if own_size and args.dir.resolve() == SAMPLE_CORPUS.resolve():
        parser.error(
            f"--items_per_video is {args.items_per_video}; give a DIR, because builds keep only "
            f"{ITEMS_PER_VIDEO} per video in {SAMPLE_CORPUS}"
        )
    try:
        corpus = make_sample_corpus(args.dir, items_per_video=args.items_per_video)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    say(f"The sample corpus is in {corpus.meta.parent}.")


if __name__ == "__main__":
    main()
