"""Writes the detector and the encoders of a dataset beside the graph of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from facevoice.encoders import dlib_resnet
from facevoice.export.formats import FILES, frozen, write_function
from facevoice.export.voice_encoder_graph import embed_samples
from facevoice.features import FeatureSettings
from facevoice.weights import BLAZEFACE, DLIB_RESNET, GE2E, read_arrays, read_weights
from models.face_encoder import face_encoder
from models.voice_encoder import voice_encoder
from tfdata.manifest import Encoder

FACE_ENCODER, VOICE_ENCODER, DETECTOR = "face_encoder", "voice_encoder", "face_detector"


@dataclass(frozen=True)
class Pretrained:
    """What was written beside the graph.

    Attributes:
      files: name in the description to the path below the directory of the export.
      licences: name to licence.
      notes: a sentence for each part that was not exported.
    """

    files: Mapping[str, str]
    licences: Mapping[str, str]
    notes: tuple[str, ...]


def write_pretrained(
    kind: str, folder: Path, settings: FeatureSettings, encoders: Mapping[str, Encoder]
) -> Pretrained:
    """Writes the face detector and the encoders that a dataset was built with.

    Args:
      kind: of the export.
      folder: directory of the export.
      settings: of the dataset.
      encoders: of the manifest.

    Raises:
      WeightsError: weights are missing or damaged.
    """
    files, licences, notes = {}, {}, []
    if settings.face_detector != "none":
        for name in BLAZEFACE.stored:
            (folder / name).write_bytes(read_weights(BLAZEFACE, name))
            files[f"{DETECTOR}_{'short' if 'short' in name else 'full'}_range"] = name
        licences[DETECTOR] = BLAZEFACE.licence
    for modality, encoder in encoders.items():
        if encoder.digest == DLIB_RESNET.digest:
            files[FACE_ENCODER] = _write_face_encoder(kind, folder)
            licences[FACE_ENCODER] = DLIB_RESNET.licence
        elif encoder.digest == GE2E.digest and kind == "savedmodel":
            files[VOICE_ENCODER] = _write_voice_encoder(folder)
            licences[VOICE_ENCODER] = GE2E.licence
        elif encoder.digest == GE2E.digest:
            notes.append("The voice encoder ge2e is exported with --format savedmodel only.")
        else:
            notes.append(f"The encoder {encoder.name} of {modality} is your own, not exported.")
    return Pretrained(files, licences, tuple(notes))


def _write_face_encoder(kind: str, folder: Path) -> str:
    """Writes the face encoder: uint8 [batch, 150, 150, 3] to unit vectors; returns its name."""
    network = face_encoder(read_arrays(DLIB_RESNET))
    name = FILES[kind].replace("model", FACE_ENCODER)
    spec = tf.TensorSpec([None, dlib_resnet.SIZE, dlib_resnet.SIZE, 3], tf.uint8, "face")
    call = network if kind == "savedmodel" else frozen(network)

    def encode(face: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": call(face, training=False)}

    if kind == "keras":
        network.save(folder / name)
    elif kind == "savedmodel":
        module = tf.Module()
        module.network = network
        signature = tf.function(encode).get_concrete_function(face=spec)
        tf.saved_model.save(module, str(folder / name), {"serving_default": signature})
    else:
        write_function(kind, folder / name, encode, {"face": spec})
    return name


def _write_voice_encoder(folder: Path) -> str:
    """Writes the voice encoder: samples at 16 kHz to a unit vector; returns its name."""
    module = tf.Module()
    module.network = voice_encoder(read_arrays(GE2E))
    spec = tf.TensorSpec([None], tf.float32, "samples")

    def encode(samples: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": embed_samples(module.network, samples)}

    signature = tf.function(encode).get_concrete_function(samples=spec)
    tf.saved_model.save(module, str(folder / VOICE_ENCODER), {"serving_default": signature})
    return VOICE_ENCODER
