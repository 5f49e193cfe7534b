"""Processes that perform jobs on the rules, at low priority and with figures to try.

A job is a struct with a method `perform(rules)`. Its module may import the rules: a process unpickles its
first job after it has put the figures in place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from dungeonfighter.errors import DungeonFighterError, SettingsError
from dungeonfighter.laboratory.figures import Figures, open_rules

if TYPE_CHECKING:
    from dungeonfighter.rules import Rules

NICE: Final = 15
"""The addition to the niceness of each process: measuring must not disturb the machine."""

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
Pipe = connection.Connection


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
        ValueError: There are figures and no processes for them.
        SettingsError: The rules cannot be made with these figures.
        DungeonFighterError: A process was killed; the other results are lost only if they were not yielded.
        RuntimeError: A job failed; the message has the traceback.
    """
    if processes == 0:
        if figures:
            raise ValueError("figures need a process of their own")
        yield from _perform_here(jobs)
        return
    workers = [_Worker(figures or Figures()) for _ in range(min(processes, len(jobs)))]
    try:
        yield from _shared_out(jobs, workers)
    finally:
        for worker in workers:
            worker.end()


def _perform_here(jobs: Sequence[Job[T]]) -> Iterator[T]:
    from dungeonfighter.rules import load_rules

    rules = load_rules()
    for job in jobs:
        yield job.perform(rules)


def _shared_out(jobs: Sequence[Job[T]], workers: Sequence[_Worker]) -> Iterator[T]:
    """Give each worker one job at a time, so that a slow job holds up no other one."""
    waiting = iter(jobs)
    busy = {}
    for worker, job in zip(workers, waiting, strict=False):
        worker.give(job)
        busy[worker.pipe] = worker
    while busy:
        for pipe in connection.wait(list(busy)):
            worker = busy[cast("Pipe", pipe)]
            answer = worker.answer()
            following = next(waiting, None)
            if following is None:
                del busy[worker.pipe]
            else:
                worker.give(following)
            yield answer


class _Worker:
    """A process that performs jobs. Its end closes the pipe, so nobody waits for a killed process."""

    def __init__(self, figures: Figures) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, inner = context.Pipe()
        self._process = context.Process(target=_serve, args=(inner, figures), daemon=True)
        self._process.start()
        inner.close()

    def give(self, job: Job[Any]) -> None:
        with contextlib.suppress(ConnectionError):  # `answer` reports the end of the process
            self.pipe.send(job)

    def answer(self) -> Any:
        """Return the result of the job; see `perform_all` for the errors."""
        try:
            kind, value = self.pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            raise DungeonFighterError(
                f"a process that played ended with code {self._process.exitcode}",
                hint="the next call goes on where this one was; --processes 1 needs the least memory",
            ) from None
        if kind == _NO_RULES:
            raise SettingsError([f"the rules cannot be made with these figures: {value}"])
        if kind == _FAILED:
            raise RuntimeError(f"a job failed in its process:\n{value}")
        return value

    def end(self) -> None:
        self._process.terminate()
        self._process.join()
        self.pipe.close()


_DONE: Final = "done"
_FAILED: Final = "failed"
_NO_RULES: Final = "no rules"


def _serve(pipe: Pipe, figures: Figures) -> None:
    """Perform jobs until the parent closes the pipe or ends; leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICE)
    with contextlib.suppress(EOFError, ConnectionError):
        try:
            rules = open_rules(figures)
        except Exception as error:  # noqa: BLE001 - whatever a figure breaks
            pipe.recv_bytes()
            pipe.send((_NO_RULES, str(error)))
            return
        while True:
            job = pipe.recv()
            try:
                answer = _DONE, job.perform(rules)
            except Exception:  # noqa: BLE001 - the parent raises it
                answer = _FAILED, traceback.format_exc()
            pipe.send(answer)
