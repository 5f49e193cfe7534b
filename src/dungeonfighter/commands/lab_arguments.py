"""The arguments that the actions of `lab` share, and how they play runs with progress."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from dungeonfighter import limits
from dungeonfighter.commands.categories import PRIVATE_SET, PUBLIC_SET
from dungeonfighter.commands.numbers import count
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput

T = TypeVar("T")
RESULTS: Final = Path(".lab") / "runs.jsonl"
SEEDS_MOST: Final = 100_000


def seeds(text: str) -> tuple[int, ...]:
    """Parse seeds: `0-399`, `7`, or several of these with commas, or `public`."""
    if text == PUBLIC_SET:
        from dungeonfighter.rules.seed_sets import PUBLIC

        return PUBLIC
    if text == PRIVATE_SET:
        raise argparse.ArgumentTypeError("a server draws private seeds; the laboratory has `public` or 0-399")
    found: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise argparse.ArgumentTypeError(f"{part[:40]!r} is no range of seeds, for example 0-399")
        low, high = int(first), int(last or first)
        if not low <= high <= limits.seed_max or high - low >= SEEDS_MOST:
            raise argparse.ArgumentTypeError(
                f"{part[:40]!r}: the first seed is the lower one; at most {SEEDS_MOST} seeds"
            )
        found.update(dict.fromkeys(range(low, high + 1)))
    return tuple(found)


def add_playing(parser: argparse.ArgumentParser, default_seeds: str) -> None:
    """Declare the arguments of every action: seeds, figures, processes, JSON."""
    add = parser.add_argument
    add("--seeds", type=seeds, default=seeds(default_seeds), metavar="A-B",
        help=f"the seeds of the runs, or `public` (default: {default_seeds})")  # fmt: skip
    add("--figures", type=Path, metavar="F.json", help="try other figures of the rules (docs/lab.md)")
    add("--catalog", type=Path, metavar="DIR", help="play with your own content files (docs/catalogue.md)")
    add("--processes", type=count, default=os.cpu_count() or 1, metavar="N",
        help="processes that play, at low priority (default: one a core, here %(default)s)")  # fmt: skip
    add("--json", action="store_true", help="print JSON instead of a table")


def add_runs(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the actions that play whole runs."""
    add = parser.add_argument
    add("--max-inputs", type=count, default=limits.ranked_turns_max, metavar="N",
        help="cut a run off after N inputs (default: %(default)s)")  # fmt: skip
    add("--results", type=Path, default=RESULTS, metavar="FILE",
        help="where runs are kept and looked up (default: %(default)s)")  # fmt: skip


class _Collected(argparse.Action):
    """Keeps the values of an option that is given several times; the first ones replace the default."""

    def __call__(
        self, _parser: object, namespace: argparse.Namespace, values: object, _option: str | None = None
    ) -> None:
        before = getattr(namespace, self.dest)
        given = list(values) if isinstance(values, list) else [values]
        setattr(namespace, self.dest, given if before is self.default else [*before, *given])


def add_players(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--player", nargs="+", metavar="P", default=default.split(), action=_Collected,
        help=f"policies, or names of exploits (default: {default})")  # fmt: skip


class Interruptible:
    """Iterates with a progress line that has the time left, and stops at Ctrl-C without losing results.

    Attributes:
        is_complete: False after Ctrl-C.
    """

    def __init__(self, total: int, what: str) -> None:
        self.is_complete = True
        self._total = total
        self._what = what
        self._output = ProgressOutput(sys.stderr)

    def over(self, found: Iterable[T], was_known: Callable[[T], bool] = lambda _: False) -> Iterator[T]:
        """Yield what is found; `was_known` says that a result cost no time, so that it predicts none."""
        paced = PacedProgress(self._output)
        done = played = 0
        began = time.monotonic()
        try:
            for one in found:
                done += 1
                if was_known(one):
                    began = time.monotonic()
                else:
                    played += 1
                paced(self._line(done, played, time.monotonic() - began))
                yield one
        except KeyboardInterrupt:
            self.is_complete = False
        finally:
            self._output.clear()
        if not self.is_complete:
            self._output.say(f"stopped after {done} of {self._total} {self._what}; the next call goes on")

    def _line(self, done: int, played: int, seconds: float) -> str:
        left = self._total - done
        text = f"{done}/{self._total} {self._what}"
        return f"{text}, {_duration(seconds * left / played)} left" if played and left else text


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def print_result(arguments: argparse.Namespace, document: Any, lines: Sequence[str]) -> None:
    """Print the table, or the document as JSON."""
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")
    else:
        print("\n".join(lines))
