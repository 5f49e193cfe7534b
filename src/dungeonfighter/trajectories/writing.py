"""Writes runs to an output, and counts what was written and what was left out."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator

from dungeonfighter.trajectories.candidates import Candidate, Reason
from dungeonfighter.trajectories.execution import Job, Piece
from dungeonfighter.trajectories.outputs import Output


class Tally:
    """Counts of the runs that were written and that were left out.

    Attributes:
        runs, steps: The whole runs that were written, and their inputs.
        left_out: The number of runs by the reason.
        place: The run that is being written.
    """

    def __init__(self) -> None:
        self.runs = 0
        self.steps = 0
        self.left_out: Counter[Reason] = Counter()
        self.place = ""

    @property
    def faults(self) -> int:
        """The number of runs that should have been written and could not be."""
        return sum(count for reason, count in self.left_out.items() if reason.is_fault)

    @property
    def text(self) -> str:
        """The summary in one line."""
        written = f"{self.runs:,} {'run' if self.runs == 1 else 'runs'} with {self.steps:,} inputs"
        counts = [(self.left_out[reason], reason.value) for reason in Reason]
        out = ", ".join(f"{count:,} {words}" for count, words in counts if count)
        return f"{written}; left out: {out}" if out else written


def write_runs(
    candidates: Iterator[Candidate],
    output: Output,
    tally: Tally,
    *,
    execute: Callable[[Iterator[Job]], Generator[Piece]],
    report: Callable[[str], None],
    tick: Callable[[], None],
) -> None:
    """Write all runs.

    Args:
        candidates: The runs, and those that are left out.
        output: Gets the lines of whole runs.
        tally: Counts.
        execute: `execute_here` or `execute_apart`.
        report: Gets a line about each fault.
        tick: Called after each block.
    """
    with contextlib.closing(execute(_jobs(candidates, tally, report))) as pieces:
        for job, piece in pieces:
            tally.place = job.name
            if isinstance(piece, bytes):
                output.write(piece)
            elif piece.problem:
                reason = Reason.rules if piece.is_unknown else Reason.damaged
                _leave_out(tally, report, job.name, reason, piece.problem)
            else:
                output.end_run()
                tally.runs += 1
                tally.steps += len(job.replay.inputs)
            tick()


def _jobs(candidates: Iterator[Candidate], tally: Tally, report: Callable[[str], None]) -> Iterator[Job]:
    for one in candidates:
        if one.replay is not None:
            yield Job(one.name, one.fleet, one.replay, one.is_trusted)
        elif one.reason is not None:
            _leave_out(tally, report, one.name, one.reason, one.problem)


def _leave_out(tally: Tally, report: Callable[[str], None], name: str, reason: Reason, problem: str) -> None:
    tally.left_out[reason] += 1
    if reason.is_fault:
        report(problem if problem.startswith(name) else f"{name}: {problem}")
