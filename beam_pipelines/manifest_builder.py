"""Assembles the manifest from the plan summary and the shard results. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from beam_pipelines.corpus.listing import CLIP, FACE, MOMENT, VIDEO
from beam_pipelines.corpus.people import Person as CorpusPerson
from beam_pipelines.duplicate_messages import conflict_lines
from beam_pipelines.errors import BuildError
from beam_pipelines.messages import missing_lines
from beam_pipelines.planning.leakage import Leaks
from beam_pipelines.planning.plan_summary import PlanSummary
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.shards.duplicates import FoundDuplicates
from beam_pipelines.shards.fingerprints import software
from beam_pipelines.shards.shard_results import ShardResult
from facevoice.encoders.registry import encoder_info
from facevoice.features import FeatureSettings, Reason, settings
from tfdata.manifest import Corpus, Encoder, Manifest, Person, Shard, Split
from tfdata.rejects import Reject
from tfdata.schema import SPLITS
from tfdata.text import agree, counted

# Reasons that say what a moment of a video shows, and not that its file is broken.
UNSUITABLE_CONTENT = (
    Reason.BLANK,
    Reason.NO_FACE,
    Reason.SEVERAL_FACES,
    Reason.NO_TRACK,
    Reason.TOO_SMALL,
    Reason.SILENT,
    Reason.NO_SPEECH,
)


def build_manifest(
    results: Sequence[ShardResult],
    summary: PlanSummary,
    leaks: Leaks,
    duplicates: FoundDuplicates,
    people: Iterable[CorpusPerson],
    rejects: Sequence[Reject],
    features: FeatureSettings,
    plan: PlanSettings,
    split_file_sha256: str | None,
) -> Manifest:
    """Returns the manifest of a finished build, which depends on corpus and settings only.

    Labels are numbers from 0 of the people who have a pair, in the order of identities.
    """
    meta = {person.identity: dict(person.meta) for person in people}
    pairs = _pairs_by_split(results)
    identities = {identity for counts in pairs.values() for identity in counts}
    with_pairs = sorted(identities)
    missing = missing_pairs(summary, results)
    planned = [summary.people[identity] for identity in with_pairs]
    return Manifest(
        features=features.recorded(),
        plan=_plan_fields(plan, split_file_sha256),
        image_shape=features.image_shape,
        spectrogram_shape=features.spectrogram_shape,
        people={
            identity: Person(
                label=label,
                meta=meta[identity],
                pairs={split: pairs[split][identity] for split in SPLITS},
                missing=missing[identity],
            )
            for label, identity in enumerate(with_pairs)
        },
        splits={split: _split([r for r in results if r.split == split]) for split in SPLITS},
        without_pairs={
            identity: missing[identity]
            for identity in sorted(missing)
            if missing[identity] and identity not in identities
        },
        corpus=Corpus(
            videos=sum(person.videos for person in planned),
            faces=sum(person.faces for person in planned),
            clips=sum(person.clips for person in planned),
            audio_seconds=round(sum(person.audio_seconds for person in planned), 3),
            video_files=sum(person.video_files for person in planned),
        ),
        leakage={
            split: replace(leak, same_content=duplicates.leaking_pairs[split])
            for split, leak in leaks.items()
        },
        rejects=dict(sorted(Counter(reject.reason for reject in rejects).items())),
        software=software(features),
        preprocessing_revision=settings.PREPROCESSING_REVISION,
        duplicates=replace(duplicates.counts, dropped=summary.dropped),
        encoders=_encoders(features, sum(result.centred for result in results)),
    )


def _pairs_by_split(results: Iterable[ShardResult]) -> dict[str, Counter[str]]:
    """Returns split to identity to number of pairs."""
    pairs = {split: Counter[str]() for split in SPLITS}
    for result in results:
        pairs[result.split].update(result.pairs)
    return pairs


def _encoders(features: FeatureSettings, centred: int) -> dict[str, Encoder]:
    """Returns the encoders of a dataset by modality; `centred` is that of the face encoder."""
    names = {"image": features.face_encoder, "audio": features.voice_encoder}
    infos = {key: encoder_info(name) for key, name in names.items() if name != "none"}
    return {
        modality: Encoder(
            name=names[modality],
            version=info.version,
            digest=info.digest,
            dimension=info.dimension,
            centred=centred if modality == "image" else 0,
        )
        for modality, info in infos.items()
    }


def unique_rejects(summary: PlanSummary, results: Iterable[ShardResult]) -> list[Reject]:
    """Returns each rejected media file and each rejected moment once, by path.

    If the windows of a clip fail for different reasons, the first in sorted order is kept.
    """
    found = {*summary.rejects, *(reject for result in results for reject in result.rejects)}
    ordered = sorted(found, key=lambda r: (r.path, r.kind, r.reason, r.detail), reverse=True)
    first = {_file_or_moment(reject): reject for reject in ordered}
    return sorted(first.values(), key=_file_or_moment)


def _file_or_moment(reject: Reject) -> tuple[str, str, str]:
    """Returns what a reject is about; the detail of a moment names its window."""
    return reject.path, reject.kind, reject.detail if reject.kind == MOMENT else ""


def check_rejects(
    rejects: Sequence[Reject],
    summary: PlanSummary,
    results: Sequence[ShardResult],
    max_fraction: float,
) -> None:
    """Checks the fractions of the examined images, clips, videos and moments that are rejected.

    Examined are clips and videos whose headers were read, images and moments that were opened, and
    files that could not be listed. A moment whose content is unsuitable does not count as rejected:
    videos show and say other things, too.

    Raises:
      BuildError: a fraction is above `max_fraction`.
    """
    bad = Counter(
        reject.kind
        for reject in rejects
        if reject.kind != MOMENT or reject.reason not in UNSUITABLE_CONTENT
    )
    unlisted_faces = sum(reject.kind == FACE for reject in summary.rejects)
    people = summary.people.values()
    examined = {
        FACE: unlisted_faces + sum(result.opened for result in results),
        CLIP: sum(person.examined for person in people),
        VIDEO: bad[VIDEO] + sum(person.video_files for person in people),
        MOMENT: sum(result.opened_moments for result in results),
    }
    media = {FACE: "image", CLIP: "clip", VIDEO: "video file", MOMENT: "moment"}
    for kind, medium in media.items():
        if bad[kind] > max_fraction * examined[kind]:
            of_videos = " of videos" if kind == MOMENT else ""
            raise BuildError(
                f"{bad[kind]} of {counted(examined[kind], medium)}{of_videos} examined "
                f"{agree(bad[kind], 'is', 'are')} rejected "
                f"({bad[kind] / examined[kind]:.1%}), and --max_reject_fraction allows "
                f"{max_fraction:.1%}; check the corpus, or allow more. Finished shards are kept."
            )


def check_missing(missing: Mapping[str, int]) -> None:
    """Checks that no pair is missing.

    Raises:
      BuildError: pairs are missing because media are broken.
    """
    if any(missing.values()):
        raise BuildError(
            f"{missing_lines(missing)[0]}; --strict does not allow that. Repair or replace the "
            f"media, or build without --strict."
        )


def check_duplicates(duplicates: FoundDuplicates) -> None:
    """Checks that no content is in several splits or of several people.

    Raises:
      BuildError: there is such a content.
    """
    if lines := conflict_lines(duplicates, max_examples=1):
        raise BuildError(
            f"{lines[0]}; --duplicates refuse does not allow that. Remove one of the files, or "
            f"build with --duplicates drop."
        )


def missing_pairs(summary: PlanSummary, results: Iterable[ShardResult]) -> dict[str, int]:
    """Returns identity to number of pairs that are missing because media are broken."""
    written = Counter[str]()
    for result in results:
        written.update(result.pairs)
    return {
        identity: person.lost + person.pairs - written[identity]
        for identity, person in summary.people.items()
    }


def _plan_fields(plan: PlanSettings, split_file_sha256: str | None) -> dict[str, Any]:
    """Returns the settings for the manifest.

    `exclude` is left out, because a dataset should not name people who asked to be removed, and
    `duplicates` unless it changes the dataset.
    """
    fields = {name: value for name, value in asdict(plan).items() if name != "exclude"}
    if plan.duplicates != "drop":
        del fields["duplicates"]
    if plan.split_by == "file":
        del fields["split_fractions"]
        fields["split_file_sha256"] = split_file_sha256
    return fields


def _split(results: Sequence[ShardResult]) -> Split:
    sessions: dict[str, set[str]] = {}
    for result in results:
        for identity, videos in result.sessions.items():
            sessions.setdefault(identity, set()).update(videos)
    shards = [Shard(r.file, r.records, r.bytes, r.sha256) for r in results if r.file is not None]
    return Split(
        pairs=sum(shard.records for shard in shards),
        sessions={identity: sorted(sessions[identity]) for identity in sorted(sessions)},
        shards=tuple(sorted(shards, key=lambda shard: shard.file)),
    )
