"""`python -m facevoice.sample_corpus [DIR]`: make the sample corpus and say where it is."""

from facevoice.sample_corpus import make_sample_corpus
from tfdata.command_line import SAMPLE_CORPUS, Parser, local_path


def main() -> None:
    """Makes the corpus in the folder that is named, or where the build looks for it."""
    parser = Parser(prog="python -m facevoice.sample_corpus", description=__doc__)
    parser.add_argument("dir", nargs="?", type=local_path, default=SAMPLE_CORPUS)
    try:
        corpus = make_sample_corpus(parser.parse(None).dir)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"The sample corpus is in {corpus.meta.parent}.")


if __name__ == "__main__":
    main()
