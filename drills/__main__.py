"""`make drill FAULT=NAME`: a fault under playing bots, to be repaired with docs/runbook.md.

Exit codes: 0 repaired, 1 not repaired, 2 it cannot be staged, 130 interrupted. Without a name the drills are
listed.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from drills import texts
from drills.drill import Drill, Options
from drills.fault import RANDOM, fault_class, names
from drills.privileges import go_on_with_own_file_systems
from dungeonfighter.commands.numbers import amount, count
from dungeonfighter.commands.progress_output import ProgressOutput
from testkit.leftovers import Leftovers

_FOLDER: Final = Path(".drill")
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REPAIRED, NOT_REPAIRED, NOT_STAGED, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    arguments = _arguments()
    if not arguments.fault:
        print(texts.list_of_drills())
        return REPAIRED
    name = arguments.fault
    if name not in {*names(), RANDOM}:
        return _refuse(f"there is no drill {name!r}\n{texts.list_of_drills()}")
    if name == RANDOM:
        name = random.choice([one for one in names() if not fault_class(one).obstacle()])
    obstacle = fault_class(name).obstacle()
    if obstacle:
        return _refuse(f"{name} cannot be staged here: {obstacle}")
    is_named = arguments.fault != RANDOM and not arguments.unnamed
    if fault_class(name).mounts:
        flags = [word for word in sys.argv[1:] if word != arguments.fault]
        go_on_with_own_file_systems([name, *flags, *([] if is_named else ["--unnamed"])])
    options = Options(arguments.folder, arguments.minutes, arguments.bots, arguments.linger, is_named)
    options.folder.mkdir(parents=True, exist_ok=True)
    with (options.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _refuse("another drill runs in this folder: end it with Ctrl-C, or give --folder")
        return asyncio.run(_run(name, options, f"make drill FAULT={name if is_named else RANDOM}"))


async def _run(name: str, options: Options, words: str) -> int:
    leftovers = Leftovers(options.folder / "leftovers")
    output = ProgressOutput(sys.stdout)
    for one in await asyncio.to_thread(leftovers.remove_all):
        output.say(f"removed what an earlier drill left: {one}")
    drill = Drill(fault_class(name), name, options, output)
    running = asyncio.ensure_future(drill.run(leftovers))
    loop = asyncio.get_running_loop()
    interrupt = _Once(lambda: drill.interrupt(running))
    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt)
    try:
        wrong = await running
    except asyncio.CancelledError:
        output.say(f"given up, and everything is removed; {words} begins anew")
        return INTERRUPTED
    except (AssertionError, RuntimeError, OSError) as error:
        return _refuse(f"{name} cannot be staged: {error}")
    finally:
        await asyncio.to_thread(leftovers.remove_all)
        (options.folder / "environment").unlink(missing_ok=True)
    if wrong:
        output.say(f"not repaired: {wrong}")
    return NOT_REPAIRED if wrong else REPAIRED


class _Once:
    """Does something at the first signal; while everything is removed, further ones do not disturb."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action: Callable[[], None] | None = action

    def __call__(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()


def _refuse(text: str) -> int:
    print(f"drill: {text}", file=sys.stderr, flush=True)
    return NOT_STAGED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drills", description=(__doc__ or "").split("\n", 1)[0])
    add = parser.add_argument
    add("fault", nargs="?", default="", help="the name of a drill, or random; without one they are listed")
    add("--minutes", type=amount, default=20.0, metavar="N", help="the time for the repair (%(default)g)")
    add("--bots", type=count, default=40, metavar="N", help="how many bots play (%(default)s)")
    add(
        "--linger",
        type=amount,
        default=30.0,
        metavar="S",
        help="after a repair everything stays for a look, for S seconds (%(default)g)",
    )
    add("--unnamed", action="store_true", help=argparse.SUPPRESS)
    add("--folder", type=Path, default=_FOLDER, metavar="DIR", help="its files (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
