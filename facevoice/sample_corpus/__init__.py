"""A small corpus of drawn faces and synthesised voices, laid out on disk as VoxCeleb1 is.

It lets everything in this repository run with no one's data: twelve invented people, nine videos
each, and in every video another light, room, outfit, microphone and mood.
"""

from facevoice.sample_corpus.writer import SampleCorpus, make_sample_corpus

__all__ = ["SampleCorpus", "make_sample_corpus"]
