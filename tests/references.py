"""Made-up references, and plans of them: planning needs no files."""

from __future__ import annotations

from beam_pipelines.corpus.listing import Clip, MediaFile, PersonMedia
from beam_pipelines.corpus.people import Person
from beam_pipelines.planning.plan import plan_person
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.planning.windows import Grid
from facevoice.features import AudioFacts

RATE_HZ, WINDOW = 16000, 48000


def media(videos, seconds=3.0, native_hz=RATE_HZ, face_videos=None):
    """A person with `count` faces and clips in each video of {video: count}."""
    faces = tuple(
        MediaFile(f"Ann/1.6/{video}/{i:07d}.jpg", video, "1:1")
        for video, count in (face_videos or videos).items()
        for i in range(count)
    )
    clips = tuple(
        Clip(f"id1/{v}/{i:05d}.wav", v, "1:1", AudioFacts(native_hz, round(seconds * native_hz)))
        for v, count in videos.items()
        for i in range(count)
    )
    return PersonMedia(Person("Ann", "Ann", "id1"), faces, clips, ())


def plan(found, **settings):
    settings = PlanSettings(**settings)
    return plan_person(found, settings, Grid(RATE_HZ, WINDOW, settings.window_overlap))


def split_counts(pairs):
    return {s: sum(pair.split == s for pair in pairs) for s in ("train", "validation", "test")}
