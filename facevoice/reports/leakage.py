"""What training gives away of validation and test, said so that nobody can miss it."""

from __future__ import annotations

from collections.abc import Mapping

from tfdata.manifest import Leak
from tfdata.schema import SPLITS
from tfdata.text import listed

STYLE = """
.leakage { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  border-left: .35rem solid var(--mark); padding: .9rem 1.1rem; margin: 1.4rem 0;
  break-inside: avoid; }
.leakage.none { --mark: var(--good); } .leakage.some { --mark: var(--bad); }
.leakage.unknown { --mark: var(--soft); }
.leakage h2 { margin: 0; color: var(--mark); }
.leakage table { width: auto; margin-top: .5rem; font-size: .85rem; }
.leakage td, .leakage th { padding: .15rem 1.4rem .15rem 0; overflow-wrap: normal; }
.leakage tbody th { white-space: nowrap; }
.leakage td { font-variant-numeric: tabular-nums; }
.leakage tbody tr:last-child > * { border: 0; }
"""


def leakage_statement(leakage: Mapping[str, Leak]) -> str:
    """One sentence, green or red, and the numbers that it stands on."""
    leaks = {split: leakage[split] for split in SPLITS[1:] if leakage[split].pairs}
    absent = [split for split in SPLITS[1:] if split not in leaks]
    tail = f" There are no {listed(absent)} pairs." if absent else ""
    if not leaks:
        return _box("unknown", "Nothing is held back from training.", tail.strip())
    if not any(leak.same_video or leak.same_audio for leak in leaks.values()):
        head = f"No video and no audio sample of {listed(list(leaks), 'or')} is in training."
        text = "What is measured there is measured on recordings that a model has never met."
        return _box("none", head, text + tail, _table(leaks))
    given_away = [split for split, leak in leaks.items() if leak.same_video or leak.same_audio]
    head = f"Warning: part of {listed(given_away)} is also in training."
    text = (
        "A model can know a recording again without knowing the person, so what is measured there "
        "says little about new videos."
    )
    return _box("some", head, text + tail, _table(leaks))


def _table(leaks: Mapping[str, Leak]) -> str:
    rows = "".join(
        f'<tr><th><i class="dot {split}"></i> {split}</th><td>{leak.pairs:,}</td>'
        f"<td>{_share(leak.same_video, leak)}</td><td>{_share(leak.same_audio, leak)}</td></tr>"
        for split, leak in leaks.items()
    )
    return (
        "<table><thead><tr><th></th><th>pairs</th><th>whose video is in training</th>"
        f"<th>whose audio is in training</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _share(count: int, leak: Leak) -> str:
    return f"{count:,} ({count / leak.pairs:.1%})" if count else "0"


def _box(kind: str, head: str, text: str, table: str = "") -> str:
    return f'<section class="leakage {kind}"><h2>{head}</h2><p>{text}</p>{table}</section>'
