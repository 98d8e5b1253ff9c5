"""Shard plans to files, the notes about them, and the output folder that they are in."""
