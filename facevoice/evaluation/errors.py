"""What an evaluation cannot go on with."""


class EvaluationError(Exception):
    """An evaluation that cannot go on: one sentence."""
