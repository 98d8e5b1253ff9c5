"""Runs pipelines: runners, their workers, and progress."""
