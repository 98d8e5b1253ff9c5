"""Reads a corpus: people, their media files, and split files."""
