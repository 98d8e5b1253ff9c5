"""Opens finished runs: the model, its classes and its feature settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from facevoice import plugins
from facevoice.encoders.base import EncoderInfo
from facevoice.encoders.recorded import FLAGS, check_equal, open_recorded, recorded_encoders
from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.traced_model import traced
from facevoice.features import FeatureSettings
from facevoice.features.settings import PREPROCESSING_REVISION
from facevoice.inspection.examples import feature_settings
from facevoice.reports.rendering import render
from facevoice.reports.results import RunMetrics
from facevoice.run_layout import METRICS_NAME, MODEL_NAME, SETTINGS_NAME
from models import EMBEDDING, MODELS, ModelError
from models.loading import MissingCodeError, load_model
from models.product_of_experts import Evidence
from tfdata.errors import DatasetError
from tfdata.fields import check_types
from tfdata.importing import is_import_name
from tfdata.loader import MODALITIES
from tfdata.manifest import Manifest
from tfdata.manifest_reader import check_embeddings, load_manifest
from tfdata.schema import IMAGE, MANIFEST_NAME, SPECTROGRAM
from tfdata.storage.addresses import check_address
from tfdata.storage.files import read_json
from tfdata.text import counted

Batch = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Run:
    """A trained model with the metadata of its training.

    Attributes:
      run_dir: the run directory.
      model: model name.
      modality: media of the model: 'image', 'audio' or 'pair'.
      people: identity of each class, in order.
      meta: identity to the fields of the metadata file.
      videos: (identity, video) of the training split.
      features: feature settings of the training data.
      preprocessing_revision: preprocessing revision of the training data.
      image_shape, spectrogram_shape: of one example.
      encoders: 'image' and 'audio' to the encoder of the training data's embeddings; empty without.
      data: directory of the dataset that the model was trained on.
      network: Keras model from inputs to [probabilities, embeddings].
      named_encoders: 'image' and 'audio' to names of encoders that the user gave; see
        `encoders.recorded`.
    """

    run_dir: Path
    model: str
    modality: str
    people: tuple[str, ...]
    meta: Mapping[str, Mapping[str, str]]
    videos: frozenset[tuple[str, str]]
    features: FeatureSettings
    preprocessing_revision: int
    image_shape: tuple[int, ...]
    spectrogram_shape: tuple[int, ...]
    encoders: Mapping[str, EncoderInfo]
    data: Path
    network: keras.Model
    named_encoders: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Returns the inputs of the model, which are features of a record."""
        if self.model not in MODELS:  # code of the user's own, which was not imported
            return MODALITIES[self.modality]
        return MODELS[self.model].inputs

    @property
    def on_embeddings(self) -> bool:
        """Returns whether the inputs are embeddings of pretrained encoders."""
        return self.model in MODELS and MODELS[self.model].on_embeddings

    @property
    def used_encoders(self) -> dict[str, EncoderInfo]:
        """Returns 'image' and 'audio' to the encoders whose embeddings the model reads."""
        return {
            modality: encoder
            for modality, encoder in self.encoders.items()
            if f"{modality}_embedding" in self.inputs
        }

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Returns the shape of one example of each input."""
        shapes = {IMAGE: self.image_shape, SPECTROGRAM: self.spectrogram_shape}
        shapes |= {f"{key}_embedding": (each.dimension,) for key, each in self.encoders.items()}
        return {name: shapes[name] for name in self.inputs}

    def media_encoders(self) -> dict[str, EncoderInfo]:
        """Returns `used_encoders`, after checking that new media can be embedded with them.

        Raises:
          EncoderError: an encoder is missing, another one, or has to be named by the user.
        """
        where = f"The run in {self.run_dir}"
        return {
            modality: open_recorded(encoder, self.named_encoders.get(modality), where)
            for modality, encoder in self.used_encoders.items()
        }

    def zeros(self, name: str, length: int) -> NDArray[Any]:
        """Returns a missing input, [length, ...]."""
        kind = np.float32 if self.on_embeddings else np.uint8
        return np.zeros((length, *self.input_shapes[name]), kind)

    def _repr_html_(self) -> str:
        """Returns the accuracy of each split as a table, and the path of the report."""
        try:
            metrics = RunMetrics.from_json(read_json(self.run_dir / METRICS_NAME))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            metrics = None  # damaged, or not finished
        return render("run_summary.html", run=self, metrics=metrics)

    @property
    def embedding_size(self) -> int:
        """Returns the length of an embedding."""
        return int(self.network.outputs[1].shape[-1])

    @property
    def accepts_missing(self) -> bool:
        """Returns whether a model of both media accepts a face or a voice alone."""
        return isinstance(self.network.get_layer(EMBEDDING), Evidence)

    @cached_property
    def _outputs(self) -> Callable[[Any], Any]:
        zeros = {name: self.zeros(name, 1) for name in self.inputs}
        return traced(self.network, _model_inputs(zeros))

    def predict(self, batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns probabilities [batch, classes] and embeddings [batch, size].

        Args:
          batch: inputs by name.

        Raises:
          EvaluationError: the model returns values that are not finite.
        """
        outputs = [np.asarray(x, np.float32) for x in self._outputs(_model_inputs(batch))]
        if not all(np.isfinite(x).all() for x in outputs):
            raise EvaluationError(
                f"The model of {self.run_dir} returns values that are not finite; train it again "
                f"with a smaller --learning_rate."
            )
        return outputs[0], outputs[1]

    def check_compatible(self, data_dir: Path, manifest: Manifest) -> None:
        """Checks that a dataset was built with the feature settings of the run.

        Raises:
          EvaluationError: settings differ.
          DatasetError: the settings of the dataset are invalid.
        """
        settings = feature_settings(manifest, check_shapes=False)  # name what differs first
        expected, found = asdict(self.features), asdict(settings)
        unused = {"face_encoder", "voice_encoder"}
        unused -= {FLAGS[modality].removeprefix("--") for modality in self.used_encoders}
        differing = [
            f"{name} {found[name]} instead of {value}"
            for name, value in expected.items()
            if found[name] != value and name not in unused
        ]
        if differing:
            raise EvaluationError(
                f"{data_dir} is not compatible with {self.run_dir}: it was built with "
                f"{', '.join(differing)}; build it again with the settings of the run."
            )
        feature_settings(manifest)
        check_embeddings(data_dir, manifest, self.inputs)
        found_encoders = recorded_encoders(manifest)
        for modality, encoder in self.used_encoders.items():
            check_equal(encoder, found_encoders[modality], f"The run in {self.run_dir}")

    def revision_warning(self) -> str | None:
        """Returns a one-line warning if media are now preprocessed differently; otherwise None."""
        if self.preprocessing_revision == PREPROCESSING_REVISION:
            return None
        return (
            f"warning: {self.run_dir} was trained on data of preprocessing revision "
            f"{self.preprocessing_revision}, but this version of FaceVoice has revision "
            f"{PREPROCESSING_REVISION}; predictions may be less accurate until the dataset is "
            f"built and the model trained again."
        )


def open_run(
    run_dir: Path,
    named_encoders: Mapping[str, str | None] | None = None,
    flag: str = "--run",
) -> Run:
    """Opens a finished run.

    Args:
      run_dir: the run directory.
      named_encoders: 'image' and 'audio' to names of encoders of the user's own that may be
        imported; needed for new media only, if the run was trained on their embeddings.
      flag: the flag that names the directory, for messages.

    Raises:
      EvaluationError: there is no such directory, it holds no finished run, a file cannot be read,
        or the model is unknown.
    """
    if not run_dir.is_dir():
        found = "is not a directory" if run_dir.exists() else "does not exist"
        raise EvaluationError(f"{flag} {run_dir} {found}; {_ADVICE}.")
    for name in (MODEL_NAME, MANIFEST_NAME, SETTINGS_NAME, METRICS_NAME):
        if not (run_dir / name).is_file():
            raise EvaluationError(
                f"{flag} {run_dir} is not a finished run, because it has no {name}; {_ADVICE}."
            )
    return replace(read_run(run_dir), named_encoders=named_encoders or {})


def read_run(run_dir: Path) -> Run:
    """Opens a run with a model; its metrics may be missing.

    Raises:
      EvaluationError: a file cannot be read, or the model is unknown.
    """
    try:
        settings = read_json(run_dir / SETTINGS_NAME)
        check_types(settings, {"model": str, "data": str}, are_required=True)
        name, data = settings["model"], Path(settings["data"])
        check_address(data)
        attributes = _manifest_attributes(load_manifest(run_dir, check_shards=False))
    except DatasetError as error:
        reason = str(error).removesuffix("; build the dataset again.")
        raise EvaluationError(
            f"{MANIFEST_NAME} of {run_dir} is damaged ({reason}); {_ADVICE}."
        ) from None
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise EvaluationError(
            f"{SETTINGS_NAME} of {run_dir} is damaged ({reason}); {_ADVICE}."
        ) from None
    if name not in MODELS and not plugins.find("model", name) and not is_import_name(name):
        raise EvaluationError(
            f"{run_dir} has a model {name!r}, which is unknown; known models are "
            f"{', '.join(MODELS)}."
        )
    network = _load_network(run_dir, name)
    classes = network.outputs[0].shape[-1]
    if classes != len(attributes["people"]):
        raise EvaluationError(
            f"The model of {run_dir} has {counted(classes, 'class', 'classes')}, but its "
            f"{MANIFEST_NAME} has {counted(len(attributes['people']), 'person', 'people')}; "
            f"{_ADVICE}."
        )
    modality = MODELS[name].modality if name in MODELS else _modality(network)
    run = Run(run_dir, name, modality, **attributes, data=data, network=network)
    described = {key for key in ("image", "audio") if key in run.encoders}
    read = {name.removesuffix("_embedding") for name in run.inputs} if run.on_embeddings else set()
    found = sorted(tuple(x.shape[1:]) for x in network.inputs)
    if read - described or found != sorted(run.input_shapes.values()):
        raise EvaluationError(
            f"The inputs of the model of {run_dir} differ from those that its {MANIFEST_NAME} and "
            f"{SETTINGS_NAME} describe; {_ADVICE}."
        )
    return run


def _model_inputs(batch: Batch) -> Any:
    """Returns a batch as a model takes it: a model of one input takes the array itself."""
    return next(iter(batch.values())) if len(batch) == 1 else dict(batch)


_ADVICE = "train a model with 'python train.py --model NAME'"


def _manifest_attributes(manifest: Manifest) -> dict[str, Any]:
    """Returns the attributes of a Run that come from the manifest of its dataset."""
    people = manifest.people
    trained = manifest.splits["train"].sessions
    return {
        "people": tuple(sorted(people, key=lambda identity: people[identity].label)),
        "meta": {identity: person.meta for identity, person in people.items()},
        "videos": frozenset((person, video) for person in trained for video in trained[person]),
        "features": feature_settings(manifest),
        "preprocessing_revision": manifest.preprocessing_revision,
        "image_shape": manifest.image_shape,
        "spectrogram_shape": (*manifest.spectrogram_shape, 1),
        "encoders": recorded_encoders(manifest),
    }


def _modality(network: keras.Model) -> str:
    """Returns the modality of a model from its inputs: images have three channels."""
    if len(network.inputs) > 1:
        return "pair"
    return "image" if network.inputs[0].shape[-1] == 3 else "audio"


def _load_network(run_dir: Path, name: str) -> keras.Model:
    try:
        model = load_model(run_dir / MODEL_NAME)
        embedding = model.get_layer(EMBEDDING).output
        return keras.Model(model.input, [model.output, embedding])
    except MissingCodeError as error:
        reason = str(error)
        if is_import_name(name):
            raise EvaluationError(
                f"The model of {run_dir} needs the code of {name}, which no run can import; if you "
                f"trust that code, give --model {name}."
            ) from None
    except ModelError as error:
        reason = str(error)
    except (AttributeError, ValueError):  # the model was made by another program
        reason = f"it has no layer {EMBEDDING!r}"
    raise EvaluationError(f"{MODEL_NAME} of {run_dir} cannot be used ({reason}); {_ADVICE}.")
