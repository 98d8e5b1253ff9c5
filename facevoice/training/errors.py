"""What ends a training."""


class TrainingError(Exception):
    """Training that cannot go on: one sentence."""
