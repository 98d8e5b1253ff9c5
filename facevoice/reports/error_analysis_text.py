"""Describes robustness to corruptions and the fusion analysis in text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from facevoice.reports.results import Condition, Fusion
from tfdata.text import counted

# Kinds of corruption, in the order of the figures.
CORRUPTIONS = {"noise": "White noise added to", "blur": "Gaussian blur of", "cover": "Occlusion of"}
MEDIA = {
    "image": "face",
    "spectrogram": "voice",
    "image_embedding": "face",
    "audio_embedding": "voice",
}
OTHER_MEDIUM = {name: "voice" if medium == "face" else "face" for name, medium in MEDIA.items()}


def amount_text(condition: Condition) -> str:
    """Formats the strength of a corruption with its unit."""
    amount = condition.amount
    return {
        "noise": f"{amount:g} dB SNR",
        "blur": f"{amount:.0%} of side",
        "cover": f"{amount:.0%} of area",
    }[condition.kind]


def condition_name(condition: Condition) -> str:
    """Names a condition: 'clean', 'face missing', 'noise 20 dB SNR'."""
    if condition.kind == "intact":
        return "clean"
    if condition.kind == "missing":
        return f"{MEDIA[condition.medium]} missing"
    kind = "occlusion" if condition.kind == "cover" else condition.kind
    return f"{kind} {amount_text(condition)}"


def robustness_rows(conditions: Sequence[Condition]) -> Iterator[tuple[str, str, str]]:
    """Yields (name, accuracy, details) of each condition except clean inputs."""
    for condition in conditions:
        if condition.kind != "intact":
            details = str(condition.top_1)
            if against := condition.against_other:
                details += (
                    f"; minus {OTHER_MEDIUM[condition.medium]} alone: "
                    f"{against.difference:+.1%}, {against}"
                )
            yield f"top 1, {condition_name(condition)}", f"{condition.top_1.share:.1%}", details


def robustness_caveat(conditions: Sequence[Condition]) -> str | None:
    """Returns why no corruption was evaluated, if there is none among the conditions."""
    if not conditions or any(each.kind in CORRUPTIONS for each in conditions):
        return None
    return (
        "Robustness to noise, blur and occlusion was not evaluated: the model reads embeddings, "
        "and the dataset does not hold the media that the encoders read."
    )


def fusion_sentences(fusion: Fusion | None) -> list[str]:
    """Describes the agreement and the weights of the experts; nothing for other models."""
    if not fusion:
        return []
    together, alone = fusion.weights["together"], fusion.weights["alone"]
    return [
        f"Of {counted(fusion.examples, 'pair')}, both experts are correct on {fusion.both:,}, only "
        f"the face expert on {fusion.only_face:,} and only the voice expert on "
        f"{fusion.only_voice:,}. The fusion is correct on {fusion.right:,}: it gains "
        f"{fusion.saved:,} on which neither expert is correct, and loses {fusion.lost:,} on which "
        f"at least one is.",
        f"The expert weights are {together['face']:.1f} for the face and {together['voice']:.1f} "
        f"for the voice if both are present, {alone['face']:.1f} and {alone['voice']:.1f} if the "
        f"other is missing.",
    ]
