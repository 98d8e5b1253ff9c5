"""The error that a build stops with."""


class BuildError(Exception):
    """One clear sentence: what was found, where, and what to do."""
