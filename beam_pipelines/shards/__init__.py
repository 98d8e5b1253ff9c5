"""Writes shards, their results and the output directory."""
