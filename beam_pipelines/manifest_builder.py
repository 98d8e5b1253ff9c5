"""From what the plan and its shards came to, the manifest. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from beam_pipelines.corpus.listing import CLIP, FACE, Reject
from beam_pipelines.corpus.people import Person as CorpusPerson
from beam_pipelines.errors import BuildError
from beam_pipelines.messages import missing_lines
from beam_pipelines.planning.leakage import Leaks
from beam_pipelines.planning.plan_summary import PlanSummary
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.shards.fingerprints import software
from beam_pipelines.shards.shard_results import ShardResult
from facevoice.features import FeatureSettings
from tfdata.manifest import Corpus, Manifest, Person, Shard, Split
from tfdata.schema import SPLITS


def assemble(
    notes: Sequence[ShardResult],
    outline: PlanSummary,
    leaks: Leaks,
    people: Iterable[CorpusPerson],
    rejects: Sequence[Reject],
    features: FeatureSettings,
    plan: PlanSettings,
    split_file_sha256: str | None,
) -> Manifest:
    """The manifest of a finished build: a function of corpus and settings alone.

    Labels number the people who have a pair, by identity.
    """
    facts = {person.identity: dict(person.meta) for person in people}
    with_pairs = sorted({identity for note in notes for identity in note.pairs})
    missing = missing_pairs(outline, notes)
    had = [outline.people[who] for who in with_pairs]
    return Manifest(
        features=asdict(features),
        plan=_plan_facts(plan, split_file_sha256),
        image_shape=features.image_shape,
        spectrogram_shape=features.spectrogram_shape,
        people={
            identity: Person(
                label=label,
                meta=facts[identity],
                pairs={
                    split: sum(n.pairs.get(identity, 0) for n in notes if n.split == split)
                    for split in SPLITS
                },
                missing=missing[identity],
            )
            for label, identity in enumerate(with_pairs)
        },
        splits={split: _split([n for n in notes if n.split == split]) for split in SPLITS},
        without_pairs={
            who: missing[who] for who in sorted(missing) if missing[who] and who not in with_pairs
        },
        corpus=Corpus(
            videos=sum(person.videos for person in had),
            faces=sum(person.faces for person in had),
            clips=sum(person.clips for person in had),
            audio_seconds=round(sum(person.audio_seconds for person in had), 3),
        ),
        leakage=leaks,
        rejects=dict(sorted(Counter(reject.reason for reject in rejects).items())),
        software=software(),
    )


def unique_rejects(outline: PlanSummary, notes: Iterable[ShardResult]) -> list[Reject]:
    """Every media file that was rejected in planning or in writing, once, by path.

    Of a clip whose windows fail in different ways one is kept, whichever shard came first.
    """
    found = {*outline.rejects, *(reject for note in notes for reject in note.rejects)}
    ordered = sorted(found, key=lambda r: (r.path, r.kind, r.reason, r.detail), reverse=True)
    first = {(reject.path, reject.kind): reject for reject in ordered}
    return sorted(first.values(), key=lambda reject: (reject.path, reject.kind))


def check_rejects(
    rejects: Sequence[Reject], outline: PlanSummary, notes: Iterable[ShardResult], most: float
) -> None:
    """Raises BuildError if of the images, or of the clips, a larger share than `most` is rejected.

    Of the files that were examined, that is: clips whose headers were read, images that were
    opened, and what could not even be listed.
    """
    bad = Counter(reject.kind for reject in rejects)
    unlisted_faces = sum(reject.kind == FACE for reject in outline.rejects)
    examined = {
        FACE: unlisted_faces + sum(note.opened for note in notes),
        CLIP: sum(person.examined for person in outline.people.values()),
    }
    for kind, plural in ((FACE, "images"), (CLIP, "clips")):
        if bad[kind] > most * examined[kind]:
            raise BuildError(
                f"{bad[kind]} of {examined[kind]} {plural} examined are rejected "
                f"({bad[kind] / examined[kind]:.1%}), and --max_reject_fraction allows "
                f"{most:.1%}; check the corpus, or allow more: what is finished is kept."
            )


def check_missing(missing: Mapping[str, int]) -> None:
    """Raises BuildError if broken media cost anyone a pair."""
    if any(missing.values()):
        raise BuildError(
            f"{missing_lines(missing)[0]}; --strict refuses that. Mend or replace the media, or "
            f"build without --strict."
        )


def missing_pairs(outline: PlanSummary, notes: Iterable[ShardResult]) -> dict[str, int]:
    """By person, the pairs that broken media cost: in their headers, or with no spare left."""
    made = Counter[str]()
    for note in notes:
        made.update(note.pairs)
    return {who: person.lost + person.pairs - made[who] for who, person in outline.people.items()}


def _plan_facts(plan: PlanSettings, split_file_sha256: str | None) -> dict[str, Any]:
    """The settings that say what a data set is.

    The names in `--exclude` are left out: who wants to be taken out of a data set should not be
    named by it.
    """
    facts = {name: value for name, value in asdict(plan).items() if name != "exclude"}
    if plan.split_by == "file":
        del facts["split_fractions"]
        facts["split_file_sha256"] = split_file_sha256
    return facts


def _split(notes: Sequence[ShardResult]) -> Split:
    sessions: dict[str, set[str]] = {}
    for note in notes:
        for identity, videos in note.sessions.items():
            sessions.setdefault(identity, set()).update(videos)
    shards = [Shard(n.file, n.records, n.bytes, n.sha256) for n in notes if n.file is not None]
    return Split(
        pairs=sum(shard.records for shard in shards),
        sessions={identity: sorted(sessions[identity]) for identity in sorted(sessions)},
        shards=tuple(sorted(shards, key=lambda shard: shard.file)),
    )
