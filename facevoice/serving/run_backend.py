"""Answers queries with the model of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.encoders.media import align_face
from facevoice.encoders.registry import image_encoder
from facevoice.evaluation.errors import UnusableError
from facevoice.evaluation.fusion_analysis import expert_logits
from facevoice.evaluation.inference import (
    Query,
    check_media,
    model_inputs,
    prediction_of,
    read_threshold,
)
from facevoice.evaluation.runs import Run
from facevoice.features import MediaError
from facevoice.serving.answers import (
    AUDIO,
    FACE,
    Answer,
    Evidence,
    Match,
    Medium,
    audio_medium,
    face_medium,
    first_spectrogram,
)
from tfdata.schema import IMAGE, SPECTROGRAM
from tfdata.text import counted

Array = NDArray[Any]


class RunBackend:
    """Answers queries with the model of a run; see `answers.Backend`."""

    has_gallery = False

    def __init__(self, run: Run, top: int) -> None:
        """Prepares a run.

        Args:
          run: the run.
          top: maximum number of people in an answer.

        Raises:
          EvaluationError: the threshold is damaged.
          EncoderError: an encoder of the run cannot be used.
        """
        run.media_encoders()
        self._run, self._top = run, top
        self._threshold = read_threshold(run)
        people = counted(len(run.people), "person", "people")
        self.title = f"{run.model}, {people}"
        needed = {"image": (FACE,), "audio": (AUDIO,), "pair": (FACE, AUDIO)}[run.modality]
        alone: tuple[tuple[str, ...], ...] = ((FACE,), (AUDIO,)) if run.accepts_missing else ()
        self.accepts = (*alone, needed)

    def warm(self) -> None:
        """Runs the model once, which then is compiled."""
        self._run.predict({name: self._run.zeros(name, 1) for name in self._run.inputs})

    def identify(self, media: Mapping[str, str]) -> Answer:
        """Returns the answer for media files by field.

        Raises:
          EvaluationError: the media are not those that the model needs, or cannot be used.
          EncoderError, WeightsError: an encoder of the run cannot be used.
        """
        run, query = self._run, Query(media.get(FACE), media.get(AUDIO))
        check_media(run, query)
        inputs = model_inputs(run, query)
        probabilities, embeddings = run.predict(inputs)
        found = prediction_of(run, query, probabilities, self._threshold, self._top)
        alone: dict[str, tuple[Match, ...]] = {}
        evidence = None
        if len(media) == 2 and run.accepts_missing:
            alone = {field: self._alone(inputs, field) for field in media}
            evidence = self._evidence(probabilities, embeddings)
        source = (
            "set by 'evaluate.py --unknown'"
            if self._threshold is not None
            else "'evaluate.py --unknown DIR' has set none, so everyone is taken for a known person"
        )
        return Answer(
            answer=found.answer,
            known=found.known,
            people=tuple(Match(each.name, each.probability) for each in found.people),
            score="probability",
            threshold=self._threshold,
            threshold_source=source,
            face=self._face(media, inputs, alone.get(FACE, ())),
            audio=self._audio(media, inputs, alone.get(AUDIO, ())),
            evidence=evidence,
        )

    def _alone(self, inputs: Mapping[str, Array], field: str) -> tuple[Match, ...]:
        """Returns the most probable people by the face or the clip alone."""
        run, (image, audio) = self._run, self._run.inputs
        if field == FACE:  # repeated for each window
            only = {image: inputs[image][:1], audio: run.zeros(audio, 1)}
        else:
            only = {image: run.zeros(image, len(inputs[audio])), audio: inputs[audio]}
        probabilities = run.predict(only)[0]
        found = prediction_of(run, Query(), probabilities, None, self._top)
        return tuple(Match(each.name, each.probability) for each in found.people)

    def _evidence(self, probabilities: Array, embeddings: Array) -> Evidence | None:
        """Returns the differences of the experts' logits, in the mean of the windows."""
        if len(self._run.people) < 2:
            return None
        order = np.argsort(-probabilities.mean(axis=0, dtype=np.float64), kind="stable")
        first, second = order[:2]
        face, audio = (
            float((logits[:, first] - logits[:, second]).mean())
            for logits in expert_logits(self._run, embeddings)
        )
        people = self._run.people
        return Evidence(people[first], people[second], face, audio, "nats")

    def _face(
        self, media: Mapping[str, str], inputs: Mapping[str, Array], people: tuple[Match, ...]
    ) -> Medium | None:
        if FACE not in media:
            return None
        if IMAGE in inputs:
            return face_medium(inputs[IMAGE][0], people)
        encoder = image_encoder(self._run.media_encoders()["image"].name)
        or_centre = self._run.features.face_detector == "none"  # as `read_face_input`
        return face_medium(align_face(media[FACE], encoder.features, or_centre)[0], people)

    def _audio(
        self, media: Mapping[str, str], inputs: Mapping[str, Array], people: tuple[Match, ...]
    ) -> Medium | None:
        if AUDIO not in media:
            return None
        settings, windows = self._run.features, inputs[self._run.inputs[-1]]
        try:
            levels = (
                windows[0, ..., 0]
                if SPECTROGRAM in inputs
                else first_spectrogram(media[AUDIO], settings)
            )
        except MediaError as error:
            raise UnusableError(f"{media[AUDIO]} cannot be used ({error}).") from None
        return audio_medium(levels, len(windows), settings, people)
