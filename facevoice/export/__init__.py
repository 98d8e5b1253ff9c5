"""Exports a run with its preprocessing: one graph from media to probabilities."""
