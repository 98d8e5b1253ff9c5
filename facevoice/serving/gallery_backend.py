"""Answers queries with a gallery, and enrols and forgets people."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevoice.encoders.media import align_face, embed_face
from facevoice.encoders.recorded import check_equal
from facevoice.encoders.registry import audio_encoder, image_encoder
from facevoice.evaluation.errors import UnusableError
from facevoice.features import FeatureSettings, MediaError, consecutive_starts, probe_audio
from facevoice.features.shared_image import SharedImage
from facevoice.gallery import gallery as galleries
from facevoice.gallery.gallery import Gallery
from facevoice.gallery.media import choose_encoder, embed_file, embed_samples
from facevoice.gallery.search import Search, best_matches
from facevoice.gallery.serialization import INDEX_NAME
from facevoice.gallery.store import change_gallery, existing_gallery
from facevoice.gallery.thresholds import Threshold, calibrate
from facevoice.serving.answers import (
    AUDIO,
    FACE,
    Answer,
    Evidence,
    Match,
    Medium,
    audio_medium,
    face_medium,
    finite,
    first_spectrogram,
)

Floats = NDArray[np.float32]
# Fields of a request and modalities of a gallery.
MODALITIES = {FACE: galleries.IMAGE, AUDIO: galleries.AUDIO}


class GalleryBackend:
    """Answers queries with a gallery; see `answers.Backend`.

    The gallery is read again when another program has changed it.
    """

    has_gallery = True
    accepts: tuple[tuple[str, ...], ...] = ((FACE,), (AUDIO,), (FACE, AUDIO))

    def __init__(
        self,
        folder: Path,
        named: Mapping[str, str | None],
        false_accept_rate: float,
        top: int,
    ) -> None:
        """Opens a gallery, which is created by the first enrolment if there is none.

        Args:
          folder: of the gallery.
          named: 'face' and 'audio' to the encoder that the user named, or None.
          false_accept_rate: sets the threshold.
          top: maximum number of people in an answer.

        Raises:
          GalleryError: it is damaged, or an encoder differs or has to be named.
          EncoderError: there is no such encoder.
        """
        self._folder, self._named = folder, named
        self._rate, self._top = false_accept_rate, top
        self.title = f"gallery {folder.absolute().name}"
        self._read()
        self._encoders = {
            field: choose_encoder(self._gallery, modality, named.get(field))
            for field, modality in MODALITIES.items()
        }

    def warm(self) -> None:
        """Loads the encoders of enrolled media, and prepares the search."""
        if galleries.IMAGE in self._gallery.samples:
            image_encoder(self._encoders[FACE].name)
        if galleries.AUDIO in self._gallery.samples:
            audio_encoder(self._encoders[AUDIO].name)
        for modality in self._gallery.samples:
            self._calibrated((modality,))

    def people(self) -> dict[str, dict[str, int]]:
        """Returns the number of samples by modality of each person, sorted by name.

        Raises:
          GalleryError: the gallery is damaged.
        """
        self._refresh()
        return self._gallery.people

    def enroll(self, name: str, media: Mapping[str, str], files: Mapping[str, str]) -> int:
        """Adds samples to a gallery; returns how many were not enrolled before.

        Args:
          name: of the person, as `check_name` returns it.
          media: field to the path of a file.
          files: field to the name that is recorded for the file.

        Raises:
          UnusableError: a file cannot be used; nothing is enrolled.
          GalleryError: the gallery cannot be changed.
          EncoderError, WeightsError: an encoder cannot be used.
        """
        self._refresh()
        new = {}
        for field, path in media.items():
            samples, errors = embed_samples(name, [path], self._encoders[field])
            if errors:
                raise errors[0]
            sources = tuple(replace(each, media=files[field]) for each in samples.sources)
            new[MODALITIES[field]] = replace(samples, sources=sources)
        added = 0

        def enroll(known: Gallery) -> Gallery:
            nonlocal added
            added = sum(sum(known.is_new(modality, each)) for modality, each in new.items())
            return known.enroll(new)

        change_gallery(self._folder, enroll, create=True)
        return added

    def forget(self, name: str) -> None:
        """Removes a person.

        Raises:
          GalleryError: there is no such person, or the gallery cannot be changed.
        """
        change_gallery(self._folder, lambda known: known.forget(name))

    def identify(self, media: Mapping[str, str]) -> Answer:
        """Returns the answer for media files by field.

        Raises:
          UnusableError: a file cannot be used.
          GalleryError: the gallery is damaged, or has no samples of a medium.
          EncoderError, WeightsError: an encoder cannot be used.
        """
        self._refresh()
        modalities = tuple(MODALITIES[field] for field in media)
        search, threshold = self._calibrated(modalities)
        read = {
            FACE: self._read_face,
            AUDIO: self._read_audio,
        }
        queries, found = {}, {}
        for field, path in media.items():
            try:
                queries[MODALITIES[field]], found[field] = read[field](path)
            except MediaError as error:
                raise UnusableError(f"{path} cannot be used ({error}).") from None
        if len(media) == 2:
            for field, modality in MODALITIES.items():
                alone, _ = self._calibrated((modality,))
                nearest = _nearest(alone, alone({modality: queries[modality]})[0], self._top)
                found[field] = replace(found[field], people=nearest)
        scores = search(queries)[0]
        people = _nearest(search, scores, self._top)
        known = None if threshold.value is None else people[0].score > threshold.value
        return Answer(
            answer=people[0].name if known else None,
            known=known,
            people=people,
            score="score",
            threshold=None if threshold.value is None else finite(threshold.value),
            threshold_source=threshold.source,
            face=found.get(FACE),
            audio=found.get(AUDIO),
            evidence=_evidence(search, queries, scores) if len(media) == 2 else None,
        )

    def _read_face(self, path: str) -> tuple[Floats, Medium]:
        """Returns the embedding of a face, [1, dimension], and its picture."""
        encoder, image = image_encoder(self._encoders[FACE].name), SharedImage(path)
        embedding = embed_face(image, self._encoders[FACE].name).embedding
        return embedding[None], face_medium(align_face(image, encoder.features)[0], ())

    def _read_audio(self, path: str) -> tuple[Floats, Medium]:
        """Returns the embedding of a clip, [1, dimension], and the picture of its first window."""
        embedding = embed_file(path, self._encoders[AUDIO])
        settings = FeatureSettings()  # of the picture alone
        levels = first_spectrogram(path, settings)
        samples = probe_audio(path).samples_at(settings.sample_rate_hz)
        windows = len(consecutive_starts(samples, settings))
        return embedding[None], audio_medium(levels, windows, settings, ())

    def _calibrated(self, modalities: tuple[str, ...]) -> tuple[Search, Threshold]:
        if modalities not in self._searches:
            self._searches[modalities] = calibrate(self._gallery, modalities, self._rate)
        return self._searches[modalities]

    def _refresh(self) -> None:
        """Reads the gallery again if it has changed.

        Raises:
          GalleryError: it is damaged.
          EncoderError: its encoders are others now.
        """
        if self._version_on_disk() == self._version:
            return
        self._read()
        for field, modality in MODALITIES.items():
            if samples := self._gallery.samples.get(modality):
                check_equal(samples.encoder, self._encoders[field], galleries.GALLERY)

    def _read(self) -> None:
        self._version = self._version_on_disk()  # before: a change meanwhile is then seen later
        self._gallery = existing_gallery(self._folder)
        self._searches: dict[tuple[str, ...], tuple[Search, Threshold]] = {}

    def _version_on_disk(self) -> tuple[int, int, int] | None:
        with suppress(FileNotFoundError, NotADirectoryError):
            status = (self._folder / INDEX_NAME).stat()
            return status.st_ino, status.st_mtime_ns, status.st_size
        return None


def _nearest(search: Search, scores: Floats, top: int) -> tuple[Match, ...]:
    return tuple(Match(*each) for each in best_matches(search.names, scores, top))


def _evidence(search: Search, queries: Mapping[str, Floats], scores: Floats) -> Evidence | None:
    """Returns the differences of the standardised scores of the first and the second person."""
    if len(search.names) < 2:
        return None
    first, second = np.argsort(-scores, kind="stable")[:2]
    parts = search.standardised(queries)
    face, audio = (
        finite(parts[modality][0, first] - parts[modality][0, second])
        for modality in MODALITIES.values()
    )
    names = search.names
    return Evidence(names[first], names[second], face, audio, "standard deviations")
