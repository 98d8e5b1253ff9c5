"""The progress of a training in a notebook, where Keras prints a line for each step."""

from __future__ import annotations

import sys
from typing import Any

import keras
from tqdm.auto import tqdm


def in_notebook() -> bool:
    """Returns whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and "IPKernelApp" in shell.config


class ProgressBar(keras.callbacks.Callback):
    """Shows epochs as a bar, with the metrics of the last one."""

    def __init__(self, epochs: int) -> None:
        """Creates the callback for a training of at most `epochs` epochs."""
        super().__init__()
        self._epochs = epochs
        self._bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self._bar is None:
            self._bar = tqdm(desc="Training", unit="epoch", total=self._epochs, initial=epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._bar.set_postfix({name: f"{value:.3g}" for name, value in logs.items()}, refresh=False)
        self._bar.update(1)

    def on_train_end(self, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None  # `fit` is called once more after an interrupted epoch
