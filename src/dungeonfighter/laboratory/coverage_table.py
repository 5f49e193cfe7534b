"""The file and the table of coverage: what occurred, how seldom, and what never did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from dungeonfighter.laboratory.coverage import Covered, CoverJob, Thing
from dungeonfighter.laboratory.figures import Figures
from dungeonfighter.laboratory.result_files import Origin, ResultFile, origin_by
from dungeonfighter.laboratory.results import PLAYING

_DECIDING: Final = (*PLAYING, "laboratory/coverage.py")
_SEEN_LEAST: Final = 3
"""Names of the rarest things in a line of the table."""


class CoveredSeed(Struct, frozen=True):
    """The counts of the runs of a seed, as a line of the file."""

    origin: Origin
    inputs_max: int
    covered: Covered


class CoveredKind(Struct, frozen=True):
    """A row of the table: the counts of one kind of things, the rarest first."""

    kind: str
    counts: dict[str, int]

    @property
    def never(self) -> list[str]:
        return [name for name, count in self.counts.items() if not count]


class CoverageFile:
    """The results of one origin; see `ResultFile` for the errors."""

    def __init__(self, path: Path, figures: Figures) -> None:
        self.origin = origin_by(_DECIDING, figures)
        self._lines = ResultFile(path, self.origin, CoveredSeed)
        self._known = {
            (line.inputs_max, line.covered.seed, line.covered.players): line.covered
            for line in self._lines.read
        }

    def find(self, job: CoverJob) -> Covered | None:
        """Return what occurred in a job that was performed before."""
        return self._known.get((job.inputs_max, job.seed, job.names))

    def add(self, covered: Covered, inputs_max: int) -> None:
        """Append the runs of a seed; they are on their way to the disk when the method returns."""
        self._lines.add(CoveredSeed(self.origin, inputs_max, covered))

    def close(self) -> None:
        self._lines.close()


def kinds_of(listed: Sequence[Thing], found: Sequence[Covered]) -> list[CoveredKind]:
    """Add up the counts of all seeds; return a row for each kind, in the order of the things."""
    sums = [sum(column) for column in zip(*(each.counts for each in found), strict=True)] or [0] * len(listed)
    kinds: dict[str, list[tuple[int, str]]] = {}
    for (kind, name), count in zip(listed, sums, strict=True):
        kinds.setdefault(kind, []).append((count, name))
    return [CoveredKind(kind, {name: count for count, name in sorted(rows)}) for kind, rows in kinds.items()]


def table(kinds: Sequence[CoveredKind], others: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the table, then the names of what never occurred."""
    yield f"{'kind':<13}{'things':>7}{'occur':>7}{'never':>7}  the rarest that occur"
    for row in kinds:
        rarest = [f"{name} {count}" for name, count in row.counts.items() if count][:_SEEN_LEAST]
        amounts = (len(row.counts), len(row.counts) - len(row.never), len(row.never))
        yield f"{row.kind:<13}{amounts[0]:>7}{amounts[1]:>7}{amounts[2]:>7}  {', '.join(rarest)}"
    for row in kinds:
        for name in row.never:
            yield f"never: {row.kind} {name}"
    for name in others:
        yield f"not among the things: {name}"
