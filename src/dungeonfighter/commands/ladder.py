"""The command `ladder`: ranks the policies by the same runs.

Progress goes to stderr, the table (or `--json`) to stdout. Ctrl-C prints the ladder of the runs played so
far.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from dungeonfighter.bots.ladder import Job, mean, play_all, rank, table
from dungeonfighter.bots.registry import BUDGETS, make_policy, policies
from dungeonfighter.bots.runner import RunResult
from dungeonfighter.commands.categories import PUBLIC_SET, add_category
from dungeonfighter.commands.numbers import count, whole
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import Mode, category, load_rules
from dungeonfighter.rules.seed_sets import PUBLIC
from dungeonfighter.rules.state import Weapon


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--seeds", type=_seeds, default=100, metavar="N",
        help="runs per policy, or `public` for the public set of seeds (default: %(default)s)")  # fmt: skip
    add("--first-seed", type=whole, default=0, metavar="S",
        help="the seeds are S, S+1, ... unless the set is public (default: %(default)s)")  # fmt: skip
    add_category(parser)
    add("--policies", default=",".join(policies), metavar="A,B",
        help=f"the policies to rank; {BUDGETS} (default: %(default)s)")  # fmt: skip
    add("--max-inputs", type=count, default=3000, metavar="N",
        help="cut a run off after N inputs (default: %(default)s)")  # fmt: skip
    add("--weapon", choices=[w.name for w in Weapon], default=None,
        help="the weapon of every run (default: each policy chooses)")  # fmt: skip
    add("--jobs", type=count, default=os.cpu_count() or 1, metavar="N",
        help="processes that play (default: one for each core, here %(default)s)")  # fmt: skip
    add("--catalog", type=Path, metavar="DIR", help="play with your own content files (docs/catalogue.md)")
    add("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Play all runs and print the table; return 130 after Ctrl-C, which ranks the runs played by then.

    Raises:
        BadInput: `--policies` names no policy, or one that does not exist.
        SettingsError: The content files of `--catalog` have problems.
    """
    names = [name.strip() for name in arguments.policies.split(",") if name.strip()]
    if not names:
        raise BadInput(f"--policies: names no policy; there are {', '.join(policies)}")
    for name in names:
        make_policy(name)
    weapon = -1 if arguments.weapon is None else Weapon[arguments.weapon]
    seeds: Sequence[int] = PUBLIC
    if arguments.seeds != PUBLIC_SET:
        seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    mode, ascension = Mode[arguments.mode], arguments.ascension
    jobs = [
        Job(name, seed, arguments.max_inputs, weapon, mode, ascension) for seed in seeds for name in names
    ]
    rules = load_rules(arguments.catalog)
    began = time.perf_counter()
    results: list[RunResult] = []
    complete = False
    with contextlib.suppress(KeyboardInterrupt):
        for result in _with_progress(play_all(jobs, arguments.jobs, arguments.catalog), len(jobs)):
            results.append(result)  # noqa: PERF402 - the runs before Ctrl-C count
        complete = True
    ladder = rank(
        names,
        results,
        rules=rules.identity,
        seeds=seeds,
        inputs_max=arguments.max_inputs,
        seconds=time.perf_counter() - began,
        complete=complete,
        category=category(mode, ascension),
    )
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(ladder), indent=2).decode() + "\n")
    else:
        print("\n".join(table(ladder)))
    return 0 if complete else 130


def _seeds(text: str) -> int | str:
    """Return a number of seeds, or the name of the public set."""
    return text if text == PUBLIC_SET else count(text)


def _with_progress(results: Iterable[RunResult], total: int) -> Iterator[RunResult]:
    """Yield the results unchanged and write a progress line to stderr, at most once a second."""
    last = time.monotonic()
    scores: dict[str, list[float]] = {}
    for done, result in enumerate(results, 1):
        scores.setdefault(result.policy, []).append(result.score)
        if time.monotonic() - last >= 1.0:
            last = time.monotonic()
            means = "  ".join(f"{name} {mean(values):.2f}" for name, values in sorted(scores.items()))
            print(f"{done}/{total} runs  {means}", file=sys.stderr, flush=True)
        yield result
