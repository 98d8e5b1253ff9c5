"""Formats metrics of verification: a table for the pages, and rows of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from facevoice.reports.rendering import percent
from facevoice.reports.results import MIN_SAME_PAIRS, ErrorRates
from tfdata.text import agree

HEADER = ("trials", "scores", "EER", "95% interval")
LAST_COLUMNS = ("Cllr", "min Cllr", "same person", "different people")


def verification_table(groups: Mapping[str, ErrorRates | None]) -> list[tuple[str, ...]]:
    """Returns the header and the rows of a table with two rows for each group of trials.

    Args:
      groups: description of trials to their error rates. Those without, those with too few pairs
        of the same person, and those that equal a group before are left out.
    """
    found = _distinct(groups)
    priors = list(dict.fromkeys(prior for rates in found.values() for prior in rates.min_dcf))
    header = (*HEADER, *(f"minDCF {prior}" for prior in priors), *LAST_COLUMNS)
    rows = [header]
    for name, rates in found.items():
        rows.append((name, "raw", *_cells(rates, priors)))
        if rates.as_norm:
            rows.append((name, "AS-norm", *_cells(rates.as_norm, priors)))
    return rows if found else []


def _distinct(groups: Mapping[str, ErrorRates | None]) -> dict[str, ErrorRates]:
    found, seen = {}, set()
    for name, rates in groups.items():
        if rates is None or not rates.has_enough_pairs:
            continue
        content = (rates.same, rates.different, rates.equal_error_rate, rates.threshold)
        if content not in seen:
            seen.add(content)
            found[name] = rates
    return found


def too_few_pairs(name: str, rates: ErrorRates | None) -> list[str]:
    """Returns a sentence if error rates are not shown for having too few pairs of one person."""
    if rates is None or rates.has_enough_pairs:
        return []
    return [
        f"Error rates of {name} are not shown: they need at least {MIN_SAME_PAIRS} pairs of the "
        f"same person, but there {agree(rates.same, 'is', 'are')} {rates.same}."
    ]


def score_rows(pairs: str, rates: ErrorRates) -> Iterator[tuple[str, str, str]]:
    """Yields the metrics of calibrated and normalised scores as (name, value, details)."""
    if rates.min_cllr is not None:
        if rates.cllr is None:
            yield f"minimum Cllr, {pairs}", f"{rates.min_cllr:.3f}", "bits; by the best calibration"
        else:
            details = f"bits; at least {rates.min_cllr:.3f} by the best calibration"
            yield f"Cllr, {pairs}", f"{rates.cllr:.3f}", details
    if normalised := rates.as_norm:
        yield (
            f"equal error rate with AS-norm, {pairs}",
            percent(normalised.equal_error_rate),
            f"{_interval(normalised)}; at a score of {normalised.threshold:.3f}".removeprefix("; "),
        )


def interval_text(rates: ErrorRates) -> str:
    """Returns "; 95% interval 1.0% to 2.0%", or nothing if it was not computed."""
    return f"; 95% interval {interval}" if (interval := _interval(rates)) else ""


def _interval(rates: ErrorRates) -> str:
    if rates.equal_error_rate_low is None or rates.equal_error_rate_high is None:
        return ""
    return f"{percent(rates.equal_error_rate_low)} to {percent(rates.equal_error_rate_high)}"


def _cells(rates: ErrorRates, priors: list[str]) -> Iterator[str]:
    yield percent(rates.equal_error_rate, 2)
    yield _interval(rates)
    yield from (f"{rates.min_dcf[prior]:.3f}" for prior in priors)
    yield from ("" if cost is None else f"{cost:.3f}" for cost in (rates.cllr, rates.min_cllr))
    yield from (f"{rates.same:,}", f"{rates.different:,}")
