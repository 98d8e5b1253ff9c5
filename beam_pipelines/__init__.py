"""Builds a dataset of sharded TFRecords from a corpus, on any Apache Beam runner."""
