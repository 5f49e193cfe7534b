"""`make sim-many`: many seeds, the states that they visited, and those that none did.

Each seed is one line in a file of results, so Ctrl-C loses only the seeds under way, and a repeat goes on
(after a change of the sources it begins anew). A broken seed is printed with the command that repeats it.
The exit code is 1 if a seed broke, 2 if the file is in use, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import FrameType
from typing import Final

from dungeonfighter.commands.progress_output import ProgressOutput
from tests.simulation import visited
from tests.simulation.branches import branches_of, install
from tests.simulation.many_results import Head, ManyResults, SeedResult, Speed, digest_of_files
from tests.simulation.sightings import WIDE_FROM
from tests.simulation.watched import PACKAGE, WATCHED

# No import of a watched module here: the processes import this module before they mark those.

_SECONDS_MAX: Final = 600
"""A seed that takes longer than this counts as broken; one takes seconds."""
_PROGRESS_SECONDS: Final = 2.0
_FIGURES: Final = (
    "turns",
    "acknowledged",
    "crashes",
    "pauses",
    "fail_overs",
    "doubled",
    "conflicts",
    "settled",
)
_SIMULATION: Final = (
    "branches", "chaos", "checker", "clients", "network", "sightings", "virtual_time", "watched", "world",
)  # fmt: skip
_SOURCES: Final = ("rules", "hosting", "storage", "replays", "errors.py", "limits.py")


class Worker:
    """What one process needs to run seeds: the simulation over marked modules, and the marks."""

    def __init__(self) -> None:
        self.marks = install(PACKAGE, WATCHED)
        from dungeonfighter.rules import load_rules
        from tests.simulation.world import simulate

        self._simulate = simulate
        self._rules = load_rules()

    def run(self, seed: int, acts: int) -> SeedResult:
        begun = time.process_time()
        self.marks[:] = bytes(len(self.marks))
        result = SeedResult(seed, 0.0)
        signal.alarm(_SECONDS_MAX)
        try:
            summary = self._simulate(self._rules, seed, acts=acts)
        except Exception as error:  # noqa: BLE001 (any error breaks the seed)
            result.broken = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        else:
            result.figures = {name: getattr(summary, name) for name in _FIGURES}
            result.faults, result.outcomes = summary.faults_met, summary.outcomes
        finally:
            signal.alarm(0)
        result.seconds = round(time.process_time() - begun, 3)
        result.marks = visited.packed(self.marks)
        return result


_worker: Worker | None = None


def begin_process() -> None:
    """Make the worker of this process, which Ctrl-C does not reach: the parent ends it."""
    global _worker  # noqa: PLW0603 (the pool gives its tasks no other place)
    import logging

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _give_up)
    logging.disable()  # the simulation provokes thousands of errors
    _worker = Worker()


def run_seed(seed: int, acts: int) -> SeedResult:
    """Run one seed in a process of the pool."""
    assert _worker is not None
    return _worker.run(seed, acts)


def _give_up(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise TimeoutError(f"it did not end within {_SECONDS_MAX} s")


def main() -> int:
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell lets its background jobs ignore Ctrl-C
        signal.signal(number, signal.default_int_handler)
    output = ProgressOutput(sys.stderr)
    sources = [path for name in _SOURCES for path in _files(PACKAGE / name)]
    here = [Path(__file__).with_name(f"{name}.py") for name in _SIMULATION]
    head = Head(digest_of_files([*sources, *here], sys.version.split()[0]), options.acts)
    try:
        return _run_and_report(options, ManyResults(options.file, head), output)
    except BlockingIOError:
        print(f"another run writes to {options.file}: wait for it, or name another FILE", file=sys.stderr)
        return 2


def _run_and_report(options: argparse.Namespace, many: ManyResults, output: ProgressOutput) -> int:
    with many as results:
        if results.is_anew:
            output.say(f"the sources have changed: the results so far are in {options.file}.former")
        wanted = [options.first + at // 2 + (at % 2) * WIDE_FROM for at in range(options.seeds)]
        todo = [seed for seed in wanted if seed not in results.results]
        if len(todo) < len(wanted):
            output.say(f"{len(wanted) - len(todo):,} seeds were run before")
        is_whole = not todo or _run(todo, len(wanted), options, results, output)
        found = [results.results[seed] for seed in wanted if seed in results.results]
    print(visited.report(found, branches_of(PACKAGE, WATCHED)))
    if not is_whole:
        print(f"interrupted after {len(found):,} of {len(wanted):,} seeds; the same command goes on")
    broken = [result.seed for result in found if result.broken]
    if broken:
        return 1
    return 0 if is_whole else 130


def _run(
    todo: list[int], whole: int, options: argparse.Namespace, results: ManyResults, output: ProgressOutput
) -> bool:
    """Run seeds and write their results; return False if Ctrl-C ended this before all were run."""
    speed = Speed(whole - len(todo), whole)
    broken = sum(bool(result.broken) for result in results.results.values())
    pool = ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn"), begin_process)
    done = whole - len(todo)
    shown_at = 0.0
    try:
        for result in _results(pool, todo, options):
            results.add(result)
            done += 1
            if result.broken:
                broken += 1
                output.say(f"seed {result.seed} broke: {result.broken}")
                output.say(f"  repeat it with: make sim SEED={result.seed}")
            if time.monotonic() - shown_at > _PROGRESS_SECONDS:
                shown_at = time.monotonic()
                output.progress(speed.text(done, broken))
    except KeyboardInterrupt:
        output.say(speed.text(done, broken))
        return False
    except BrokenProcessPool:
        output.say("a process was killed, perhaps for want of memory; fewer PROCESSES need less")
        return False
    finally:
        output.clear()
        pool.shutdown(wait=False, cancel_futures=True)
        _end()
    output.say(speed.text(done, broken))
    return True


def _results(pool: ProcessPoolExecutor, todo: list[int], options: argparse.Namespace) -> Iterator[SeedResult]:
    """Yield results as they come; a few seeds wait in the pool, so that no process does."""
    waiting: set[Future[SeedResult]] = set()
    seeds = iter(todo)
    while True:
        while len(waiting) < 2 * options.processes and (seed := next(seeds, None)) is not None:
            waiting.add(pool.submit(run_seed, seed, options.acts))
        if not waiting:
            return
        ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in ended:
            yield future.result()


def _end() -> None:
    """End the processes of the pool at once."""
    for process in multiprocessing.active_children():
        process.terminate()


def _files(path: Path) -> list[Path]:
    return (
        sorted(one for one in path.rglob("*") if one.suffix in {".py", ".json"}) if path.is_dir() else [path]
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.many", description=__doc__)
    add = parser.add_argument
    add(
        "--seeds",
        type=int,
        default=10_000,
        help="how many seeds (default %(default)s); half of them are wide",
    )
    add("--first", type=int, default=0, help="the first one (default %(default)s)")
    add("--acts", type=int, default=60, help="what each bot does under faults (default %(default)s)")
    add("--processes", type=int, default=2, help="how many run at a time (default %(default)s)")
    add("--file", type=Path, default=Path("build/sim-many.jsonl"), help="the results (default: %(default)s)")
    options = parser.parse_args()
    if options.seeds < 1 or options.processes < 1 or options.acts < 1:
        parser.error("--seeds, --processes and --acts must be 1 or more")
    return options


if __name__ == "__main__":
    sys.exit(main())
