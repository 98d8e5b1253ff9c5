"""A finished run, opened to be asked: its model, the people it knows, and what it was fed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.errors import EvaluationError
from facevoice.features import FeatureSettings
from facevoice.inspection.examples import feature_settings
from models import EMBEDDING, MODELS, ModelError
from models.loading import load_model
from models.product_of_experts import Evidence
from tfdata.manifest import Manifest, load_manifest
from tfdata.schema import MANIFEST_NAME
from tfdata.storage.addresses import check_address
from tfdata.storage.files import read_json

MODEL_NAME, SETTINGS_NAME, METRICS_NAME = "model.keras", "settings.json", "metrics.json"
Batch = Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Run:
    """A trained model and what it has to be told of its training.

    Attributes:
      folder: of the run.
      model: name in the registry.
      modality: 'image', 'audio' or 'pair'.
      people: identity of each class, in the order of the classes.
      meta: identity to what the meta file said of the person.
      videos: (identity, video) of all that training has seen.
      features: preprocessing that the model was trained with.
      image_shape, spectrogram_shape: of one example.
      data: folder of the data set that it was trained on.
      network: from inputs to [probabilities, embeddings].
    """

    folder: Path
    model: str
    modality: str
    people: tuple[str, ...]
    meta: Mapping[str, Mapping[str, str]]
    videos: frozenset[tuple[str, str]]
    features: FeatureSettings
    image_shape: tuple[int, ...]
    spectrogram_shape: tuple[int, ...]
    data: Path
    network: keras.Model

    @property
    def embedding_size(self) -> int:
        return int(self.network.outputs[1].shape[-1])

    @property
    def takes_halves(self) -> bool:
        """Whether a model of pairs answers of a face alone or a voice alone, too."""
        return isinstance(self.network.get_layer(EMBEDDING), Evidence)

    def answer(self, batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities [batch, classes] and embeddings [batch, size] of uint8 inputs by name.

        Raises:
          EvaluationError: the model answers with what is no number.
        """
        (alone,) = batch.values() if len(batch) == 1 else (batch,)
        found = [np.asarray(x, np.float32) for x in self.network.predict_on_batch(alone)]
        if not all(np.isfinite(x).all() for x in found):
            raise EvaluationError(
                f"The model of {self.folder} answers with what is no number; train it again, with "
                f"a smaller --learning_rate."
            )
        return found[0], found[1]

    def check_fits(self, data_dir: Path, manifest: Manifest) -> None:
        """Refuses a data set whose examples are not made as those that the model has learnt from.

        Raises:
          EvaluationError: names the settings that differ.
          DatasetError: the settings of the data set make no sense.
        """
        mine, theirs = asdict(self.features), asdict(feature_settings(manifest))
        differing = [
            f"{name} {theirs[name]} instead of {value}"
            for name, value in mine.items()
            if theirs[name] != value
        ]
        if differing:
            raise EvaluationError(
                f"{data_dir} does not fit {self.folder}: it was built with "
                f"{', '.join(differing)}; build it again as the run's own data set was."
            )


def open_run(run_dir: Path) -> Run:
    """Opens a finished run.

    Raises:
      EvaluationError: no folder, no finished run, files that cannot be read, an unknown model.
    """
    if not run_dir.is_dir():
        found = "is not a folder" if run_dir.exists() else "does not exist"
        raise EvaluationError(f"--run {run_dir} {found}; {_MEND}.")
    for name in (MODEL_NAME, MANIFEST_NAME, SETTINGS_NAME, METRICS_NAME):
        if not (run_dir / name).is_file():
            raise EvaluationError(
                f"--run {run_dir} holds no {name}, so is no finished run; {_MEND}."
            )
    return read_run(run_dir)


def read_run(run_dir: Path) -> Run:
    """Opens a run that has its model and need not have its metrics yet.

    Raises:
      EvaluationError: files that cannot be read, an unknown model.
    """
    try:
        settings = read_json(run_dir / SETTINGS_NAME)
        name, data = str(settings["model"]), Path(settings["data"])
        check_address(data)
        described = _described(load_manifest(run_dir, check_shards=False))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(
            f"{SETTINGS_NAME} or {MANIFEST_NAME} of {run_dir} is damaged ({error}); {_MEND}."
        ) from None
    if name not in MODELS:
        raise EvaluationError(
            f"{run_dir} holds a model {name!r}; this software knows {', '.join(MODELS)}."
        )
    network = _network(run_dir)
    if network.outputs[0].shape[-1] != len(described["people"]):
        raise EvaluationError(
            f"The model of {run_dir} knows {network.outputs[0].shape[-1]} people, and its "
            f"{MANIFEST_NAME} has {len(described['people'])}; {_MEND}."
        )
    run = Run(run_dir, name, MODELS[name].modality, **described, data=data, network=network)
    wanted = {"image": [run.image_shape], "audio": [run.spectrogram_shape]}
    wanted["pair"] = [*wanted["image"], *wanted["audio"]]
    if sorted(tuple(x.shape[1:]) for x in network.inputs) != sorted(wanted[run.modality]):
        raise EvaluationError(
            f"The model of {run_dir} does not take the inputs that its {MANIFEST_NAME} and "
            f"{SETTINGS_NAME} describe; {_MEND}."
        )
    return run


_MEND = "train one with 'python train.py --model NAME'"


def _described(manifest: Manifest) -> dict[str, Any]:
    """What the manifest says; the shards that it names are not in a run's folder."""
    people = manifest.people
    seen = manifest.splits["train"].sessions
    features = feature_settings(manifest)
    if (features.image_shape, features.spectrogram_shape) != (
        manifest.image_shape,
        manifest.spectrogram_shape,
    ):
        raise ValueError("its shapes are not those of its settings")
    return {
        "people": tuple(sorted(people, key=lambda who: people[who].label)),
        "meta": {who: person.meta for who, person in people.items()},
        "videos": frozenset((who, video) for who, videos in seen.items() for video in videos),
        "features": features,
        "image_shape": manifest.image_shape,
        "spectrogram_shape": (*manifest.spectrogram_shape, 1),
    }


def _network(run_dir: Path) -> keras.Model:
    try:
        model = load_model(run_dir / MODEL_NAME)
        embedding = model.get_layer(EMBEDDING).output
        return keras.Model(model.input, [model.output, embedding])
    except ModelError as error:
        reason = str(error)
    except (AttributeError, ValueError):  # of a model that another program has made
        reason = f"it has no layer {EMBEDDING!r}"
    raise EvaluationError(f"{MODEL_NAME} of {run_dir} cannot be used ({reason}); {_MEND}.")
