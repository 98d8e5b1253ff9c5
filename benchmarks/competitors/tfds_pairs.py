"""Dataset builders of TensorFlow Datasets with FaceVoice's kernels, without and with Beam.

They are in a separate module because Beam's worker processes import them by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from build_common import Pair, pairs_of

from facevoice.features import FeatureSettings, read_face, read_window, spectrogram

SETTINGS = FeatureSettings()


class Pairs(tfds.core.GeneratorBasedBuilder):
    """Builder that generates examples in one process."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, faces: Path, audio: Path, **others: Any) -> None:
        self.pairs = pairs_of(faces, audio)
        super().__init__(**others)

    def _info(self) -> tfds.core.DatasetInfo:
        # "For higher dimension tensors, it is recommended to define the encoding as zlib or
        # bytes" (API documentation of tfds.features.Encoding); bytes are faster, and FaceVoice's
        # encoding.
        raw = tfds.features.Encoding.BYTES
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(
                        shape=SETTINGS.image_shape, dtype=np.uint8, encoding=raw
                    ),
                    "spectrogram": tfds.features.Tensor(
                        shape=SETTINGS.spectrogram_shape, dtype=np.uint8, encoding=raw
                    ),
                    "identity": tfds.features.Text(),
                }
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager
        return {"train": self._generate_examples(self.pairs)}

    def _generate_examples(self, pairs: list[Pair]) -> Iterator[tuple[str, dict[str, Any]]]:
        return map(example, pairs)


class BeamPairs(Pairs):
    """Builder that runs on Beam, as in https://www.tensorflow.org/datasets/beam_datasets."""

    def _generate_examples(self, pairs: list[Pair]) -> Any:
        beam = tfds.core.lazy_imports.apache_beam
        return beam.Create(pairs) | beam.Map(example)


def example(pair: Pair) -> tuple[str, dict[str, Any]]:
    identity, image, clip = pair
    levels = spectrogram(read_window(clip, 0, SETTINGS), SETTINGS)
    features = {"image": read_face(image, SETTINGS), "spectrogram": levels, "identity": identity}
    return f"{image}|{clip}", features


def arrays(output: Path) -> Iterator[bytes]:
    """Yields the bytes of all images and spectrograms of a dataset."""
    (folder,) = (file.parent for file in output.rglob("dataset_info.json"))
    for row in tfds.as_numpy(tfds.builder_from_directory(folder).as_dataset(split="train")):
        yield from (row["image"].tobytes(), row["spectrogram"].tobytes())
