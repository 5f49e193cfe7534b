"""Processes that perform jobs on the rules, at low priority and with figures to try.

A job is a struct with a method `perform(rules)`. Its module may import the rules: a process unpickles its
first job after it has put the figures in place.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from dungeonfighter.laboratory.figures import Figures, open_rules

if TYPE_CHECKING:
    from dungeonfighter.rules import Rules

NICE: Final = 15
"""The addition to the niceness of each process: measuring must not disturb the machine."""

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Job(Protocol[T_co]):
    """A piece of work that needs only the rules; it is pickled, and so is its result."""

    def perform(self, rules: Rules) -> T_co: ...


def perform_all(jobs: Sequence[Job[T]], processes: int, figures: Figures | None = None) -> Iterator[T]:
    """Perform every job; the results come in any order.

    Args:
        jobs: They begin in their order.
        processes: 0 performs them in this process, which then may not have figures.
        figures: The figures to try.

    Raises:
        SettingsError: The content with these figures has problems.
        ValueError: Figures without a process of their own, or figures with which the rules cannot be made.
    """
    if processes == 0:
        if figures:
            raise ValueError("figures need a process of their own")
        yield from _perform_here(jobs)
        return
    if not jobs:
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(processes, len(jobs)), _open, (figures or Figures(),)) as pool:
        yield from pool.imap_unordered(_perform, jobs)


def _perform_here(jobs: Sequence[Job[T]]) -> Iterator[T]:
    from dungeonfighter.rules import load_rules

    rules = load_rules()
    for job in jobs:
        yield job.perform(rules)


_opened: Rules | Exception | None = None


def _open(figures: Figures) -> None:
    """Load the rules once in each process.

    A failure waits for the first job: a pool replaces a process that dies here, and the next one, for ever.
    """
    global _opened  # noqa: PLW0603 - one per process, written once
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICE)
    try:
        _opened = open_rules(figures)
    except Exception as error:  # noqa: BLE001 - the first job raises it
        _opened = error


def _perform(job: Job[T]) -> T:
    if isinstance(_opened, Exception):
        raise ValueError(f"the rules cannot be made with these figures: {_opened}") from None
    assert _opened is not None
    return job.perform(_opened)
