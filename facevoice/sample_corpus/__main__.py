"""Writes the sample corpus: `python -m facevoice.sample_corpus [DIR]`."""

from facevoice.sample_corpus import make_sample_corpus
from tfdata.command_line import SAMPLE_CORPUS, Parser, say
from tfdata.flag_types import local_path


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
    try:
        corpus = make_sample_corpus(parser.parse(None).dir)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    say(f"The sample corpus is in {corpus.meta.parent}.")


if __name__ == "__main__":
    main()
