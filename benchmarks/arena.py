"""Asks contestants in turns (A B A B) and sets their answers side by side.

Each contestant is a program of its own (`contest.serve`), started once, its imports done before
anything is timed. Ratios are taken within a round, so what slows the machine for a while slows
both sides of a ratio; a figure is the median of its rounds, with the least and the most.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from child import Answer as Answer
from child import Child, child


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
      rounds: of every contest that count, after those to warm up.
      pairs: of the two builds whose slope is taken.
      growth: pairs of the builds whose cost is to grow in a straight line.
      memory: pairs of the builds whose memory is to stay flat.
      media: files that the kernels go through in a round.
      examples: of a data set that is read.
      example_kb: sizes of an example, of those in `read.IMAGE_SIZES_PX`.
      readings: what is read, of `read.WORKS`.
      models: that are trained.
      steps: of a round of training.
    """

    rounds: int
    pairs: tuple[int, int]
    growth: tuple[int, ...]
    memory: tuple[int, ...]
    media: int
    examples: int
    example_kb: tuple[int, ...]
    readings: tuple[str, ...]
    models: tuple[str, ...]
    steps: int


# Models: one of the study; one of ours, whose input is augmented and whose steps are short.
FULL = Scale(
    rounds=3,
    pairs=(4000, 16000),
    growth=(1000, 4000, 16000),
    memory=(4000, 40000),
    media=200,
    examples=4000,
    example_kb=(198, 65),
    readings=("image, shuffled", "audio, shuffled", "pair, stored order", "pair, shuffled"),
    models=("cnn_image", "resnet_image"),
    steps=40,
)
QUICK = Scale(
    rounds=1,
    pairs=(40, 400),
    growth=(80, 240),
    memory=(240,),
    media=20,
    examples=200,
    example_kb=(65,),
    readings=("pair, shuffled",),
    models=("resnet_image",),
    steps=5,
)


@dataclass(frozen=True)
class Contestant:
    """A name for the table, and a program of contestants/ with the environment it runs in."""

    name: str
    environment: str
    program: str


Question = Answer | Callable[[Contestant], Answer]


@dataclass(frozen=True)
class Result:
    """What a contestant answered in the rounds that count, or why it did not.

    `peak_mb` is that of its whole process tree, shared pages counted once, in the first round of
    all: looking at it takes time, so the others are left alone.
    """

    name: str
    answers: list[Answer] = field(default_factory=list)
    error: str | None = None
    peak_mb: float = 0.0


def contest(
    contestants: Sequence[Contestant], question: Question, rounds: int, warmups: int = 1
) -> list[Result]:
    """Starts contestants, asks each the question once a round, in turns, and ends them.

    Args:
      contestants: in the order of the table.
      question: the name of a 'work' of their programs, and its arguments; or a function that
        makes each its own, which is called each time.
      rounds: whose answers are kept.
      warmups: rounds before those.
    """
    with started(contestants) as ring:
        return ring.contest(question, rounds, warmups)


@contextmanager
def started(contestants: Sequence[Contestant]) -> Iterator[Ring]:
    """Contestants that stay for several questions, started side by side."""
    with ExitStack() as stack:
        children = {
            each: stack.enter_context(child(each.environment, each.program)) for each in contestants
        }
        for running in children.values():
            running.wait_until_ready()
        yield Ring(children)


class Ring:
    """Contestants that are running."""

    def __init__(self, children: Mapping[Contestant, Child]) -> None:
        self._children = children

    def only(self, contestants: Sequence[Contestant]) -> Ring:
        """Some of them."""
        return Ring({each: self._children[each] for each in contestants})

    def contest(
        self,
        question: Question,
        rounds: int,
        warmups: int = 1,
        checked: Sequence[Result] = (),
    ) -> list[Result]:
        """As the function of that name; who has an error in `checked` is not asked again."""
        errors = {result.name: result.error for result in checked}
        results = {each: Result(each.name, error=errors.get(each.name)) for each in self._children}
        for turn in range(warmups + rounds):
            for each, running in self._children.items():
                if results[each].error is None:
                    asked = question(each) if callable(question) else question
                    results[each] = _asked(running, asked, results[each], turn, warmups)
        return list(results.values())


def _asked(running: Child, question: Answer, so_far: Result, turn: int, warmups: int) -> Result:
    """A contestant's result with one more answer."""
    if turn == 0:
        answer, peak_mb = running.ask_watched(question)
        so_far = replace(so_far, peak_mb=peak_mb)
    else:
        answer = running.ask(question)
    if "error" in answer:
        return replace(so_far, answers=[], error=answer["error"])
    return replace(so_far, answers=[*so_far.answers, answer]) if turn >= warmups else so_far


def refused_unequal(results: Sequence[Result], baseline: str, key: str = "digest") -> list[Result]:
    """The results, with an error in the place of each output that is not the baseline's."""
    ours = {str(a[key]) for result in results if result.name == baseline for a in result.answers}

    def judged(result: Result) -> Result:
        found = {str(answer[key]) for answer in result.answers}
        if result.error or found == ours:
            return result
        of_ours = f"{baseline}'s is {', '.join(sorted(ours)) or 'not known'}"
        error = f"not timed: the {key} of its output is {', '.join(sorted(found))}, {of_ours}"
        return replace(result, answers=[], error=error)

    return [judged(result) for result in results]


def times_as_fast(
    result: Result, baseline: Result, value: Callable[[Answer], float], *, less_is_better: bool
) -> list[float]:
    """Round by round, how many times as fast as another contestant the baseline was."""
    rounds = zip(result.answers, baseline.answers, strict=True)
    if less_is_better:
        return [value(other) / value(ours) for other, ours in rounds]
    return [value(ours) / value(other) for other, ours in rounds]


def table(
    title: str,
    results: Sequence[Result],
    baseline: str,
    unit: str,
    value: Callable[[Answer], float],
    targets: Mapping[str, float] | None = None,
    *,
    less_is_better: bool = False,
) -> str:
    """A table in markdown: figures, and how many times as fast the baseline is, in each round.

    Args:
      title: says what was measured.
      results: one row each.
      baseline: name of the result that the others are compared with: ours.
      unit: of the figures.
      value: the figure of an answer.
      targets: name to how many times as fast as that one the baseline is meant to be.
      less_is_better: of the figures.
    """
    targets = targets or {}
    ours = next(result for result in results if result.name == baseline)
    lines = [
        f"### {title}\n",
        f"| | {unit} | least to most | {baseline}: times as fast | least to most | target "
        "| peak, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        if result.error:
            lines.append(f"| {result.name} | {result.error} | | | | | |")
            continue
        figures = [value(answer) for answer in result.answers]
        compared = ["", "", ""]
        if result.name != baseline and not ours.error:
            times = times_as_fast(result, ours, value, less_is_better=less_is_better)
            compared = [*summary(times), _verdict(times, targets.get(result.name))]
        cells = [result.name, *summary(figures), *compared, f"{result.peak_mb:,.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def summary(figures: Sequence[float]) -> list[str]:
    """The median, and the least to the most."""
    least_to_most = f"{_figure(min(figures))} to {_figure(max(figures))}"
    return [_figure(statistics.median(figures)), least_to_most]


def _verdict(times: Sequence[float], target: float | None) -> str:
    """Whether a target was met in every round, by the median alone, or not."""
    if target is None:
        return ""
    if min(times) >= target:
        return f"{target:.3g}: met"
    return (
        f"{target:.3g}: {'met by the median' if statistics.median(times) >= target else 'missed'}"
    )


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
