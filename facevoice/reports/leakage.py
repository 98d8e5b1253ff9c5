"""Describes data leakage: pairs of validation and test that share media with training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfdata.manifest import Leak
from tfdata.schema import SPLITS
from tfdata.text import listed


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


def leakage_statement(leakage: Mapping[str, Leak]) -> LeakageStatement:
    """Judges the leakage of a dataset."""
    leaks = {split: leakage[split] for split in SPLITS[1:] if leakage[split].pairs}
    empty = [split for split in SPLITS[1:] if split not in leaks]
    note = f" There are no {listed(empty, 'or')} pairs." if empty else ""
    if not leaks:
        return LeakageStatement("unknown", "The dataset has no held-out data.", note.strip(), {})
    leaking = [split for split, leak in leaks.items() if has_leak(leak)]
    if not leaking:
        verdict = f"No video and no audio sample of {listed(list(leaks), 'or')} is in training."
        text = "Metrics on these splits are measured on recordings that training has not seen."
        return LeakageStatement("none", verdict, text + note, leaks)
    verdict = f"Warning: part of {listed(leaking)} is also in training."
    text = (
        "A model can recognize a recording without recognizing the person, so metrics on these "
        "splits do not carry over to new videos."
    )
    return LeakageStatement("some", verdict, text + note, leaks)


def leakage_sentence(leak: Leak) -> str:
    """Describes the leakage of the test split, for the metrics of runs."""
    if not has_leak(leak):
        return "No video and no audio sample of the test split is in training."
    return (
        f"Of the {leak.pairs:,} test pairs, {leak.same_video:,} are from a video that is also in "
        f"training and {leak.same_audio:,} share audio samples with training, so test metrics are "
        f"optimistic."
    )


def has_leak(leak: Leak) -> bool:
    return bool(leak.same_video or leak.same_audio)
