"""Who is in a data set: how many pairs of each person each split has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from tfdata.manifest import Manifest, Person
from tfdata.schema import SPLITS
from tfdata.text import counted, listed, readable

STYLE = """
:root { --train: #7f9db5; --validation: #1f9d8f; --test: #c2410c; }
@media screen and (prefers-color-scheme: dark) { :root { --train: #67879f; --validation: #2bb5a4;
  --test: #fb923c; } }
.train { --split: var(--train); } .validation { --split: var(--validation); }
.test { --split: var(--test); }
.dot { display: inline-block; width: .65em; height: .65em; border-radius: 50%;
  background: var(--split); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .85rem;
  color: var(--soft); margin: .5rem 0; }
.stack { display: flex; gap: 1px; height: .8rem; border-radius: .2rem; overflow: hidden; }
.stack i { background: var(--split); }
.stack .missing, .dot.missing { border: 1px solid var(--soft); background: none; }
.people { columns: 2 24rem; column-gap: 2.5rem; list-style: none; margin: .8rem 0; padding: 0;
  font-size: .88rem; }
.people li { display: grid; grid-template-columns: minmax(0, 11rem) minmax(3rem, 1fr) auto;
  gap: .7rem; align-items: center; break-inside: avoid; padding: .18rem 0; }
.people .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.people .counts { display: flex; color: var(--soft); font-variant-numeric: tabular-nums; }
.people .counts span { width: calc(var(--digits) * 1ch + .8ch); text-align: right; }
.skyline { position: relative; margin: .8rem 0 1.8rem 2.6rem; }
.skyline svg { display: block; width: 100%; height: 9rem; border-bottom: 1px solid var(--soft); }
.skyline path { fill: var(--split); }
.skyline span { position: absolute; font-size: .75rem; line-height: 1; color: var(--soft); }
.skyline .y { right: calc(100% + .45rem); transform: translateY(50%); }
.skyline .x { top: calc(100% + .4rem); }
"""
# More people than this are shown as one figure, and only those with the fewest pairs by name.
_MOST_ROWS = 60
_FEWEST = 12
_SKYLINE_COLUMNS = 240
_MOST_VALUES = 8  # of one fact, such as nationality


def people_by_split(people: Mapping[str, Person]) -> str:
    """A row for each person; of many people, a figure of all and rows of those with fewest."""
    legend = _legend(people.values())
    if len(people) <= _MOST_ROWS:
        return legend + _rows(list(people.items()), people)
    fewest = sorted(people.items(), key=lambda item: (total(item[1]), item[1].label))[:_FEWEST]
    return (
        legend
        + _skyline(people.values())
        + f"<p>The {len(fewest)} people with the fewest pairs:</p>"
        + _rows(fewest, people)
    )


def total(person: Person) -> int:
    """A person's pairs in all splits."""
    return sum(person.pairs[split] for split in SPLITS)


def facts(people: Iterable[Person]) -> list[tuple[str, str]]:
    """How often each value of gender and nationality occurs, where the meta file has them."""
    people = list(people)
    found = []
    for name in ("gender", "nationality"):
        counts = Counter(person.meta[name] for person in people if person.meta.get(name))
        values = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        shown = [f"{value} {count:,}" for value, count in values[:_MOST_VALUES]]
        if rest := values[_MOST_VALUES:]:
            shown.append(f"{len(rest)} others {sum(count for _, count in rest):,}")
        if unknown := len(people) - sum(counts.values()):
            shown.append(f"not said {unknown:,}")
        if counts:
            found.append((name, " · ".join(shown)))
    return found


def _legend(people: Iterable[Person]) -> str:
    missing = '<span><i class="dot missing"></i> lost to broken media</span>'
    items = [f'<span><i class="dot {split}"></i> {split}</span>' for split in SPLITS]
    items += [missing] if any(person.missing for person in people) else []
    return f'<div class="legend">{"".join(items)}</div>'


def _rows(shown: Sequence[tuple[str, Person]], people: Mapping[str, Person]) -> str:
    longest = max(total(person) + person.missing for person in people.values())
    digits = max(len(f"{count:,}") for _, person in shown for count in person.pairs.values())
    rows = "".join(_row(name, person, longest) for name, person in shown)
    return f'<ul class="people" style="--digits:{digits}">{rows}</ul>'


def _row(name: str, person: Person, longest: int) -> str:
    parts = {split: person.pairs[split] for split in SPLITS} | {"missing": person.missing}
    words = ", ".join(f"{count:,} {part}" for part, count in parts.items() if count)
    bar = "".join(
        f'<i class="{part}" style="width:{count / longest:.2%}"></i>'
        for part, count in parts.items()
        if count
    )
    counts = "".join(f"<span>{person.pairs[split]:,}</span>" for split in SPLITS)
    name = escape(readable(name))
    return (
        f'<li><span class="name" title="{name}">{name}</span>'
        f'<span class="stack" role="img" aria-label="{words}">{bar}</span>'
        f'<span class="counts" aria-hidden="true">{counts}</span></li>'
    )


def _skyline(people: Iterable[Person]) -> str:
    """Everyone side by side, most pairs first: their pairs stacked by split."""
    ordered = sorted(people, key=lambda person: (-total(person), person.label))
    columns = min(len(ordered), _SKYLINE_COLUMNS)
    seen = [ordered[i * len(ordered) // columns] for i in range(columns)]
    highest = max(total(ordered[0]), 1)
    paths = []
    for i in reversed(range(len(SPLITS))):  # the tallest first, so that the others lie before it
        tops = [sum(person.pairs[split] for split in SPLITS[: i + 1]) for person in seen]
        steps = "".join(f"V{highest - top}h1" for top in tops)
        paths.append(f'<path class="{SPLITS[i]}" d="M0 {highest}{steps}V{highest}z"/>')
    middle, least = total(ordered[len(ordered) // 2]), total(ordered[-1])
    words = (
        f"Pairs of {len(ordered):,} people: {highest:,} at most, {middle:,} in the middle, "
        f"{least:,} at least."
    )
    return (
        f'<p>{words}</p><div class="skyline"><svg role="img" aria-label="{words}" '
        f'viewBox="0 0 {columns} {highest}" preserveAspectRatio="none">{"".join(paths)}</svg>'
        f'<span class="y" style="bottom:100%">{highest:,}</span>'
        f'<span class="y" style="bottom:0">0</span>'
        f'<span class="x" style="left:0">most pairs</span>'
        f'<span class="x" style="right:0">fewest</span></div>'
    )


def missing_words(manifest: Manifest, most: int = 12) -> str:
    """Who has lost pairs to broken media, most first; empty where nobody has."""
    missing = {name: person.missing for name, person in manifest.people.items()}
    missing |= manifest.without_pairs
    lost = sorted(
        ((count, name) for name, count in missing.items() if count),
        key=lambda item: (-item[0], item[1]),
    )
    if not lost:
        return ""
    names = [f"{escape(readable(name))} ({count:,})" for count, name in lost[:most]]
    if len(lost) > most:
        names.append(f"{counted(len(lost) - most, 'other')}")
    pairs = counted(sum(count for count, _ in lost), "pair")
    return f"<p>{pairs} could not be made for want of a spare: {listed(names)}.</p>"
