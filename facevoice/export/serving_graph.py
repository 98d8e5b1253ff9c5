"""The graph of an export: one query of raw media to probabilities.

A query is a face image, a clip, or both. As in `facevoice predict`, a clip is cut into windows, and
the probabilities are their mean, without windows that are silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from facevoice.export import audio_graph, image_graph
from facevoice.features import FeatureSettings
from tfdata.schema import IMAGE, SPECTROGRAM

FACE, SAMPLES = "face", "samples"  # names of inputs, beside IMAGE
WINDOWS = "windows"  # in place of SAMPLES, of a Keras model
PROBABILITIES = "probabilities"
# Names of the outputs that are the model's inputs. In ONNX, inputs and outputs share one namespace.
MODEL_INPUTS = {IMAGE: "model_image", SPECTROGRAM: "model_spectrogram"}
Query = Callable[..., Mapping[str, tf.Tensor]]


def input_specs(modality: str, settings: FeatureSettings) -> dict[str, tf.TensorSpec]:
    """Returns the inputs of the graph, by name.

    A dataset with a face detector has aligned faces, which the graph cannot cut out of an image.

    Args:
      modality: 'image', 'audio' or 'pair'.
      settings: of the dataset.
    """
    specs = {}
    if modality != "audio" and settings.face_detector == "none":
        specs[IMAGE] = tf.TensorSpec([None, None, 3], tf.uint8, IMAGE)
    elif modality != "audio":
        specs[FACE] = tf.TensorSpec(settings.image_shape, tf.uint8, FACE)
    if modality != "image":
        specs[SAMPLES] = tf.TensorSpec([None], tf.float32, SAMPLES)
    return specs


def query_graph(
    network: Any, modality: str, settings: FeatureSettings, *, use_fft: bool = True
) -> Query:
    """Returns the function from the inputs of `input_specs` to outputs, by name.

    Outputs: `probabilities` float32 [people], and the inputs of the model, `model_image` uint8
    [size, size, 3] and `model_spectrogram` uint8 [windows, bands, frames, 1].

    Args:
      network: a Keras model, or a function (inputs, training), from a batch of uint8 inputs to
        probabilities.
      modality, settings: as in `input_specs`.
      use_fft: as in `audio_graph.spectrograms`.
    """

    def query(
        image: tf.Tensor = None, samples: tf.Tensor = None, face: tf.Tensor = None
    ) -> dict[str, tf.Tensor]:
        found: dict[str, tf.Tensor] = {}
        count, is_usable = 1, tf.ones([1])
        if samples is not None:
            windows = audio_graph.cut_windows(samples, settings)
            found[SPECTROGRAM] = audio_graph.spectrograms(windows, settings, use_fft=use_fft)
            is_usable = tf.cast(audio_graph.has_sound(windows, settings), tf.float32)
            count = tf.shape(windows)[0]
        if image is not None:
            face = image_graph.crop_and_resize(image, settings)
        if face is not None:
            found[IMAGE] = face
        batch = dict(found)
        if face is not None:
            batch[IMAGE] = tf.tile(face[None], tf.stack([count, 1, 1, 1]))
        inputs = batch if modality == "pair" else next(iter(batch.values()))
        by_window = network(inputs, training=False)
        # Without any sound, all windows count: a fusion of experts takes zeros for a missing clip.
        none = tf.cast(tf.reduce_max(is_usable) == 0, tf.float32)
        weights = (is_usable + none)[:, None]
        mean = tf.reduce_sum(by_window * weights, axis=0) / tf.reduce_sum(weights)
        return {PROBABILITIES: mean, **{MODEL_INPUTS[name]: x for name, x in found.items()}}

    return query
