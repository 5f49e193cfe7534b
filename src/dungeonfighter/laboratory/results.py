"""The file of played runs: whoever measures a second time plays only what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from dungeonfighter.laboratory.figures import Figures
from dungeonfighter.laboratory.result_files import Origin, ResultFile, origin_by
from dungeonfighter.laboratory.runs import Run, RunJob
from dungeonfighter.rules import Mode

PLAYING: Final = (
    "rules", "bots", "limits.py", "laboratory/curious.py", "laboratory/exploits.py", "laboratory/figures.py",
    "laboratory/habits.py", "laboratory/options.py", "laboratory/players.py",
)  # fmt: skip
"""The sources that decide a run."""
_DECIDING: Final = (*PLAYING, "laboratory/deaths.py", "laboratory/runs.py")
"""Those, and the ones that decide its record."""


class Record(Struct, frozen=True, omit_defaults=True):
    """A run as a line of the file; `category` as in `RunJob`."""

    origin: Origin
    inputs_max: int
    run: Run
    category: str = Mode.ironman.name


def origin_of(figures: Figures) -> Origin:
    return origin_by(_DECIDING, figures)


class Results:
    """The runs of one origin in a file.

    Raises:
        SettingsError: See `ResultFile`.
    """

    def __init__(self, path: Path, origin: Origin) -> None:
        self._origin = origin
        self._lines = ResultFile(path, origin, Record)
        self._runs: dict[tuple[str, int, int, str], Run] = {}
        for found in self._lines.read:
            self._runs[found.run.player, found.run.seed, found.inputs_max, found.category] = found.run

    def find(self, job: RunJob) -> Run | None:
        """Return the run of a job if it was played before, with its options counted if the job wants that."""
        run = self._runs.get((job.player.name, job.seed, job.inputs_max, job.category))
        return None if run is None or (job.counts_options and not run.options) else run

    def add(self, job: RunJob, run: Run) -> None:
        """Append a run; it is on its way to the disk when the method returns."""
        self._lines.add(Record(self._origin, job.inputs_max, run, job.category))
        self._runs[run.player, run.seed, job.inputs_max, job.category] = run

    def close(self) -> None:
        self._lines.close()
