"""Self-contained HTML pages, readable on a phone, in light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #22303c; --soft: #5b6b78; --paper: #fbfbfa;
  --card: #fff; --line: #e1e5e8; --accent: #c2410c; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6eaed; --soft: #9aa8b3;
  --paper: #14191d; --card: #1d2429; --line: #313b42; --accent: #fb923c; }} }}
body {{ margin: 0 auto; padding: 2rem 1.2rem 4rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }}
h1 {{ font-size: 1.6rem; margin: 0 0 .2rem; }}
h2 {{ font-size: 1.1rem; margin: 2.4rem 0 .6rem; }}
p, figcaption {{ color: var(--soft); margin: .3rem 0; }}
.figures {{ display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.4rem 0; }}
.figures div {{ flex: 1 1 9rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; padding: .8rem 1rem; }}
.figures b {{ display: block; font-size: 1.7rem; line-height: 1.2; }}
.figures .main b {{ color: var(--accent); }}
.figures span {{ color: var(--soft); font-size: .85rem; }}
figure {{ margin: .8rem 0; }}
img {{ max-width: 100%; background: #fff; border-radius: .6rem; border: 1px solid var(--line); }}
table {{ border-collapse: collapse; width: 100%; font-size: .92rem; }}
td, th {{ text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line);
  font-weight: normal; }}
th {{ color: var(--soft); }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; width: 4rem; }}
.bar {{ background: var(--line); border-radius: .3rem; height: .7rem; }}
.bar i {{ display: block; height: 100%; background: var(--accent); border-radius: .3rem; }}
</style></head><body>
{body}
</body></html>
"""


def run_report(
    model: str,
    metrics: Mapping[str, Any],
    settings: Mapping[str, Any],
    features: Mapping[str, Any],
    pictures: Mapping[str, str],
) -> str:
    """The page of one training run.

    Args:
      model: name in the registry.
      metrics, settings: what the run's `metrics.json` and `settings.json` say.
      features: the preprocessing settings of the data set.
      pictures: file name to image address, for `curves.png`, `confusion.png`, `samples.png`.
    """
    test, validation = metrics["test"], metrics["validation"]
    unseen = (
        "on videos that training has not seen"
        if settings["split_by"] == "session"
        else "on pairs drawn at random: their videos are also in training, so this flatters"
    )
    cards = [
        (
            "main",
            f"{test['accuracy']:.1%}",
            f"test accuracy ({test['correct']} of "
            f"{test['pairs']}; 95 % interval {test['low']:.1%} to {test['high']:.1%})",
        ),
        ("", f"{metrics['chance']:.1%}", f"chance, of {metrics['people']} people"),
        ("", f"{validation['accuracy']:.1%}", "validation accuracy"),
        ("", f"{metrics['train_accuracy']:.1%}", "training accuracy, while training"),
    ]
    body = [
        f"<h1>{escape(model)}</h1>",
        f"<p>{metrics['parameters']:,} parameters, {metrics['epochs']} epochs in "
        f"{metrics['seconds']:.0f} s; the weights of epoch {metrics['best_epoch']} were kept. "
        f"Measured {unseen}.</p>",
        '<div class="figures">',
        *(
            f'<div class="{kind}"><b>{number}</b><span>{escape(text)}</span></div>'
            for kind, number, text in cards
        ),
        "</div>",
        _figure("Learning", pictures["curves.png"], "Loss and accuracy by epoch."),
        _figure(
            "Who is taken for whom",
            pictures["confusion.png"],
            "Test pairs: rows are who it was, columns who the model named.",
        ),
        "<h2>Person by person</h2>",
        _bars(test["by_person"]),
        _figure(
            "What the model is given",
            pictures["samples.png"],
            "Test faces, each above the voice that it is paired with; one pair a person.",
        ),
        "<h2>Settings</h2>",
        _table({**settings, **features}),
    ]
    return _PAGE.format(title=f"FaceVoice: {escape(model)}", body="\n".join(body))


def _figure(title: str, address: str, caption: str) -> str:
    return (
        f'<h2>{escape(title)}</h2><figure><img src="{address}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _bars(shares: Mapping[str, float]) -> str:
    rows = [
        f"<tr><th>{escape(name.replace('_', ' '))}</th>"
        f'<td style="width:60%"><div class="bar"><i style="width:{share:.0%}"></i></div></td>'
        f'<td class="number">{share:.0%}</td></tr>'
        for name, share in sorted(shares.items(), key=lambda item: -item[1])
    ]
    return f"<table>{''.join(rows)}</table>"


def _table(values: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><th>{escape(name)}</th><td>{escape(_shown(value))}</td></tr>"
        for name, value in values.items()
    ]
    return f"<table>{''.join(rows)}</table>"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return "none" if value is None else str(value)
