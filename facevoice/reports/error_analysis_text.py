"""Missing and damaged evidence, and how experts are weighed, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfdata.text import counted, interval

# Each kind of damage, in the order of the page.
DAMAGES = {"noise": "White noise under", "blur": "Blur of", "cover": "A black square over"}
MEDIA = {"image": "face", "spectrogram": "voice"}
OTHER = {"image": "voice", "spectrogram": "face"}  # what is left when that is missing

Values = Mapping[str, Any]


def amount_of(measured: Values) -> str:
    """The strength of a damage, with its unit."""
    amount = measured["amount"]
    return {
        "noise": f"{amount:g} dB",
        "blur": f"{amount:.0%} of side",
        "cover": f"{amount:.0%} of area",
    }[measured["kind"]]


def name_of(measured: Values) -> str:
    """One condition: 'intact', 'face missing', 'noise 20 dB'."""
    kind = measured["kind"]
    if kind == "intact":
        return kind
    if kind == "missing":
        return f"{MEDIA[measured['medium']]} missing"
    return f"{'covered' if kind == 'cover' else kind} {amount_of(measured)}"


def robustness_rows(found: Sequence[Values]) -> Iterator[tuple[str, str, str]]:
    """A row a condition but the intact: what, how much, of what."""
    for measured in found:
        if measured["kind"] != "intact":
            share = measured["top_1"]
            words = filter(None, (interval(share), _against_other(measured)))
            yield f"top 1, {name_of(measured)}", f"{share['share']:.1%}", "; ".join(words)


def weighing_sentences(found: Values | None) -> list[str]:
    """How the experts of a product agree, and how far each is trusted; none of other models."""
    if not found:
        return []
    together, alone = found["weights"]["together"], found["weights"]["alone"]
    return [
        f"Of {counted(found['examples'], 'pair')}, both experts have {found['both']:,} right, only "
        f"the face {found['only_face']:,} and only the voice {found['only_voice']:,}. Together "
        f"they have {found['right']:,} right: {found['saved']:,} that neither has alone are won, "
        f"{found['lost']:,} that one of them has are lost.",
        f"The face weighs {together['face']:.1f} and the voice {together['voice']:.1f} where both "
        f"are there, {alone['face']:.1f} and {alone['voice']:.1f} where the other is missing.",
    ]


def _against_other(measured: Values) -> str:
    """How a damaged medium beside the other compares with the other alone; '' where it cannot."""
    against = measured["against_other"]
    if not against or measured["kind"] == "intact":
        return ""
    return (
        f"less that of the {OTHER[measured['medium']]} alone: {against['difference']:+.1%}, "
        f"95 % interval {against['low']:+.1%} to {against['high']:+.1%}, McNemar "
        f"p = {against['p_value']:.2g}"
    )
