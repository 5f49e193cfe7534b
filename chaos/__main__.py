"""`make chaos`: faults under playing bots, each in a scenario; every acknowledged turn is checked.

Exit codes: 0 all promises held, 1 one was violated, 2 a scenario cannot be staged, 130 interrupted.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chaos import scenario as scenarios
from chaos.interruption import Interrupted, Interruption
from chaos.result import Outcome, Result, table
from chaos.runner import Run
from chaos.scenario import Scenario, ScenarioError
from dungeonfighter.commands.numbers import whole
from dungeonfighter.commands.progress_output import ProgressOutput
from testkit.leftovers import Leftovers

HELD, VIOLATED, NOT_STAGED, INTERRUPTED = 0, 1, 2, 130
_FOLDER: Final = Path(".chaos")
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    arguments = _arguments()
    try:
        if arguments.list:
            print("\n".join(_listed()))
            return HELD
        wanted = _wanted(arguments.scenarios, arguments.seed)
    except ScenarioError as error:
        return _refuse(str(error))
    if sys.platform != "linux" or os.geteuid() != 0:
        return _refuse("it makes network namespaces, which needs Linux and root: sudo make chaos")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with (arguments.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _refuse("another run uses this folder: end it with Ctrl-C, or give --folder")
        return _run(wanted, arguments.folder, keep=arguments.keep)


def _run(wanted: Sequence[tuple[Scenario, int]], folder: Path, *, keep: bool) -> int:
    output = ProgressOutput(sys.stdout)
    leftovers = Leftovers(folder / "leftovers")
    interruption = Interruption()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: interruption.set())
    for left in leftovers.remove_all():
        output.say(f"removed what an earlier run left: {left}")
    results: list[Result] = []
    try:
        for one, seed in wanted:
            results.append(_run_one(one, seed, folder, leftovers, interruption, output, keep=keep))
    except Interrupted:
        output.say("interrupted, and everything is removed")
        return INTERRUPTED
    finally:
        if len(results) > 1:
            output.say("\n" + "\n".join(table(results)))
    outcomes = {result.outcome for result in results}
    if Outcome.VIOLATED in outcomes:
        return VIOLATED
    return NOT_STAGED if Outcome.NOT_STAGED in outcomes else HELD


def _run_one(
    scenario: Scenario, seed: int, folder: Path, leftovers: Leftovers, interruption: Interruption,
    output: ProgressOutput, *, keep: bool,
) -> Result:  # fmt: skip
    interruption.check()
    obstacle = scenario.obstacle()
    if obstacle:
        result = Result(scenario.name, seed, Outcome.NOT_STAGED, (obstacle,), (), 0.0)
    else:
        result = Run(scenario, seed, folder, leftovers, interruption, output).go()
    output.say(f"{scenario.name}, seed {seed}: {result.outcome.value} in {result.seconds:.0f} s")
    if result.outcome is Outcome.HELD and not keep:
        shutil.rmtree(folder / scenario.name, ignore_errors=True)
    elif not obstacle:
        output.say(f"  journal and logs: {folder / scenario.name}")
    for line in result.lines():
        output.say(line)
    return result


def _wanted(words: Sequence[str], seed: int) -> list[tuple[Scenario, int]]:
    """Return the scenarios with their seeds: those named, or all with the kept seeds."""
    kept = {one.name: one for one in scenarios.kept_seeds()}
    wanted = []
    for word in words or [*scenarios.names(), *kept]:
        if word in kept:
            wanted.append((scenarios.load(kept[word].scenario), kept[word].seed))
        else:
            wanted.append((scenarios.load(word), seed))
    return wanted


def _listed() -> list[str]:
    """Return the scenarios with a sentence about each, and the kept seeds."""
    loaded = [scenarios.load(name) for name in scenarios.names()]
    rows = [
        (one.name, one.about + (f" (not here: {text})" if (text := one.obstacle()) else "")) for one in loaded
    ]
    rows += [
        (one.name, f"once violated a promise: {one.scenario} with seed {one.seed}.")
        for one in scenarios.kept_seeds()
    ]
    width = max(len(name) for name, _ in rows)
    return ["make chaos SCENARIO=NAME SEED=N runs one, make chaos runs all:",
            *(f"  {name:<{width}}  {text}" for name, text in rows)]  # fmt: skip


def _refuse(text: str) -> int:
    print(f"chaos: {text}", file=sys.stderr, flush=True)
    return NOT_STAGED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=(__doc__ or "").split("\n", 1)[0])
    add = parser.add_argument
    add(
        "scenarios",
        nargs="*",
        metavar="SCENARIO",
        help="names of scenarios or kept seeds, or files (default: all)",
    )
    add("--seed", type=whole, default=1, metavar="N", help="decides everything that is drawn (%(default)s)")
    add("--list", action="store_true", help="list the scenarios")
    add("--folder", type=Path, default=_FOLDER, metavar="DIR", help="its files (default: %(default)s)")
    add("--keep", action="store_true", help="keep journals and logs also of scenarios that held")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
