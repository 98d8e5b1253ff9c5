"""Functions of the pipeline's steps, each from one element to one or several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from apache_beam.metrics.metric import Metrics

from beam_pipelines.coders import PairBatch, ReferenceCoder
from beam_pipelines.corpus.content import Copy, FileOf, content_digest, copies_among
from beam_pipelines.corpus.listing import (
    CLIP,
    FACE,
    VIDEO,
    Clip,
    MediaFile,
    PersonFiles,
    PersonMedia,
    Video,
    list_files,
    probe_media,
)
from beam_pipelines.corpus.people import Person
from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.leakage import Leaks, count_leaks
from beam_pipelines.planning.plan import (
    Pair,
    count_lost_pairs,
    group_by_identity,
    group_by_shard,
    plan_person,
    shard_order,
)
from beam_pipelines.planning.plan_summary import PlannedPerson, PlannedShard, PlanSummary
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.planning.windows import Grid
from beam_pipelines.runners.preflight import check_worker
from beam_pipelines.shards import output_dir, published, writer
from beam_pipelines.shards.fingerprints import Job, ShardPlan, plan_digest
from beam_pipelines.shards.shard_results import written_pairs
from facevoice.features import MediaError, probe_audio, probe_video, read_face
from tfdata.rejects import Reject
from tfdata.storage.base import Place

PersonPlan = tuple[PersonMedia, list[Pair]]


def list_person(person: Person, job: Job) -> PersonFiles:
    check_worker(job)
    return list_files(person, job.trees(), job.settled_before)


def has_both_modalities(files: PersonFiles) -> bool:
    return (files.has(FACE) and files.has(CLIP)) or files.has(VIDEO)


def digest_files(files: PersonFiles, job: Job) -> Iterator[tuple[bytes, tuple[str, str, str]]]:
    """Yields the digest of the content of each file, and the fields of its FileOf.

    Beam encodes tuples in a third of the bytes of objects. Unreadable files are rejected later.
    """
    check_worker(job)
    trees = job.trees()
    for kind, found in ((FACE, files.faces), (CLIP, files.clips), (VIDEO, files.videos)):
        for file in found:
            with suppress(MediaError):
                digest = content_digest(trees[kind].source(file.path))
                yield digest, (file.path, files.person.identity, kind)


def find_copies(
    group: tuple[bytes, Iterable[tuple[str, str, str]]], job: Job
) -> Iterator[tuple[str, Copy]]:
    """Yields the files that are dropped of those with equal content, by identity.

    Broken files, of which many are empty, are no copies: each is rejected later.
    """
    copies = list(copies_among(FileOf(*fields) for fields in group[1]))
    if copies and _is_usable(copies[0].original, job):
        for copy in copies:
            yield copy.file.identity, copy


def _is_usable(file: FileOf, job: Job) -> bool:
    """Returns whether an image can be decoded, or the header of a clip or video be read."""
    tree = job.trees()[file.kind]  # it owns the copies of remote videos
    try:
        source = tree.source(file.path)
        if file.kind == FACE:
            read_face(source, job.features)
        elif file.kind == CLIP:
            probe_audio(source)
        else:
            probe_video(source)
    except MediaError:
        return False
    return True


def drop_copies(
    files: PersonFiles, copies_of: Mapping[str, Iterable[Copy]]
) -> tuple[PersonFiles, PlanSummary]:
    """Returns a person's files without copies, and how many were dropped."""
    identity = files.person.identity
    copies = list(copies_of[identity])
    dropped = {(copy.file.kind, copy.file.path) for copy in copies}
    kept = replace(
        files,
        faces=tuple(file for file in files.faces if (FACE, file.path) not in dropped),
        clips=tuple(file for file in files.clips if (CLIP, file.path) not in dropped),
        videos=tuple(file for file in files.videos if (VIDEO, file.path) not in dropped),
    )
    summary = PlanSummary(
        dropped=len(copies),
        dropped_across_people=sum(copy.original.identity != identity for copy in copies),
        only_copies=() if has_both_modalities(kept) else (identity,),
    )
    return kept, summary


def identity_of(files: PersonFiles) -> str:
    return files.person.identity


def selection_rank(seed: int, identity: str) -> int:
    return rank(seed, "person", identity)


def is_selected(files: PersonFiles, identities: list[str]) -> bool:
    return files.person.identity in identities


def probe_and_plan(files: PersonFiles, job: Job, plan: PlanSettings, grid: Grid) -> PersonPlan:
    check_worker(job)
    media = probe_media(files, job.trees())
    count_rejects(media.rejects)
    return media, plan_person(media, plan, grid)


def key_by_shard(
    planned: PersonPlan, plan: PlanSettings
) -> Iterator[tuple[tuple[str, int], PairBatch]]:
    for shard, pairs in group_by_shard(planned[1], plan):
        yield shard, PairBatch(pairs)


def to_shard_plan(group: tuple[tuple[str, int], Iterable[PairBatch]], seed: int) -> ShardPlan:
    (split, index), batches = group
    pairs = [pair for batch in batches for pair in batch.pairs]
    return ShardPlan(split, index, tuple(shard_order(pairs, seed)))


def summarize_shard(plan: ShardPlan, job: Job) -> PlanSummary:
    digest = plan_digest(plan, job)
    shard = PlannedShard(
        plan.split,
        len(plan.pairs),
        writer.expected_bytes(plan, job.features),
        is_reusable=writer.has_reusable_result(plan, job.output, digest),
    )
    return PlanSummary(shards={digest: shard})


def summarize_files(files: PersonFiles) -> PlanSummary:
    identity = files.person.identity
    person = files.person
    has_videos = files.has(VIDEO)
    has_sound = has_videos or files.has(CLIP) or files.unlisted > 0
    found = PlanSummary(
        unlisted=files.unlisted,
        repeated_links=files.repeated_links,
        ignored=files.ignored,
        unsettled=files.unsettled,
    )
    if files.unsettled.files:  # what seems to be missing may be among them
        return found
    lacks_faces = person.face_folder and not (has_videos or files.has(FACE))
    lacks_listed = files.unlisted and not (has_videos or files.has(CLIP))
    return replace(
        found,
        without_faces=(identity,) if lacks_faces else (),
        without_clips=(identity,) if person.audio_folder and not has_sound else (),
        without_listed=(identity,) if lacks_listed else (),
        without_videos=(identity,) if person.video_folder and not has_sound else (),
    )


def summarize_person(planned: PersonPlan, plan: PlanSettings, grid: Grid) -> PlanSummary:
    media, pairs = planned
    files: list[MediaFile | Clip | Video] = [*media.faces, *media.clips, *media.videos]
    sessions = {file.session for file in files}
    seconds = [clip.facts.samples / clip.facts.sample_rate_hz for clip in media.clips]
    seconds += [v.facts.audio_end_seconds - v.facts.audio_start_seconds for v in media.videos]
    person = PlannedPerson(
        videos=len(sessions),
        faces=len(media.faces),
        clips=len(media.clips),
        audio_seconds=round(sum(sorted(seconds)), 3),
        pairs=len(pairs),
        lost=count_lost_pairs(media, pairs, plan, grid),
        examined=len(media.clips) + sum(reject.kind == CLIP for reject in media.rejects),
        video_files=len(media.videos),
    )
    return PlanSummary(people={media.person.identity: person}, rejects=media.rejects)


def combine_summaries(summaries: Iterable[PlanSummary]) -> PlanSummary:
    return sum(summaries, PlanSummary())


def write_summary(summary: PlanSummary, job: Job) -> bool:
    """Writes the plan summary; returns whether there is nothing else to write."""
    is_published = published.is_published(job.output, job.settings_digest, summary)
    output_dir.write_plan_summary(job.output, replace(summary, is_published=is_published))
    return is_published


def encode_plan(plan: ShardPlan) -> bytes:
    return ReferenceCoder().encode(plan)


def write_shard(
    encoded_plan: bytes, job: Job, is_published: bool
) -> Iterator[tuple[str, PairBatch]]:
    """Writes a shard unless the dataset is there; yields each identity and its pairs in it."""
    if is_published:
        return
    plan: ShardPlan = ReferenceCoder().decode(encoded_plan)
    check_worker(job)
    result = writer.write_shard(plan, job)
    count_rejects(result.rejects)
    Metrics.counter("facevoice", "pairs").inc(result.records)
    for identity, pairs in group_by_identity(written_pairs(plan, result)).items():
        yield identity, PairBatch(tuple(pairs))


def count_rejects(rejects: Iterable[Reject]) -> None:
    """Adds rejected files to Beam's counters, each file once per shard.

    Steps that a runner repeats are counted again, so the summary is made from shard results.
    """
    files = {(reject.kind, reject.path): reject.reason for reject in rejects}
    for reason, count in Counter(files.values()).items():
        Metrics.counter("facevoice", f"rejected_{reason}").inc(count)


def count_person_leaks(group: tuple[str, Iterable[PairBatch]], window_samples: int) -> Leaks:
    pairs = [pair for batch in group[1] for pair in batch.pairs]
    return count_leaks(pairs, window_samples)


def write_leaks(leaks: Leaks, output: Place) -> None:
    output_dir.write_leaks(output, leaks)
