"""`python -m sample_corpus [DIR]`: make the sample corpus and say where it is."""

import argparse
from pathlib import Path

from sample_corpus import make_sample_corpus


def main() -> None:
    """Read the one argument and make the corpus."""
    parser = argparse.ArgumentParser(prog="python -m sample_corpus", description=main.__doc__)
    parser.add_argument("dir", nargs="?", type=Path, default=Path("sample_corpus_data"))
    corpus = make_sample_corpus(parser.parse_args().dir)
    print(f"The sample corpus is in {corpus.meta.parent}.")


if __name__ == "__main__":
    main()
