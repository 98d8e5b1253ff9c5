"""Renders the dataset card: contents, data leakage, rejected media and settings of a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from facevoice.encoders.exposure import exposures
from facevoice.features import FeatureSettings
from facevoice.features.reject_reasons import Reason
from facevoice.reports.examples import example_grid, original_views
from facevoice.reports.leakage import exposure_sentence, leakage_statement
from facevoice.reports.people import missing_pairs_sentence, summarize_people
from facevoice.reports.rendering import render
from facevoice.reports.settings_table import feature_groups, plan_groups
from tfdata.examples import Example
from tfdata.manifest import Manifest
from tfdata.schema import SPLITS
from tfdata.text import counted, duration, listed


@dataclass(frozen=True)
class CountRow:
    """The size of a split, or of 'all' splits."""

    name: str
    people: int
    videos: int
    pairs: int
    audio: str
    shards: int
    megabytes: float


def dataset_card(
    manifest: Manifest,
    settings: FeatureSettings,
    examples: Sequence[tuple[str, Example]],
    originals: Sequence[tuple[Example, bytes]],
    sounds: Mapping[str, bytes],
    help_texts: Mapping[str, str],
) -> str:
    """Renders the card. The same arguments give the same page.

    Args:
      manifest: of the dataset.
      settings: its preprocessing settings.
      examples: split and example of some people.
      originals: some of these examples, and the originals of their faces as JPEG.
      sounds: key of some of these examples to the sound of the window as MP3.
      help_texts: setting to its help text.
    """
    pairs = sum(split.pairs for split in manifest.splits.values())
    corpus = manifest.corpus
    media = [
        counted(count, name)
        for count, name in (
            (corpus.videos, "video"),
            (corpus.faces, "face image"),
            (corpus.clips, "clip"),
            (corpus.video_files, "video file"),
        )
        if count
    ]
    files = corpus.clips + corpus.video_files
    return render(
        "card.html",
        manifest=manifest,
        settings=settings,
        splits=SPLITS,
        title=f"{counted(len(manifest.people), 'person', 'people')}, {counted(pairs, 'pair')}",
        pairs=pairs,
        by_split=", ".join(f"{manifest.splits[name].pairs:,} {name}" for name in SPLITS),
        videos=_count_videos(manifest, SPLITS),
        paired_audio=duration(pairs * settings.window_seconds),
        corpus_media=listed(media),
        corpus_audio=duration(corpus.audio_seconds),
        mean_clip=duration(corpus.audio_seconds / files) if files else None,
        window_overlap=manifest.plan.get("window_overlap", 0),
        leakage=leakage_statement(manifest.leakage, manifest.duplicates),
        exposures=[exposure_sentence(each) for each in exposures(manifest)],
        grid=example_grid(examples, settings, sounds) if examples else None,
        has_sounds=bool(sounds),
        originals=original_views(originals),
        people=summarize_people(manifest.people),
        counts=list(_count_rows(manifest, settings)),
        rejected_files=sum(manifest.rejects.values()),
        rejects=_reject_rows(manifest.rejects),
        missing_pairs=missing_pairs_sentence(manifest),
        feature_groups=feature_groups(manifest.features, help_texts),
        plan_groups=plan_groups(manifest.plan, help_texts),
        software=sorted(manifest.software.items()),
    )


def _count_videos(manifest: Manifest, splits: Sequence[str]) -> int:
    """Counts the videos of some splits, each of them once."""
    sessions = [manifest.splits[name].sessions.items() for name in splits]
    return len({(who, video) for part in sessions for who, videos in part for video in videos})


def _count_rows(manifest: Manifest, settings: FeatureSettings) -> Iterator[CountRow]:
    for label, names in [*((name, [name]) for name in SPLITS), ("all", list(SPLITS))]:
        splits = [manifest.splits[name] for name in names]
        pairs = sum(split.pairs for split in splits)
        shards = [shard for split in splits for shard in split.shards]
        yield CountRow(
            name=label,
            people=sum(
                any(person.pairs[name] for name in names) for person in manifest.people.values()
            ),
            videos=_count_videos(manifest, names),
            pairs=pairs,
            audio=duration(pairs * settings.window_seconds),
            shards=len(shards),
            megabytes=sum(shard.bytes for shard in shards) / 1e6,
        )


def _reject_rows(rejects: Mapping[str, int]) -> list[tuple[str, float, str]]:
    """Returns (reason, share of the largest count, count) in descending order.

    Reasons of other versions of the software are shown without a description.
    """
    descriptions = {reason.value: f"{reason.value}: {reason.description}" for reason in Reason}
    ordered = sorted(rejects.items(), key=lambda item: (-item[1], item[0]))
    return [
        (descriptions.get(reason, reason), files / ordered[0][1], f"{files:,}")
        for reason, files in ordered
    ]
