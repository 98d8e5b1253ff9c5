"""Runs competitors in turns (A B A B), checks their output and formats tables of the results.

Each competitor is a program (`protocol.serve`) that is started once; imports are not timed. Ratios
are computed within a round, so that slow periods of the machine affect both sides of a ratio.
Figures are medians over rounds, with minimum and maximum.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from competitor_process import CompetitorProcess, start_process
from competitor_process import Message as Message

# Smaller ratios than this, in either direction, are within the noise of a shared machine.
LEVEL = 1.2


@dataclass(frozen=True)
class Config:
    """Sizes of the measurements.

    Attributes:
      rounds: measured rounds, after the warm-up rounds.
      pairs: sizes of the small and the large build whose slope is measured.
      growth: sizes of the builds whose cost per pair is compared.
      memory: sizes of the builds whose peak memory is measured.
      encoded: size of the large build with encoders.
      media: files per round of the kernels.
      examples: examples of a dataset that is read.
      example_kb: sizes of an example, keys of `read.IMAGE_SIZES_PX`.
      readings: keys of `read.READ_TASKS`.
      models: names of the models to train.
      steps: training steps per round.
      video_minutes: length of the video whose moments are taken.
    """

    rounds: int
    pairs: tuple[int, int]
    growth: tuple[int, ...]
    memory: tuple[int, ...]
    encoded: int
    media: int
    examples: int
    example_kb: tuple[int, ...]
    readings: tuple[str, ...]
    models: tuple[str, ...]
    steps: int
    video_minutes: int


# cnn_image is one of the study's models; resnet_image augments its input and has shorter steps.
FULL = Config(
    rounds=3,
    pairs=(4000, 16000),
    growth=(1000, 4000, 16000),
    memory=(4000, 40000),
    encoded=1000,
    media=200,
    examples=4000,
    example_kb=(198, 65),
    readings=("image, shuffled", "audio, shuffled", "pair, stored order", "pair, shuffled"),
    models=("cnn_image", "resnet_image"),
    steps=40,
    video_minutes=5,
)
QUICK = Config(
    rounds=1,
    pairs=(40, 400),
    growth=(80, 240),
    memory=(240,),
    encoded=80,
    media=20,
    examples=200,
    example_kb=(65,),
    readings=("pair, shuffled",),
    models=("resnet_image",),
    steps=5,
    video_minutes=1,
)


@dataclass(frozen=True)
class Competitor:
    """A row of a table: its name, and a program in competitors/ with its environment."""

    name: str
    environment: str
    program: str


Request = Message | Callable[[Competitor], Message]


@dataclass(frozen=True)
class Result:
    """The responses of a competitor in the measured rounds, or its error.

    `peak_mb` is the peak memory of its process tree in the first round, shared pages counted once.
    It is not measured in other rounds, because polling slows the competitor.
    """

    name: str
    responses: list[Message] = field(default_factory=list)
    error: str | None = None
    peak_mb: float = 0.0


def run_rounds(
    competitors: Sequence[Competitor], request: Request, rounds: int, warmups: int = 1
) -> list[Result]:
    """Starts competitors, runs them in turns and stops them.

    Args:
      competitors: in the order of the table.
      request: the request to all competitors, or a function that returns the request to one of
        them and is called before each of its turns.
      rounds: number of measured rounds.
      warmups: number of rounds before these.
    """
    with started(competitors) as running:
        return running.run_rounds(request, rounds, warmups)


@contextmanager
def started(competitors: Sequence[Competitor]) -> Iterator[RunningCompetitors]:
    """Starts competitors, and stops them at the end of the context."""
    with ExitStack() as stack:
        processes = {
            each: stack.enter_context(start_process(each.environment, each.program))
            for each in competitors
        }
        for process in processes.values():
            process.wait_until_ready()
        yield RunningCompetitors(processes)


class RunningCompetitors:
    """Competitors whose processes are running."""

    def __init__(self, processes: Mapping[Competitor, CompetitorProcess]) -> None:
        self._processes = processes

    def subset(self, competitors: Sequence[Competitor]) -> RunningCompetitors:
        """Returns some of the competitors."""
        return RunningCompetitors({each: self._processes[each] for each in competitors})

    def run_rounds(
        self,
        request: Request,
        rounds: int,
        warmups: int = 1,
        previous: Sequence[Result] = (),
    ) -> list[Result]:
        """Runs the competitors in turns.

        Args:
          request, rounds, warmups: see the function `run_rounds`.
          previous: earlier results; competitors with an error in them are not run.
        """
        errors = {result.name: result.error for result in previous}
        results = {each: Result(each.name, error=errors.get(each.name)) for each in self._processes}
        for turn in range(warmups + rounds):
            for each, process in self._processes.items():
                if results[each].error is None:
                    message = request(each) if callable(request) else request
                    results[each] = _run_turn(process, message, results[each], turn, warmups)
        return list(results.values())


def _run_turn(
    process: CompetitorProcess, request: Message, result: Result, turn: int, warmups: int
) -> Result:
    """Sends one request; returns the result with the response added."""
    if turn == 0:
        response, peak_mb = process.request_with_peak_mb(request)
        result = replace(result, peak_mb=peak_mb)
    else:
        response = process.request(request)
    if "error" in response:
        return replace(result, responses=[], error=response["error"])
    if turn < warmups:
        return result
    return replace(result, responses=[*result.responses, response])


def reject_mismatches(
    results: Sequence[Result], baseline: str, key: str = "digest"
) -> list[Result]:
    """Replaces results whose output differs from the baseline's by errors.

    Args:
      results: of the baseline and others.
      baseline: name of the baseline.
      key: the entry of the responses that is compared.
    """
    expected = {
        str(r[key]) for result in results if result.name == baseline for r in result.responses
    }

    def checked(result: Result) -> Result:
        found = {str(response[key]) for response in result.responses}
        if result.error or found == expected:
            return result
        error = (
            f"not timed: the {key} of its output is {', '.join(sorted(found))}, "
            f"{baseline}'s is {', '.join(sorted(expected)) or 'unknown'}"
        )
        return replace(result, responses=[], error=error)

    return [checked(result) for result in results]


def speedups(
    result: Result, baseline: Result, value: Callable[[Message], float], *, less_is_better: bool
) -> list[float]:
    """Returns how many times as fast as a competitor the baseline was, for each round."""
    rounds = zip(result.responses, baseline.responses, strict=True)
    if less_is_better:
        return [value(other) / value(ours) for other, ours in rounds]
    return [value(ours) / value(other) for other, ours in rounds]


def table(
    title: str,
    results: Sequence[Result],
    baseline: str,
    unit: str,
    value: Callable[[Message], float],
    targets: Mapping[str, float] | None = None,
    *,
    less_is_better: bool = False,
) -> str:
    """Formats results as a Markdown table.

    Args:
      title: heading of the table.
      results: one row each.
      baseline: name of the result that the others are compared with.
      unit: of the figures.
      value: function from a response to its figure.
      targets: from names to the intended speed-up of the baseline over them.
      less_is_better: whether smaller figures are better.
    """
    targets = targets or {}
    ours = next(result for result in results if result.name == baseline)
    lines = [
        f"### {title}\n",
        f"| | {unit} | min to max | {baseline}: times as fast | min to max | target | peak, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        if result.error:
            lines.append(f"| {result.name} | {result.error} | | | | | |")
            continue
        figures = [value(response) for response in result.responses]
        compared = ["", "", ""]
        if result.name != baseline and not ours.error:
            times = speedups(result, ours, value, less_is_better=less_is_better)
            median, min_to_max = summary(times)
            if 1 / LEVEL < statistics.median(times) < LEVEL:
                median = f"level ({median})"
            compared = [median, min_to_max, _verdict(times, targets.get(result.name))]
        cells = [result.name, *summary(figures), *compared, f"{result.peak_mb:,.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def summary(figures: Sequence[float]) -> list[str]:
    """Formats the median, and minimum to maximum."""
    return [
        _format(statistics.median(figures)),
        f"{_format(min(figures))} to {_format(max(figures))}",
    ]


def _verdict(times: Sequence[float], target: float | None) -> str:
    """Formats whether a target was met in every round, by the median only, or not."""
    if target is None:
        return ""
    if min(times) >= target:
        verdict = "met"
    elif statistics.median(times) >= target:
        verdict = "met by the median"
    else:
        verdict = "missed"
    return f"{target:.3g}: {verdict}"


def _format(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
