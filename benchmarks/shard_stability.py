"""Counts the shards that a rebuild keeps after a small change of the corpus.

    python benchmarks/shard_stability.py

It also prints how much the sizes of shards vary. It plans a dataset without decoding media: up to
100 pairs of each of 40 people, who have as many media as in VoxCeleb1 (8 to 35 videos and 42 to 260
utterances each, 8 s on average, one image per second of speech).
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterable
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
    people = [random_person(number) for number in range(41)]
    forty = people[:40]
    changed = {
        "the 41st person joins": people,
        "one video is added": [with_video(forty[0]), *forty[1:]],
        "one clip is removed": [without_clip(forty[0]), *forty[1:]],
        "one image is removed": [without_face(forty[0]), *forty[1:]],
    }
    print("| `--num_shards` | shards | train pairs per shard |", *(f"{name} |" for name in changed))
    print("|" + "---|" * (3 + len(changed)))
    for num_shards in (16, 64, 256):
        settings = PlanSettings(num_shards=num_shards)
        before = shards_of(forty, settings)
        sizes = [len(keys) for (split, _), keys in before.items() if split == "train"]
        mean, deviation = statistics.mean(sizes), statistics.stdev(sizes)
        spread = f"{mean:.0f} +- {deviation:.0f} (max {max(sizes)})"
        kept = [kept_shards(before, shards_of(after, settings)) for after in changed.values()]
        print(f"| {num_shards} | {len(before)} | {spread} |", *(f"{cell} |" for cell in kept))


def shards_of(people: Iterable[PersonMedia], settings: PlanSettings) -> Shards:
    """Returns the keys of each shard's pairs, in order."""
    parts = [
        part
        for media in people
        for part in group_by_shard(plan_person(media, settings, GRID), settings)
    ]
    return {
        place: tuple(pair.key for pair in shard_order((p for _, ps in group for p in ps), 0))
        for place, group in groupby(sorted(parts, key=itemgetter(0)), key=itemgetter(0))
    }


def kept_shards(before: Shards, after: Shards) -> str:
    """Formats the number and share of shards that are unchanged."""
    kept = sum(after.get(place) == keys for place, keys in before.items())
    return f"{kept} ({kept / len(before):.0%})"


def random_person(number: int) -> PersonMedia:
    """Returns a person with as many videos, clips and images as a person of VoxCeleb1."""
    rng = random.Random(number)
    faces: list[MediaFile] = []
    clips: list[Clip] = []
    for video in range(rng.randint(8, 35)):
        faces += random_faces(number, f"video{video}", rng)
        clips += random_clips(number, f"video{video}", rng)
    name = f"Person_{number}"
    return PersonMedia(Person(name, name, f"id{number}"), tuple(faces), tuple(clips), ())


def random_faces(number: int, video: str, rng: random.Random) -> list[MediaFile]:
    """Returns the images of a video, one per second of about 40 s of speech."""
    count = rng.randint(8, 80)
    return [MediaFile(f"Person_{number}/1.6/{video}/{i}.jpg", video, "") for i in range(count)]


def random_clips(number: int, video: str, rng: random.Random) -> list[Clip]:
    """Returns the utterances of a video, of at least 4 s, 8 s on average."""
    lengths = [4 + rng.expovariate(1 / 4) for _ in range(rng.randint(1, 12))]
    return [
        Clip(f"id{number}/{video}/{i}.wav", video, "", AudioFacts(16000, round(16000 * seconds)))
        for i, seconds in enumerate(lengths)
    ]


def with_video(media: PersonMedia) -> PersonMedia:
    """Returns the person with one more video."""
    rng = random.Random("more")
    number = int(media.person.identity.removeprefix("Person_"))
    return PersonMedia(
        media.person,
        (*media.faces, *random_faces(number, "more", rng)),
        (*media.clips, *random_clips(number, "more", rng)),
        (),
    )


def without_clip(media: PersonMedia) -> PersonMedia:
    """Returns the person without one of the clips that are used."""
    removed = first_pair(media).window.clip
    clips = tuple(clip for clip in media.clips if clip != removed)
    return PersonMedia(media.person, media.faces, clips, ())


def without_face(media: PersonMedia) -> PersonMedia:
    """Returns the person without one of the images that are used."""
    removed = first_pair(media).face
    faces = tuple(face for face in media.faces if face != removed)
    return PersonMedia(media.person, faces, media.clips, ())


def first_pair(media: PersonMedia) -> Pair:
    """Returns a pair of the person's plan."""
    return plan_person(media, PlanSettings(), GRID)[0]


if __name__ == "__main__":
    main()
