"""How many shards a rebuild keeps when a corpus changes a little, and how even shards are.

    python benchmarks/kept_shards.py

Plans are made, nothing is decoded: 40 people of VoxCeleb1's sizes (8 to 35 videos and 42 to 260
utterances each, mean 8 s; images once a second of speech), up to 100 pairs each.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

from beam_pipelines.corpus.listing import Clip, MediaFile, PersonMedia
from beam_pipelines.corpus.people import Person
from beam_pipelines.planning.plan import Pair, group_by_shard, plan_person, shard_order
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.planning.windows import Grid
from facevoice.features import AudioFacts, FeatureSettings

FEATURES = FeatureSettings()
GRID = Grid(FEATURES.sample_rate_hz, FEATURES.window_samples)
Shards = dict[tuple[str, int], tuple[str, ...]]


def main() -> None:
    """Prints the table."""
    people = [made_person(number) for number in range(41)]
    forty = people[:40]
    changed = {
        "the 41st person joins": people,
        "one video is added": [with_video(forty[0]), *forty[1:]],
        "one clip is removed": [without_clip(forty[0]), *forty[1:]],
        "one image is removed": [without_face(forty[0]), *forty[1:]],
    }
    print("| `--num_shards` | shards | train pairs a shard |", *(f"{name} |" for name in changed))
    print("|" + "---|" * (3 + len(changed)))
    for num_shards in (16, 64, 256):
        settings = PlanSettings(num_shards=num_shards)
        before = shards_of(forty, settings)
        sizes = [len(keys) for (split, _), keys in before.items() if split == "train"]
        even = f"{statistics.mean(sizes):.0f} +- {statistics.stdev(sizes):.0f} ({max(sizes)} most)"
        kept = [kept_words(before, shards_of(after, settings)) for after in changed.values()]
        print(f"| {num_shards} | {len(before)} | {even} |", *(f"{words} |" for words in kept))


def shards_of(people: Iterable[PersonMedia], settings: PlanSettings) -> Shards:
    """Which pairs each shard holds, in order."""
    parts = [
        part
        for media in people
        for part in group_by_shard(plan_person(media, settings, GRID), settings)
    ]
    return {
        place: tuple(pair.key for pair in shard_order((p for _, ps in group for p in ps), 0))
        for place, group in groupby(sorted(parts, key=itemgetter(0)), key=itemgetter(0))
    }


def kept_words(before: Shards, after: Shards) -> str:
    """How many of the shards that there were stay as they are."""
    kept = sum(after.get(place) == keys for place, keys in before.items())
    return f"{kept} ({kept / len(before):.0%})"


def made_person(number: int, videos: Sequence[int] | None = None) -> PersonMedia:
    """Somebody with as many videos, clips and images as people of VoxCeleb1 have."""
    draw = random.Random(number)
    faces: list[MediaFile] = []
    clips: list[Clip] = []
    for video in range(draw.randint(8, 35)):
        faces += made_faces(number, f"video{video}", draw)
        clips += made_clips(number, f"video{video}", draw)
    name = f"Person_{number}"
    return PersonMedia(Person(name, name, f"id{number}"), tuple(faces), tuple(clips), ())


def made_faces(number: int, video: str, draw: random.Random) -> list[MediaFile]:
    """One image a second of some 40 s of speech."""
    count = draw.randint(8, 80)
    return [MediaFile(f"Person_{number}/1.6/{video}/{i}.jpg", video, "") for i in range(count)]


def made_clips(number: int, video: str, draw: random.Random) -> list[Clip]:
    """Utterances of 4 s and more, 8 s on average."""
    lengths = [4 + draw.expovariate(1 / 4) for _ in range(draw.randint(1, 12))]
    return [
        Clip(f"id{number}/{video}/{i}.wav", video, "", AudioFacts(16000, round(16000 * seconds)))
        for i, seconds in enumerate(lengths)
    ]


def with_video(media: PersonMedia) -> PersonMedia:
    """The same person with one more video."""
    draw = random.Random("more")
    number = int(media.person.identity.removeprefix("Person_"))
    return PersonMedia(
        media.person,
        (*media.faces, *made_faces(number, "more", draw)),
        (*media.clips, *made_clips(number, "more", draw)),
        (),
    )


def without_clip(media: PersonMedia) -> PersonMedia:
    """The same person without one clip that is in use."""
    gone = used(media).window.clip
    clips = tuple(clip for clip in media.clips if clip != gone)
    return PersonMedia(media.person, media.faces, clips, ())


def without_face(media: PersonMedia) -> PersonMedia:
    """The same person without one image that is in use."""
    gone = used(media).face
    faces = tuple(face for face in media.faces if face != gone)
    return PersonMedia(media.person, faces, media.clips, ())


def used(media: PersonMedia) -> Pair:
    """A pair that the plan makes."""
    return plan_person(media, PlanSettings(), GRID)[0]


if __name__ == "__main__":
    main()
