"""What the page of a run and the page of an evaluation both show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from facevoice.reports.error_analysis_text import OTHER, weighing_sentences
from facevoice.reports.page import bars, figure, interval_bars
from tfdata.text import readable

Metrics = Mapping[str, Any]
_MOST_PEOPLE = 60
_FEWEST = 20


class _Picture(NamedTuple):
    title: str
    caption: str
    kind: str = "chart"


_PICTURES = {
    "confusion.png": _Picture(
        "Who is taken for whom",
        "Rows are who it was, columns who the model named.",
        "wide chart",
    ),
    "confused.png": _Picture(
        "The people most often confused",
        "Left, the pair that was most surely mistaken; right, the pair of whom it was taken for "
        "that the model is surest of.",
        "slides",
    ),
    "weighing.png": _Picture(
        "What the face says, and what the voice says",
        "Each point is a pair: how far face and voice put the person before the strongest rival. "
        "Above the line the two together are right.",
    ),
    "robustness.png": _Picture(
        "When evidence is missing or damaged",
        "Accuracy with 95 % intervals. The pale line is that of intact evidence; a dashed one, "
        "that of the other medium alone.",
    ),
    "reliability.png": _Picture(
        "Does it know how sure it may be",
        "On the line, the model is right as often as it says; below, it is too sure.",
    ),
    "det.png": _Picture(
        "Are these two the same person",
        "Detection error trade-off of the embeddings' cosine, over the pairs of the split.",
    ),
    "trials_det.png": _Picture(
        "The listed trials",
        "Detection error trade-off of the embeddings' cosine, over the trials of the list.",
    ),
}


def sections(
    metrics: Metrics, by_person: Mapping[str, float], pictures: Mapping[str, str]
) -> Iterator[str]:
    """The sections that there is something for, in the order in which one asks.

    Args:
      metrics: a `metrics.json`: its `weighing` and `robustness`, if there.
      by_person: identity to accuracy.
      pictures: file name to image address.
    """
    for name, (title, caption, kind) in _PICTURES.items():
        if name in pictures:
            yield figure(title, pictures[name], caption, kind)
        if name == "confused.png" and by_person:
            yield from _person_by_person(by_person)
        if name == "weighing.png":
            sentences = weighing_sentences(metrics.get("weighing"))
            yield from (f"<p>{escape(sentence)}</p>" for sentence in sentences)
        if name == "robustness.png" and (robustness := metrics.get("robustness")):
            yield _halves(robustness)


def _person_by_person(by_person: Mapping[str, float]) -> Iterator[str]:
    """A bar a person, best first; of many people, those whom the model knows least."""
    ordered = sorted(by_person.items(), key=lambda item: -item[1])
    yield "<h2>Person by person</h2>"
    if len(ordered) > _MOST_PEOPLE:
        ordered = ordered[-_FEWEST:]
        yield f"<p>The {_FEWEST} people of {len(by_person):,} whom the model knows least:</p>"
    yield bars((readable(name), share, f"{share:.0%}") for name, share in ordered)


def _halves(robustness: Sequence[Metrics]) -> str:
    """Both media beside each alone, where a model reads both."""
    shown = [each for each in robustness if each["kind"] in ("intact", "missing")]
    if len(shown) == 1:
        return ""
    return interval_bars(
        (f"{OTHER[each['medium']]} alone" if each["medium"] else "face and voice", each["top_1"])
        for each in shown
    )
