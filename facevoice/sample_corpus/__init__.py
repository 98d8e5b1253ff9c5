"""A synthetic corpus of drawn faces and synthesised voices in VoxCeleb1's layout.

Examples, tests and benchmarks run on it without real media. It has twelve invented people with nine
videos each. Lighting, background, clothes, microphone, room and mood differ from video to video.
"""

from facevoice.sample_corpus.writer import SampleCorpus, make_sample_corpus

__all__ = ["SampleCorpus", "make_sample_corpus"]
