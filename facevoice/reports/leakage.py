"""Describes data leakage: pairs of validation and test that share media with training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facevoice.encoders.exposure import Exposure
from tfdata.manifest import Duplicates, Leak
from tfdata.schema import SPLITS
from tfdata.text import agree, counted, listed


@dataclass(frozen=True)
class LeakageStatement:
    """A verdict for the dataset card.

    Attributes:
      status: 'none', 'some' or 'unknown'.
      verdict: one sentence.
      explanation: further sentences.
      leaks: split to counts, of the splits with pairs.
    """

    status: str
    verdict: str
    explanation: str
    leaks: Mapping[str, Leak]

    @property
    def has_copies(self) -> bool:
        return any(leak.same_content for leak in self.leaks.values())


def leakage_statement(
    leakage: Mapping[str, Leak], duplicates: Duplicates | None = None
) -> LeakageStatement:
    """Judges the leakage of a dataset."""
    duplicates = duplicates or Duplicates()
    leaks = {split: leakage[split] for split in SPLITS[1:] if leakage[split].pairs}
    empty = [split for split in SPLITS[1:] if split not in leaks]
    note = f" There are no {listed(empty, 'or')} pairs." if empty else ""
    note = duplicates_text(duplicates) + note
    if not leaks:
        return LeakageStatement("unknown", "The dataset has no held-out data.", note.strip(), {})
    leaking = [split for split, leak in leaks.items() if has_leak(leak)]
    if leaking:
        verdict = f"Warning: part of {listed(leaking)} is also in training."
        text = (
            "A model can recognize a recording without recognizing the person, so metrics on these "
            "splits do not carry over to new videos."
        )
        return LeakageStatement("some", verdict, text + note, leaks)
    if duplicates.across_people or duplicates.across_splits:
        verdict = "Warning: equal files are in several splits or of several people."
        return LeakageStatement("some", verdict, note.strip(), leaks)
    verdict = f"No video and no audio sample of {listed(list(leaks), 'or')} is in training."
    text = "Metrics on these splits are measured on recordings that training has not seen."
    return LeakageStatement("none", verdict, text + note, leaks)


def duplicates_text(duplicates: Duplicates) -> str:
    """Returns a sentence about each kind of files with equal content, each after a space."""
    sentences = [
        (duplicates.across_people, "the content of a file of another person, so a label is wrong"),
        (duplicates.across_splits, "the content of a file in another split"),
        (duplicates.within_split, "the content of another file of one person in one split"),
    ]
    text = "".join(
        f" {counted(count, 'file')} {agree(count, 'has', 'have')} {what}."
        for count, what in sentences
        if count
    )
    if count := duplicates.dropped:
        text += f" The build dropped {counted(count, 'file')} with the content of another file."
    return text


def leakage_sentence(leak: Leak) -> str:
    """Describes the leakage of the test split, for the metrics of runs."""
    if not has_leak(leak):
        return "No video and no audio sample of the test split is in training."
    copies = (
        f" {leak.same_content:,} {agree(leak.same_content, 'has', 'have')} a copy of an image or "
        f"clip of training."
        if leak.same_content
        else ""
    )
    return (
        f"Of the {counted(leak.pairs, 'test pair')}, {leak.same_video:,} "
        f"{agree(leak.same_video, 'is', 'are')} from a video that is also in training and "
        f"{leak.same_audio:,} {agree(leak.same_audio, 'shares', 'share')} audio samples with "
        f"training, so test metrics are optimistic.{copies}"
    )


def exposure_sentence(exposure: Exposure) -> str:
    """Describes which people the encoder of embeddings may have seen in its training."""
    people = counted(exposure.people, "person", "people")
    if exposure.trained_on is None:
        return (
            f"What the encoder {exposure.encoder} was trained on is not known. It may have seen "
            f"any of {people}, so metrics may be optimistic."
        )
    parts = [
        (exposure.seen, "has seen"),
        (exposure.probable, "has probably seen"),
        (exposure.unseen, "has not seen"),
    ]
    known = [f"{what} {count:,}" for count, what in parts if count]
    text = f"The encoder {exposure.encoder} was trained on {exposure.trained_on}."
    if known:
        text += f" By their ids, it {listed(known)} of {people}."
    if unknown := exposure.people - exposure.seen - exposure.probable - exposure.unseen:
        who = counted(unknown, "other") if known else people
        text += f" Whether it has seen {who} is not known."
    if exposure.people != exposure.unseen:
        text += " Metrics of people that an encoder has seen are optimistic."
    return text


def has_leak(leak: Leak) -> bool:
    return bool(leak.same_video or leak.same_audio or leak.same_content)
