"""Typed views of the metrics of runs and evaluations (`metrics.json`), for the reports.

Fields have the names of the JSON keys except where another key is given; keys that no report shows
are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from facevoice.encoders.exposure import Exposure

# Error rates of verification are not shown for fewer pairs of the same person. With this number,
# the 95% interval of a miss rate of 50% is 33% to 67%.
MIN_SAME_PAIRS = 30


@dataclass(frozen=True)
class Proportion:
    """A proportion of examples with its 95% interval."""

    correct: int
    total: int
    share: float
    low: float
    high: float

    def __str__(self) -> str:
        """Formats the counts and the interval."""
        return f"{self.correct:,} of {self.total:,}; 95% interval {self.low:.1%} to {self.high:.1%}"


@dataclass(frozen=True)
class Comparison:
    """The accuracy of a model minus that of another on the same examples."""

    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p_value: float

    def __str__(self) -> str:
        """Formats the interval and the p-value."""
        return f"95% interval {self.low:+.1%} to {self.high:+.1%}, McNemar p = {self.p_value:.2g}"


@dataclass(frozen=True, kw_only=True)
class RunComparison(Comparison):
    """A comparison with the model of another run."""

    other: str = field(metadata={"key": "with"})


@dataclass(frozen=True)
class Condition:
    """The accuracy under one corruption.

    Attributes:
      kind: 'intact', 'missing', 'noise', 'blur' or 'cover'.
      medium: the corrupted input, 'image' or 'spectrogram'; '' if intact.
      amount: strength of the corruption.
      top_1: accuracy.
      against_other: compared with the other input alone; None if there is no other input.
    """

    kind: str
    medium: str
    amount: float
    top_1: Proportion
    against_other: Comparison | None


def read_conditions(robustness: Sequence[Mapping[str, Any]]) -> tuple[Condition, ...]:
    """Converts the value of `robustness` in `metrics.json`."""
    return tuple(_convert(Condition, condition) for condition in robustness)


@dataclass(frozen=True)
class Fusion:
    """Agreement and weights of the two experts of a product of experts."""

    weights: Mapping[str, Mapping[str, float]]
    examples: int
    right: int
    both: int
    only_face: int
    only_voice: int
    saved: int
    lost: int


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error, and the number of examples in each bin."""

    error: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class FrequentConfusion:
    """How many pairs of `person` were predicted as `named`."""

    person: str
    named: str
    pairs: int


@dataclass(frozen=True)
class Identification:
    """Closed-set identification."""

    chance: float
    levels: Mapping[str, Mapping[str, Proportion]]
    calibration: Calibration
    by_person: Mapping[str, Proportion]
    by_meta: Mapping[str, Mapping[str, Proportion]]
    macro_accuracy: float | None = None  # None before it was introduced
    confusions: tuple[FrequentConfusion, ...] = ()


@dataclass(frozen=True)
class ErrorRates:
    """Error rates of verification by cosine similarity."""

    same: int
    different: int
    equal_error_rate: float
    threshold: float
    min_dcf: Mapping[str, float]
    # Of normalised scores; the other fields are None where they were not computed.
    as_norm: ErrorRates | None = field(default=None, kw_only=True)
    min_cllr: float | None = field(default=None, kw_only=True)
    cllr: float | None = field(default=None, kw_only=True)
    equal_error_rate_low: float | None = field(default=None, kw_only=True)
    equal_error_rate_high: float | None = field(default=None, kw_only=True)

    @property
    def has_enough_pairs(self) -> bool:
        return self.same >= MIN_SAME_PAIRS


def read_error_rates(metrics: Mapping[str, Any] | None) -> ErrorRates | None:
    """Converts error rates in `metrics.json`; None stays None."""
    converted: ErrorRates | None = None if metrics is None else _convert(ErrorRates, metrics)
    return converted


@dataclass(frozen=True)
class Cohort:
    """The examples that scores are normalised with."""

    examples: int
    people: int
    top: int


@dataclass(frozen=True)
class Verification:
    """Verification of pairs of examples of a split."""

    people: int
    trained_people: int
    possible_pairs: int
    pairs: int
    all: ErrorRates
    across_videos: ErrorRates | None
    conditions: Mapping[str, ErrorRates] = field(default_factory=dict)
    cohort: Cohort | None = None


@dataclass(frozen=True)
class Trials(ErrorRates):
    """Verification of a list of trials."""

    trials: int
    left_out: int
    files: int
    unreadable: Mapping[str, str]
    windows_passed_over: int
    people: int
    trained_people: int | None  # None if it is not known
    repeated: int = 0
    mirrored: int = 0
    contradicting: int = 0
    same_file: int = 0
    label_conflicts: int = 0
    exposures: tuple[Exposure, ...] = ()
    conditions: Mapping[str, ErrorRates] = field(default_factory=dict)
    cohort: Cohort | None = None


@dataclass(frozen=True)
class OpenSet:
    """Open-set identification."""

    people: int
    auroc: float
    false_accept_rate: float
    threshold: float
    accepted: Proportion
    identified: Proportion
    held_out: Proportion | None


@dataclass(frozen=True)
class EvaluationMetrics:
    """The metrics of an evaluation; None for what was not evaluated."""

    run: str
    model: str
    data: str
    split: str
    pairs: int
    pairs_of_seen_videos: int
    unknown_people: int
    unknown_pairs: int
    identification: Identification | None
    verification: Verification | None
    robustness: tuple[Condition, ...] = ()
    fusion: Fusion | None = field(default=None, metadata={"key": "weighing"})
    comparison: RunComparison | None = None
    trials: Trials | None = None
    open_set: OpenSet | None = field(default=None, metadata={"key": "unknown"})
    numbered_names: Mapping[str, str] = field(default_factory=dict)
    exposures: tuple[Exposure, ...] = ()  # whose embeddings the model reads

    @classmethod
    def from_json(cls, metrics: Mapping[str, Any]) -> EvaluationMetrics:
        """Converts the content of `metrics.json`."""
        converted: EvaluationMetrics = _convert(cls, metrics)
        return converted


@dataclass(frozen=True)
class SplitAccuracy:
    """The accuracy of a run on one split."""

    accuracy: float
    correct: int
    pairs: int
    low: float
    high: float
    by_person: Mapping[str, float] = field(default_factory=dict)
    macro_accuracy: float | None = None  # None before it was introduced
    pairs_by_person: Mapping[str, int] = field(default_factory=dict)  # empty before, likewise

    @property
    def proportion(self) -> Proportion:
        return Proportion(self.correct, self.pairs, self.accuracy, self.low, self.high)


@dataclass(frozen=True)
class RunMetrics:
    """The metrics of a run."""

    model: str
    people: int
    chance: float
    parameters: int
    epochs: int
    seconds: float
    train: SplitAccuracy
    validation: SplitAccuracy
    test: SplitAccuracy
    best_epoch: int | None = None
    confusions: tuple[FrequentConfusion, ...] = ()
    robustness: tuple[Condition, ...] = ()
    fusion: Fusion | None = field(default=None, metadata={"key": "weighing"})
    numbered_names: Mapping[str, str] = field(default_factory=dict)
    exposures: tuple[Exposure, ...] = ()  # whose embeddings the model reads

    @classmethod
    def from_json(cls, metrics: Mapping[str, Any]) -> RunMetrics:
        """Converts the content of `metrics.json`."""
        converted: RunMetrics = _convert(cls, metrics)
        return converted


def _convert(hint: Any, value: Any) -> Any:
    """Converts a JSON value to a type: a dataclass, a container of such, or a plain type."""
    inner = get_args(hint)
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        found = {}
        for each in fields(hint):
            key = each.metadata.get("key", each.name)
            has_default = each.default is not MISSING or each.default_factory is not MISSING
            if key in value or not has_default:
                found[each.name] = _convert(hints[each.name], value[key])
        return hint(**found)  # type: ignore[operator]
    if get_origin(hint) is UnionType:
        return None if value is None else _convert(inner[0], value)
    if get_origin(hint) is tuple:
        return tuple(_convert(inner[0], each) for each in value)
    if get_origin(hint) is Mapping:
        return {name: _convert(inner[1], each) for name, each in value.items()}
    return value
