"""Pretrained encoders: turn a face, or a window of audio, into an embedding.

The build and the prediction call the same functions, of `media`. This package imports neither Beam
nor TensorFlow.
"""
