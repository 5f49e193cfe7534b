"""The ladder: ranks policies by the same runs.

Every policy plays the same seeds in ironman, so a death ends a run. Runs are spread over processes and return
in any order; the ranking is the same for the same seeds.

Source: docs/rules.md, "World and score".
"""

from __future__ import annotations

import math
import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import RunResult, play_run
from dungeonfighter.rules import Mode, Rules, load_rules

_ENDINGS: Final = {
    "died": "died",
    "won": "won",
    "turns": "reached the limit of turns",
    "inputs": "cut off after {inputs} inputs",
}
"""The results of a run in words."""


class Job(Struct, frozen=True):
    """One run to play: a policy, a seed, a limit of inputs, a weapon (-1: its choice), a category."""

    policy: str
    seed: int
    inputs_max: int
    weapon: int
    mode: Mode = Mode.ironman
    ascension: int = 0


class Rung(Struct, frozen=True):
    """One row of the ladder: the results of one policy.

    Attributes:
        score, inputs, turns, level: Means over the runs.
        margin: Half the width of the 95 % interval of the mean score.
        results: The number of runs by their result.
        causes: The number of deaths by the rank of the killer.
        weapons: The mean score by weapon.
    """

    policy: str
    runs: int
    score: float
    margin: float
    score_min: float
    score_max: float
    inputs: float
    turns: float
    level: float
    results: dict[str, int]
    causes: dict[str, int]
    weapons: dict[str, float]


class Ladder(Struct, frozen=True):
    """All rows, the best mean score first.

    `complete` is False after Ctrl-C; `category` is that of the runs (`rules.modes`).
    """

    rules: str
    seeds: int
    first_seed: int
    inputs_max: int
    complete: bool
    seconds: float
    runs_per_second: float
    inputs_per_second: float
    rungs: list[Rung]
    category: str = Mode.ironman.name


def play_all(jobs: Sequence[Job], processes: int, catalog: Path | None = None) -> Iterator[RunResult]:
    """Play every job; the results come in any order.

    Args:
        jobs: The runs.
        processes: At most 1 plays them in this process.
        catalog: A folder with content files that replace packaged ones.

    Raises:
        SettingsError: The content has problems.
    """
    if processes <= 1:
        _open_worker(catalog)
        yield from map(_play, jobs)
        return
    context = multiprocessing.get_context("spawn")
    chunk = max(1, min(8, len(jobs) // (processes * 8)))
    with context.Pool(min(processes, len(jobs) or 1), _open_worker, (catalog,)) as pool:
        yield from pool.imap_unordered(_play, jobs, chunksize=chunk)


def rank(
    names: Iterable[str],
    results: Sequence[RunResult],
    *,
    rules: str = "",
    seeds: Sequence[int],
    inputs_max: int,
    seconds: float,
    complete: bool,
    category: str = Mode.ironman.name,
) -> Ladder:
    """Return the ladder of these results; the order of the results does not matter.

    Args:
        names: The policies, in the order of their rows.
        results: Their runs.
        rules: The identity of the rules that they played; "" stands for that of the packaged ones.
        seeds, inputs_max, seconds, complete, category: See `Ladder`.
    """
    rungs = [_rung(name, mine) for name in names if (mine := [r for r in results if r.policy == name])]
    return Ladder(
        rules=rules or load_rules().identity,
        seeds=len(seeds),
        first_seed=seeds[0],
        inputs_max=inputs_max,
        complete=complete,
        seconds=round(seconds, 2),
        runs_per_second=round(len(results) / seconds, 2),
        inputs_per_second=round(sum(r.inputs for r in results) / seconds, 1),
        rungs=sorted(rungs, key=lambda rung: -rung.score),
        category=category,
    )


def table(ladder: Ladder) -> Iterator[str]:
    yield (
        f"{'policy':<32}{'runs':>5}{'score':>8}{'+-':>6}{'min':>6}{'max':>6}{'inputs':>8}{'turns':>7}{'level':>6}"
    )
    for r in ladder.rungs:
        yield (
            f"{r.policy:<32}{r.runs:>5}{r.score:>8.2f}{r.margin:>6.2f}{r.score_min:>6.1f}{r.score_max:>6.1f}"
            f"{r.inputs:>8.0f}{r.turns:>7.0f}{r.level:>6.1f}"
        )
    yield "score, inputs, turns and level are means; +- is half the 95 % interval of the score"
    yield ""
    for r in ladder.rungs:
        endings = (f"{count} {_ENDINGS[ending]}" for ending, count in r.results.items())
        yield f"{r.policy}: {', '.join(endings).format(inputs=ladder.inputs_max)}"
        if r.causes:
            yield f"  deaths by the rank of the enemy: {_listed(r.causes)}"
        yield f"  mean score by weapon: {_listed(r.weapons)}"
    runs = sum(r.runs for r in ladder.rungs)
    state = "" if ladder.complete else " (interrupted)"
    yield (
        f"{runs} {'run' if runs == 1 else 'runs'} in {ladder.seconds:.1f} s "
        f"({ladder.runs_per_second:.2f} runs/s, "
        f"{ladder.inputs_per_second:.0f} inputs/s), {ladder.category}, rules {ladder.rules}{state}"
    )


def _rung(name: str, results: Sequence[RunResult]) -> Rung:
    results = sorted(results, key=lambda r: r.seed)
    scores = [r.score for r in results]
    weapons = sorted({r.weapon for r in results})
    return Rung(
        policy=name,
        runs=len(results),
        score=round(mean(scores), 3),
        margin=round(margin(scores), 3),
        score_min=min(scores),
        score_max=max(scores),
        inputs=round(mean([r.inputs for r in results]), 1),
        turns=round(mean([r.turns for r in results]), 1),
        level=round(mean([r.level for r in results]), 2),
        results=dict(Counter(r.result for r in results).most_common()),
        causes=dict(Counter(r.cause for r in results if r.cause).most_common()),
        weapons={w: round(mean([r.score for r in results if r.weapon == w]), 2) for w in weapons},
    )


def margin(values: Sequence[float]) -> float:
    """Return half the width of the 95 % interval of the mean, by the normal approximation.

    It is 0 for fewer than two values.
    """
    if len(values) < 2:
        return 0.0
    center = mean(values)
    variance = sum((value - center) ** 2 for value in values) / (len(values) - 1)
    return 1.96 * math.sqrt(variance / len(values))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _listed(counts: dict[str, int] | dict[str, float]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


_rules: Rules | None = None


def _open_worker(catalog: Path | None) -> None:
    """Load the rules once in each process, and leave Ctrl-C to the parent process."""
    global _rules  # noqa: PLW0603 - one per process, written once
    if multiprocessing.parent_process() is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _rules = load_rules(catalog)


def _play(job: Job) -> RunResult:
    assert _rules is not None
    policy = make_policy(job.policy, job.seed)
    result = play_run(
        _rules, policy, job.seed, job.inputs_max, mode=job.mode, weapon=job.weapon, ascension=job.ascension
    )
    return msgspec.structs.replace(result, policy=job.policy)
