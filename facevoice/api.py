"""Builds, trains and predicts from Python; in a notebook, results show themselves."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from facevoice import plugins
from tfdata.command_line import say
from tfdata.errors import FaceVoiceError
from tfdata.local_copy import local_copy
from tfdata.manifest import Manifest
from tfdata.manifest_reader import load_manifest
from tfdata.schema import CARD_NAME
from tfdata.storage.base import is_address
from tfdata.storage.factory import storage_at

if TYPE_CHECKING:
    import tensorflow as tf

    from facevoice.evaluation.inference import Prediction
    from facevoice.evaluation.runs import Run
    from facevoice.training.recipes import Execution, Recipe
    from tfdata.options import ReadOptions

CARD_HEIGHT_PX = 600
# Beam and TensorFlow cannot share a process.
BUILD = [sys.executable, "-m", "beam_pipelines.build"]
PROGRESS_SECONDS = 0.5  # between lines of the build's progress
# Of a card, which may come from elsewhere.
_POLICY = (
    '<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "img-src data:; style-src 'unsafe-inline'\">"
)
_PROGRESS = re.compile(r"Writing: ([\d,]+)/([\d,]+) pairs")


class BuildFailedError(FaceVoiceError):
    """Raised if a build fails; the message is that of the command."""


@dataclass(frozen=True)
class Dataset:
    """A dataset; a notebook shows its card.

    Attributes:
      data_dir: its directory, or its URL.
      manifest: its manifest.
    """

    data_dir: Path | str
    manifest: Manifest

    def load(
        self, split: str, modality: str = "pair", options: ReadOptions | None = None
    ) -> tf.data.Dataset:
        """Reads one split, see `tfdata.load`."""
        from tfdata import load

        return load(self.data_dir, split, modality, options, manifest=self.manifest)

    def _repr_html_(self) -> str:
        """Returns the card in a frame that runs no script and loads nothing."""
        try:
            card = storage_at(self.data_dir).read(CARD_NAME).decode()
        except (OSError, UnicodeError):
            place = html.escape(str(self.data_dir))
            return f"<p>{place}: the dataset has no card that can be read.</p>"
        page = html.escape(_POLICY + card)
        return (
            f'<iframe sandbox srcdoc="{page}" width="100%" height="{CARD_HEIGHT_PX}" '
            f'style="border: 0" title="Dataset card"></iframe>'
        )


def build(output: str | Path, **settings: Any) -> Dataset:
    """Builds a dataset, as the command `facevoice build` does, in another process.

    Args:
      output: directory of the dataset.
      **settings: flags of the command by name, such as `faces="photos"`, `persons=10` or
        `strict=True`. Without a corpus, the sample corpus is created and used.

    Raises:
      BuildFailedError: the build failed. An existing dataset is unchanged.
    """
    command = [*BUILD, f"--output={output}", f"--progress_seconds={PROGRESS_SECONDS}"]
    command += _flags(settings)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            error = _show_output(process)
            process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        raise BuildFailedError(error or f"The build ended with exit code {process.returncode}.")
    return open_dataset(output)


def open_dataset(data_dir: str | Path) -> Dataset:
    """Opens a dataset.

    Args:
      data_dir: its directory, or its URL, such as 's3://bucket/set'.

    Raises:
      DatasetError: it cannot be read.
    """
    place = data_dir if is_address(data_dir) else Path(data_dir)
    return Dataset(place, load_manifest(place))


def train(
    data: str | Path | Dataset,
    model: str | Callable[..., Any] = "cnn_image",
    *,
    output: str | Path | None = None,
    recipe: Recipe | None = None,
    schedule: str | Callable[..., Any] | None = None,
    augmentation: bool | str | Callable[..., Any] | None = None,
    execution: Execution | None = None,
    **overrides: Any,
) -> Run:
    """Trains a model, or resumes its training; a finished run is opened.

    Args:
      data: the dataset, its directory, or its URL, from which it is copied to the disk first.
      model: name of a model, or a function that builds one; see docs/how-to/add-a-model.md.
      output: the run directory; None uses one below runs/.
      recipe: hyperparameters; None uses those of the model.
      schedule, augmentation: names or functions that replace those of the recipe; for the
        augmentation also True for the standard one, and False for none.
      execution: how steps are computed.
      **overrides: fields of the recipe to replace, such as `epochs=5`.

    Raises:
      FaceVoiceError: the dataset, the model or a setting cannot be used.
    """
    from facevoice.evaluation.runs import open_run
    from facevoice.training.dataset import open_training_data
    from facevoice.training.own_recipes import check_overrides, recipes_for
    from facevoice.training.recipes import OURS, STANDARD_AUGMENTATIONS, Execution, Recipe
    from facevoice.training.schedules import SCHEDULES
    from facevoice.training.trainer import Trainer

    name = _name("model", model, OURS)
    if schedule is not None:
        overrides["schedule"] = _name("schedule", schedule, SCHEDULES)
    if isinstance(augmentation, bool):
        overrides["augment"] = augmentation
    elif augmentation is not None:
        named = _name("augmentation", augmentation, STANDARD_AUGMENTATIONS)
        overrides["augment"] = STANDARD_AUGMENTATIONS.get(named, named)
    check_overrides(overrides)
    recipes = {name: Recipe(), **OURS} if recipe is None else recipes_for(name, recipe)
    data_dir = local_copy(str(data.data_dir if isinstance(data, Dataset) else data))
    trainer = Trainer(open_training_data(data_dir), recipes, overrides, execution or Execution())
    return open_run(trainer.train(name, None if output is None else Path(output)))


def predict(
    run: Run | str | Path,
    face: str | Path | None = None,
    audio: str | Path | None = None,
    *,
    top: int = 5,
) -> Prediction:
    """Identifies the person of a face image, of a clip, or of both.

    Args:
      run: a run or its directory.
      face: path of a face image.
      audio: path of a clip.
      top: maximum number of people to return.

    Raises:
      EvaluationError: the run cannot be opened, or its model needs other media.
    """
    from facevoice.evaluation.inference import Query, check_media, read_threshold
    from facevoice.evaluation.inference import predict as predict_query
    from facevoice.evaluation.runs import Run, open_run

    opened = run if isinstance(run, Run) else open_run(Path(run))
    query = Query(
        face=None if face is None else str(face),
        audio=None if audio is None else str(audio),
    )
    check_media(opened, query)
    return predict_query(opened, query, read_threshold(opened), top)


def _name(kind: str, value: str | Callable[..., Any], built_in: Collection[str]) -> str:
    """Returns the name of a model or the like; registers code of another package."""
    if not isinstance(value, str):
        name = plugins.name_of(value)
        plugins.use(kind, name, value)
        return name
    if value not in built_in:
        plugins.use(kind, value)
    return value


def _flags(settings: Mapping[str, Any]) -> list[str]:
    """Returns flags from keyword arguments; True is a flag without a value."""
    return [
        f"--{name}" if value is True else f"--{name}={value}"
        for name, value in settings.items()
        if value is not None and value is not False
    ]


def _show_output(process: subprocess.Popen[str]) -> str:
    """Prints the lines of a build, and draws its progress as a bar; returns its error."""
    bar, error = None, ""
    for line in process.stdout or ():
        if progress := _PROGRESS.match(line):
            done, total = (int(number.replace(",", "")) for number in progress.groups())
            bar = bar or tqdm(desc="Writing", unit="pair", total=total)
            bar.update(done - bar.n)
        elif line.startswith("error: "):
            error = line.removeprefix("error: ").rstrip()
        else:
            say(line.rstrip())
    if bar is not None:
        bar.update((bar.total - bar.n) if not error else 0)
        bar.close()
    return error
