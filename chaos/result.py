"""The result of one scenario, and its words."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from msgspec import Struct


class Outcome(Enum):
    """The end of a scenario."""

    HELD = "held"
    VIOLATED = "violated"
    NOT_STAGED = "not staged"


class Verdict(Struct, frozen=True):
    """The history of a scenario, compared with its store.

    Attributes:
        problems: What does not hold, in sentences; empty if all promises hold.
        lines: The words of the checker; the last ones are its counts.
        first_seconds, last_seconds: From the end of the last fault until the first bot and the last bot
            played; None if none did.
    """

    problems: tuple[str, ...]
    lines: tuple[str, ...]
    acknowledged: int
    lost: int
    doubled: int
    first_seconds: float | None
    last_seconds: float | None


class Result(Struct, frozen=True):
    """One scenario with one seed.

    Attributes:
        problems: What does not hold, or why it cannot be staged.
        evidence: A fact for each fault which shows that it took effect.
        seconds: The time with set-up and removal.
        verdict: None if the history was not checked.
    """

    scenario: str
    seed: int
    outcome: Outcome
    problems: tuple[str, ...]
    evidence: tuple[str, ...]
    seconds: float
    verdict: Verdict | None = None

    def lines(self) -> list[str]:
        """Return the result in words; the last line has the counts, if there are any."""
        lines = [f"  {one}" for one in self.evidence]
        lines += [f"  {self.outcome.value}: {one}" for one in self.problems]
        if self.outcome is Outcome.VIOLATED:
            lines.append(f"  repeat it with: make chaos SCENARIO={self.scenario} SEED={self.seed}")
        return [*lines, *(self.verdict.lines if self.verdict is not None else ())]


_HEAD = ("scenario", "seed", "outcome", "acknowledged", "lost", "doubled", "first s", "last s", "seconds")


def table(results: Sequence[Result]) -> list[str]:
    """Return the results below each other, with a head."""
    rows = [_HEAD, *map(_row, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in rows]


def _row(result: Result) -> tuple[str, ...]:
    verdict = result.verdict
    counts = (verdict.acknowledged, verdict.lost, verdict.doubled) if verdict is not None else ("-", "-", "-")
    times = (verdict.first_seconds, verdict.last_seconds) if verdict is not None else (None, None)
    return (
        result.scenario, str(result.seed), result.outcome.value, *map(str, counts),
        *("-" if one is None else f"{one:.1f}" for one in times), f"{result.seconds:.0f}",
    )  # fmt: skip


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Pad the first three columns on the right, and the numbers on the left."""
    return [
        cell.ljust(width) if column in (0, 2) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds, such as 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
