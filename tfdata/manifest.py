"""Defines the manifest of a dataset, `dataset.json`.

Manifests of other releases stay readable: a field that an older one lacks has a default here, and
fields that a newer one adds are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from tfdata.fields import MAX_INT64, Count, Range
from tfdata.schema import FORMAT, FORMAT_VERSION, describe_record


@dataclass(frozen=True)
class Shard:
    """A TFRecord file."""

    file: str
    records: Annotated[int, Range(1, MAX_INT64)]
    bytes: Count
    sha256: str


@dataclass(frozen=True)
class Split:
    """One of SPLITS: its number of pairs, the videos of each identity, and its shards."""

    pairs: Count
    sessions: Mapping[str, list[str]]
    shards: tuple[Shard, ...]


@dataclass(frozen=True)
class Person:
    """A person of the dataset.

    Attributes:
      label: class number, from 0.
      meta: columns of the metadata file.
      pairs: split to number of pairs.
      missing: planned pairs that are missing because media were broken and no spare was left.
    """

    label: Count
    meta: Mapping[str, str]
    pairs: Mapping[str, Count]
    missing: Count


@dataclass(frozen=True)
class Corpus:
    """Counts of the media on disk of the people of a dataset.

    `audio_seconds` is the total length of the sound of clips and video files.
    """

    videos: Count
    faces: Count
    clips: Count
    audio_seconds: Annotated[float, Range(0, MAX_INT64)]
    video_files: Count = 0


@dataclass(frozen=True)
class Leak:
    """Pairs of a split, and how many of them share media with the training split.

    Attributes:
      pairs: number of pairs.
      same_video: pairs whose face or window is of a video that is also in training.
      same_audio: pairs whose window shares samples with a window of training.
      same_content: pairs whose image or clip has the content of another file that is in training;
        0 in datasets of versions that did not compare contents.
    """

    pairs: Count
    same_video: Count
    same_audio: Count
    same_content: Count = 0

    def __add__(self, other: Leak) -> Leak:
        return Leak(
            self.pairs + other.pairs,
            self.same_video + other.same_video,
            self.same_audio + other.same_audio,
            self.same_content + other.same_content,
        )


@dataclass(frozen=True)
class Duplicates:
    """Files of a dataset's pairs whose content another file has, too.

    Of files with equal content, all but one are counted, each in one of the first three fields.

    Attributes:
      across_people: of contents that several people have, so that a label is wrong.
      across_splits: of contents that several splits have, of one person.
      within_split: of contents of one person in one split.
      dropped: files of the corpus that the build left out for the content of another file.
    """

    across_people: Count = 0
    across_splits: Count = 0
    within_split: Count = 0
    dropped: Count = 0


@dataclass(frozen=True)
class Encoder:
    """The pretrained encoder of a dataset's embeddings.

    Attributes:
      name: in the registry, or `package.module:name`.
      version: of the package that its weights come from.
      digest: of its weights.
      dimension: length of an embedding.
      centred: number of records in which no face was found, so that the centre of the image was
        encoded; 0 for audio.
    """

    name: str
    version: str
    digest: str
    dimension: Annotated[int, Range(1, MAX_INT64)]
    centred: Count = 0


@dataclass(frozen=True)
class Manifest:
    """The content of `dataset.json`. New fields are added at the end, with defaults.

    Attributes:
      features: the preprocessing settings (fields of `facevoice.features.FeatureSettings`).
      plan: the settings of selection and splits, without the names of excluded people.
      image_shape: (height, width, 3).
      spectrogram_shape: (bands, frames).
      people: identity to Person, in the order of labels.
      splits: name to Split, for each of SPLITS.
      without_pairs: identity to number of planned pairs, of people whose pairs are all missing.
      corpus: counts of the media on disk.
      leakage: split to Leak, for validation and test.
      rejects: reason to number of media files, and of moments of videos, that could not be used.
      software: package to version, of the packages that determine the bytes of records.
      preprocessing_revision: raised when the bytes of records change with equal settings.
      duplicates: numbers of files with equal content.
      encoders: 'image' and 'audio' to the encoder of the records' embeddings; empty without.
    """

    features: Mapping[str, Any]
    plan: Mapping[str, Any]
    image_shape: tuple[int, int, int]
    spectrogram_shape: tuple[int, int]
    people: Mapping[str, Person]
    splits: Mapping[str, Split]
    without_pairs: Mapping[str, Count]
    corpus: Corpus
    leakage: Mapping[str, Leak]
    rejects: Mapping[str, Count]
    software: Mapping[str, str]
    preprocessing_revision: Count = 1
    duplicates: Duplicates = Duplicates()
    encoders: Mapping[str, Encoder] = field(default_factory=dict)

    @property
    def embedding_dimensions(self) -> dict[str, int]:
        """'image' and 'audio' to the length of the embeddings, of those that records have."""
        return {modality: encoder.dimension for modality, encoder in self.encoders.items()}

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The shards of all splits."""
        return tuple(shard for split in self.splits.values() for shard in split.shards)

    def describe_record(self) -> dict[str, Any]:
        """Returns the description of a record, for readers without this package."""
        return describe_record(
            self.image_shape,
            self.spectrogram_shape,
            detected_faces=self.features.get("face_detector", "none") != "none",
            videos="frames_per_second" in self.features,
            detected_speech=self.features.get("voice_activity", "none") != "none",
            dimensions=self.embedding_dimensions,
        )

    def to_json(self) -> str:
        """Returns the text of `dataset.json`; equal datasets have equal texts."""
        fields = asdict(self)
        # Texts of manifests that were written before these fields existed do not change.
        if self.preprocessing_revision == 1:
            del fields["preprocessing_revision"]
        if self.duplicates == Duplicates():
            del fields["duplicates"]
        if not self.corpus.video_files:
            del fields["corpus"]["video_files"]
        if not self.encoders:
            del fields["encoders"]
        for leak in fields["leakage"].values():
            if not leak["same_content"]:
                del leak["same_content"]
        head = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "record": self.describe_record(),
        }
        return json.dumps(head | fields, indent=1, ensure_ascii=False) + "\n"
