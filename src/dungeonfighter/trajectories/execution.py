"""Executes runs one after the other, or side by side in several processes.

Either way the blocks of a run follow each other, and the runs come in the order in which they were given. A
process works ahead by a bounded number of bytes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from dungeonfighter.errors import Corrupt, NewerRules
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.replays.replay import Replay
from dungeonfighter.rules.releases import shipped_rules
from dungeonfighter.trajectories.steps import Form, blocks

AHEAD_BYTES: Final = 8 * 1024 * 1024
"""The bytes by which a process may be ahead of the run that is being written."""
_RUNS_AHEAD: Final = 4
"""The runs of each process that may be executed and not yet written."""
_LINES: Final = b"L"
_RESULT: Final = b"R"


class Job(Struct, frozen=True):
    """A run to execute; `name` is for people, `fleet` and `is_trusted` are as in `Candidate`."""

    name: str
    fleet: str
    replay: Replay
    is_trusted: bool


class Executed(Struct, frozen=True):
    """The end of the execution of a run.

    Attributes:
        problem: Why no lines were made; "" if all were.
        is_unknown: This release does not have its rules.
    """

    problem: str = ""
    is_unknown: bool = False


class ProcessDied(Exception):
    """A process ended before its run did."""


Piece = tuple[Job, bytes | Executed]
_encoder: Final = msgspec.msgpack.Encoder()
_jobs: Final = msgspec.msgpack.Decoder(Job)
_results: Final = msgspec.msgpack.Decoder(Executed)


def execute_here(jobs: Iterator[Job], book: ShippedRules, form: Form) -> Generator[Piece]:
    """Yield the blocks of each run, and then its `Executed`."""
    for job in jobs:
        for piece in _pieces(job, book, form):
            yield job, piece


def _pieces(job: Job, book: ShippedRules, form: Form) -> Iterator[bytes | Executed]:
    try:
        rules = book.of(job.replay.rules)
    except NewerRules:
        yield Executed(unknown_rules(job.replay.rules, book), is_unknown=True)
        return
    try:
        yield from blocks(job.fleet, job.replay, rules, form, is_trusted=job.is_trusted)
    except Corrupt as error:
        yield Executed(str(error))
        return
    yield Executed()


def unknown_rules(identity: str, book: ShippedRules) -> str:
    """Return a sentence about rules that this release does not have."""
    known = ", ".join(book.shipped)
    way_out = "--catalog DIR adds those of a folder"
    return f"this release has the rules {known}, not {identity}; {way_out}"


def execute_apart(
    jobs: Iterator[Job], form: Form, *, catalog: Path | None, processes: int
) -> Generator[Piece]:
    """Do the same in several processes; the first ones start with the first runs.

    Raises:
        ProcessDied: A process was killed; the message names its run.
    """
    workers: list[_Worker] = []
    tasks: deque[_Task] = deque()
    try:
        while True:
            _hand_out(jobs, workers, tasks, lambda: _Worker(form, catalog), processes)
            if not tasks:
                return
            head = tasks[0]
            while head.pieces:
                piece = head.pieces.popleft()
                if isinstance(piece, ProcessDied):
                    raise piece
                if isinstance(piece, Executed):
                    tasks.popleft()
                else:
                    head.worker.ahead -= len(piece)
                yield head.job, piece
            if tasks and tasks[0] is head:
                _receive([task for task in tasks if task.is_readable(head)])
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    def __init__(self, form: Form, catalog: Path | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self._process = context.Process(target=_work, args=(other, form, catalog), daemon=True)
        self._process.start()
        other.close()
        self.ahead = 0
        self.is_idle = True

    def end(self) -> None:
        self.connection.close()
        self._process.terminate()
        self._process.join()


class _Task:
    """A run that a process executes or has executed, with its pieces that are not yet written."""

    def __init__(self, job: Job, worker: _Worker) -> None:
        self.job = job
        self.worker = worker
        self.pieces: deque[bytes | Executed | ProcessDied] = deque()
        self.is_over = False

    def is_readable(self, head: _Task) -> bool:
        return not self.is_over and (self is head or self.worker.ahead < AHEAD_BYTES)

    def receive(self) -> None:
        try:
            message = self.worker.connection.recv_bytes()
        except (EOFError, OSError):
            self.pieces.append(ProcessDied(f"the process that executed {self.job.name} was killed"))
            self.is_over = True
            return
        if message[:1] == _LINES:
            self.pieces.append(message[1:])
            self.worker.ahead += len(message) - 1
        else:
            self.pieces.append(_results.decode(message[1:]))
            self.is_over = self.worker.is_idle = True


def _hand_out(
    jobs: Iterator[Job], workers: list[_Worker], tasks: deque[_Task], start: Any, processes: int
) -> None:
    """Give a run to each idle process, and start processes while there are runs for them."""
    while len(tasks) < processes * _RUNS_AHEAD:
        worker = next((one for one in workers if one.is_idle), None)
        if worker is None and len(workers) >= processes:
            return
        job = next(jobs, None)
        if job is None:
            return
        if worker is None:
            worker = start()
            workers.append(worker)
        worker.is_idle = False
        tasks.append(_Task(job, worker))
        with contextlib.suppress(OSError):  # `receive` reports a process that has died
            worker.connection.send_bytes(_encoder.encode(job))


def _receive(tasks: list[_Task]) -> None:
    by_connection: dict[Any, _Task] = {task.worker.connection: task for task in tasks}
    for connection in wait(list(by_connection)):
        by_connection[connection].receive()


def _work(connection: Connection, form: Form, catalog: Path | None) -> None:
    """Execute runs until the parent closes the connection or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    book = ShippedRules(shipped_rules(catalog))
    try:
        while True:
            job = _jobs.decode(connection.recv_bytes())
            for piece in _pieces(job, book, form):
                if isinstance(piece, Executed):
                    connection.send_bytes(_RESULT + _encoder.encode(piece))
                else:
                    connection.send_bytes(_LINES + piece)
    except (EOFError, OSError):
        os._exit(0)
