"""`dungeonfighter ladder --seeds N`: rank the policies by the same runs: is thinking worth points?

For cli.py: `add_arguments(parser)` declares the command's arguments, `run(args) -> int` runs it. Progress
goes to stderr, the table (or `--json`) to stdout. Ctrl-C prints what is known by then. Every policy plays
the same seeds in ironman, so a death ends a run; runs are spread over processes and come back in any order,
but the table is the same for the same seeds.

Source: game.md section 8.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.bots.numbers import count, whole
from dungeonfighter.bots.registry import make_policy, policies
from dungeonfighter.bots.runner import RunResult, play_run
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import Mode, Rules, load_rules
from dungeonfighter.rules.state import Weapon

HELP: Final = "rank the policies by the same runs"


class Job(Struct, frozen=True):
    """One run to be played."""

    policy: str
    seed: int
    inputs_max: int
    weapon: int


class Rung(Struct, frozen=True):
    """One policy's row. `margin` is half the 95 % interval of the mean score; counts are per run.

    `causes` counts deaths by what killed, `results` runs by how they ended, `weapons` the mean score by
    weapon.
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
    """All rows, in the order asked for. `complete` is False after Ctrl-C."""

    rules: str
    seeds: int
    first_seed: int
    inputs_max: int
    complete: bool
    seconds: float
    runs_per_second: float
    inputs_per_second: float
    rungs: list[Rung]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `ladder`."""
    parser.add_argument("--seeds", type=count, default=100, metavar="N", help="runs per policy (100)")
    parser.add_argument("--first-seed", type=whole, default=0, metavar="S", help="seeds are S, S+1, ... (0)")
    parser.add_argument("--policies", default=",".join(policies), metavar="A,B", help="which ones (all)")
    parser.add_argument(
        "--max-inputs", type=count, default=3000, metavar="N", help="a run ends after N inputs (3000)"
    )
    parser.add_argument("--weapon", choices=[w.name for w in Weapon], default=None,
                        help="the same for every run (the policy chooses)")  # fmt: skip
    parser.add_argument(
        "--jobs", type=count, default=os.cpu_count() or 1, metavar="N", help="processes (all cores)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Play all runs and print the table; 130 after Ctrl-C (with what is known by then)."""
    names = [name.strip() for name in args.policies.split(",") if name.strip()]
    try:
        if not names:
            raise BadInput(f"--policies: none; there are {', '.join(policies)}")
        for name in names:
            make_policy(name)
    except BadInput as error:
        print(f"ladder: {error}", file=sys.stderr)
        return 2
    weapon = -1 if args.weapon is None else Weapon[args.weapon]
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    work = [Job(name, seed, args.max_inputs, weapon) for seed in seeds for name in names]
    began = time.perf_counter()
    results: list[RunResult] = []
    complete = False
    with contextlib.suppress(KeyboardInterrupt):
        for result in _with_progress(play_all(work, args.jobs), len(work)):
            results.append(result)  # noqa: PERF402 - what came before Ctrl-C counts
        complete = True
    ladder = rank(names, results, seconds=time.perf_counter() - began, args=args, complete=complete)
    if args.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(ladder), indent=2).decode() + "\n")
    else:
        print("\n".join(table(ladder)))
    return 0 if complete else 130


def play_all(work: Sequence[Job], jobs: int) -> Iterator[RunResult]:
    """Play every job; results come in any order."""
    if jobs <= 1:
        _open_worker()
        yield from map(_play, work)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(jobs, len(work) or 1), _open_worker, maxtasksperchild=None) as pool:
        yield from pool.imap_unordered(_play, work, chunksize=max(1, min(8, len(work) // (jobs * 8))))


def rank(
    names: Iterable[str],
    results: Sequence[RunResult],
    *,
    seconds: float,
    args: argparse.Namespace,
    complete: bool,
) -> Ladder:
    """Sum up results, whatever their order."""
    rungs = [_rung(name, mine) for name in names if (mine := [r for r in results if r.policy == name])]
    return Ladder(
        rules=load_rules().identity,
        seeds=args.seeds,
        first_seed=args.first_seed,
        inputs_max=args.max_inputs,
        complete=complete,
        seconds=round(seconds, 2),
        runs_per_second=round(len(results) / seconds, 2),
        inputs_per_second=round(sum(r.inputs for r in results) / seconds, 1),
        rungs=rungs,
    )


def table(ladder: Ladder) -> Iterator[str]:
    """The ladder as aligned lines."""
    yield (
        f"{'policy':<32}{'runs':>5}{'score':>8}{'+-':>6}{'min':>6}{'max':>6}{'inputs':>8}{'turns':>7}{'level':>6}"
    )
    for r in ladder.rungs:
        yield (
            f"{r.policy:<32}{r.runs:>5}{r.score:>8.2f}{r.margin:>6.2f}{r.score_min:>6.1f}{r.score_max:>6.1f}"
            f"{r.inputs:>8.0f}{r.turns:>7.0f}{r.level:>6.1f}"
        )
    yield ""
    for r in ladder.rungs:
        yield f"{r.policy}: ended by {_listed(r.results)}; killed by {_listed(r.causes) or 'nothing'}"
        yield f"{'':<{len(r.policy) + 2}}score by weapon {_listed(r.weapons)}"
    state = "" if ladder.complete else " (interrupted)"
    yield (
        f"{ladder.runs_per_second:.2f} runs/s, {ladder.inputs_per_second:.0f} inputs/s, "
        f"{ladder.seconds:.1f} s, rules {ladder.rules}{state}"
    )


def _rung(name: str, results: Sequence[RunResult]) -> Rung:
    results = sorted(results, key=lambda r: r.seed)
    scores = [r.score for r in results]
    weapons = sorted({r.weapon for r in results})
    return Rung(
        policy=name,
        runs=len(results),
        score=round(_mean(scores), 3),
        margin=round(margin(scores), 3),
        score_min=min(scores),
        score_max=max(scores),
        inputs=round(_mean([r.inputs for r in results]), 1),
        turns=round(_mean([r.turns for r in results]), 1),
        level=round(_mean([r.level for r in results]), 2),
        results=dict(Counter(r.result for r in results).most_common()),
        causes=dict(Counter(r.cause for r in results if r.cause).most_common()),
        weapons={w: round(_mean([r.score for r in results if r.weapon == w]), 2) for w in weapons},
    )


def margin(values: Sequence[float]) -> float:
    """Half the width of the 95 % interval of the mean (normal approximation); 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    mean = _mean(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return 1.96 * math.sqrt(variance / len(values))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _listed(counts: dict[str, int] | dict[str, float]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _with_progress(results: Iterable[RunResult], total: int) -> Iterator[RunResult]:
    """Pass results on and tell about them on stderr, at most once a second."""
    last = time.monotonic()
    scores: dict[str, list[float]] = {}
    for done, result in enumerate(results, 1):
        scores.setdefault(result.policy, []).append(result.score)
        if time.monotonic() - last >= 1.0:
            last = time.monotonic()
            means = "  ".join(f"{name} {_mean(values):.2f}" for name, values in sorted(scores.items()))
            print(f"{done}/{total} runs  {means}", file=sys.stderr, flush=True)
        yield result


_rules: Rules | None = None


def _open_worker() -> None:
    """Load the rules once in each process; Ctrl-C is the parent's business."""
    global _rules  # noqa: PLW0603 - one per process, written once
    if multiprocessing.parent_process() is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _rules = load_rules()


def _play(job: Job) -> RunResult:
    assert _rules is not None
    policy = make_policy(job.policy, job.seed)
    result = play_run(_rules, policy, job.seed, job.inputs_max, mode=Mode.ironman, weapon=job.weapon)
    return msgspec.structs.replace(result, policy=job.policy)
