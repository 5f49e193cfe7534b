"""The file of results: one JSON line for each run, so that an interrupted measurement goes on where it was.

A run counts only for the rules, figures and code with which it was played: the identity of the rules, that of
the figures, and a hash over the sources that decide a run are part of each line. A line that was cut off by
the end of the process is dropped.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.errors import SettingsError
from dungeonfighter.laboratory.figures import Figures
from dungeonfighter.laboratory.runs import Run, RunJob
from dungeonfighter.rules import Mode, load_rules

_PACKAGE: Final = Path(__file__).parents[1]
_DECIDING: Final = (
    "rules", "bots", "limits.py", "laboratory/deaths.py", "laboratory/exploits.py", "laboratory/figures.py",
    "laboratory/habits.py", "laboratory/options.py", "laboratory/players.py", "laboratory/runs.py",
)  # fmt: skip
"""The sources that decide a run and its record."""


class Origin(Struct, frozen=True):
    """The conditions under which runs are comparable."""

    rules: str
    code: str
    figures: str = ""


class Record(Struct, frozen=True, omit_defaults=True):
    """A run as a line of the file; `category` as in `RunJob`."""

    origin: Origin
    inputs_max: int
    run: Run
    category: str = Mode.ironman.name


class _Head(Struct, frozen=True):
    """The part of a line that says if the rest is of use."""

    origin: Origin


_head: Final = msgspec.json.Decoder(_Head).decode
_line: Final = msgspec.json.Decoder(Record).decode


@cache
def code_identity() -> str:
    """Return eight hex digits over the sources that decide a run."""
    found = blake2b(digest_size=4)
    for name in _DECIDING:
        place = _PACKAGE / name
        files = [place] if place.is_file() else [*place.rglob("*.py"), *place.rglob("*.json")]
        for path in sorted(files):
            found.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def origin_of(figures: Figures) -> Origin:
    return Origin(load_rules().identity, code_identity(), figures.identity)


class Results:
    """The runs of one origin in a file, which is made when the first run is added.

    Raises:
        SettingsError: The file cannot be read or written, or is no file of results.
    """

    def __init__(self, path: Path, origin: Origin) -> None:
        self._path = path
        self._origin = origin
        self._runs: dict[tuple[str, int, int, str], Run] = {}
        try:
            if path.exists():
                self._read()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise SettingsError([f"{path}: cannot be used for results: {error.strerror}"]) from None

    def find(self, job: RunJob) -> Run | None:
        """Return the run of a job if it was played before, with its options counted if the job wants that."""
        run = self._runs.get((job.player.name, job.seed, job.inputs_max, job.category))
        return None if run is None or (job.counts_options and not run.options) else run

    def add(self, job: RunJob, run: Run) -> None:
        """Append a run; it is on its way to the disk when the method returns."""
        self._file.write(msgspec.json.encode(Record(self._origin, job.inputs_max, run, job.category)) + b"\n")
        self._runs[run.player, run.seed, job.inputs_max, job.category] = run

    def close(self) -> None:
        self._file.close()

    def _read(self) -> None:
        whole = self._path.read_bytes()
        *lines, rest = whole.split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                if _head(line).origin == self._origin:
                    found = _line(line)
                    key = (found.run.player, found.run.seed, found.inputs_max, found.category)
                    self._runs[key] = found.run
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise SettingsError(
                    [f"{self._path} line {number} is no result: {error}; name another file with --results"]
                ) from None
        if rest:
            with self._path.open("r+b") as file:
                file.truncate(len(whole) - len(rest))
