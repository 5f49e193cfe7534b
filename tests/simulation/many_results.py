"""The file of results of many simulations: one line of JSON for each seed, so that a repeat goes on.

The first line names the sources that the seeds ran over. A line is written at once when its seed is over; a
torn last line, as after a power cut, is dropped.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import msgspec
from msgspec import Struct, field

_FORMAT: Final = 1


class Head(Struct, frozen=True):
    """What all seeds of a file have in common.

    Attributes:
        sources: A digest over the sources that decide what a seed does.
        acts: What each bot does under faults.
    """

    sources: str
    acts: int
    format: int = _FORMAT


class SeedResult(Struct):
    """The result of one seed.

    Attributes:
        seconds: The processor time that it took.
        broken: The promise that it broke, in one line; "" for none.
        marks: The branches that it reached, one bit each, in hexadecimal digits.
        figures: Numbers of its summary by name.
        faults, outcomes: See `Sightings`.
    """

    seed: int
    seconds: float
    broken: str = ""
    marks: str = ""
    figures: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)


class ManyResults:
    """The results of many seeds, in memory and in their file.

    Args:
        path: The file; it is made if it is missing.
        head: What is asked for now. A file of another head is moved aside, to `<path>.former`.
    """

    def __init__(self, path: Path, head: Head) -> None:
        self.results: dict[int, SeedResult] = {}
        self.is_anew = False
        """The file was of other sources, and was moved aside."""
        self._path = path
        self._head = head
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        whole = self._read() if self._path.exists() else -1
        if whole < 0:
            self._path.write_bytes(msgspec.json.encode(self._head) + b"\n")
        self._file = self._path.open("ab")
        if whole >= 0:
            self._file.truncate(whole)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        self._file.close()

    def add(self, result: SeedResult) -> None:
        """Write the result of a seed at once."""
        assert self._file is not None
        self._file.write(msgspec.json.encode(result) + b"\n")
        self._file.flush()
        self.results[result.seed] = result

    def _read(self) -> int:
        """Read the file; return the length of its whole lines, -1 if it is of another head."""
        length = 0
        for number, line in enumerate(self._path.read_bytes().splitlines(keepends=True)):
            try:
                if not line.endswith(b"\n"):
                    break
                if number == 0:
                    if msgspec.json.decode(line, type=Head) != self._head:
                        break
                else:
                    result = msgspec.json.decode(line, type=SeedResult)
                    self.results[result.seed] = result
            except msgspec.MsgspecError:
                break
            length += len(line)
        if length:
            return length
        self.is_anew = True
        self.results.clear()
        self._path.replace(self._path.with_name(f"{self._path.name}.former"))
        return -1


def digest_of_files(files: Iterable[Path], more: str = "") -> str:
    """Return a digest over the names and contents of files."""
    digest = hashlib.blake2b(more.encode(), digest_size=12)
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class Speed:
    """The rate of the seeds of this call, and the time that is left."""

    def __init__(self, done_before: int, whole: int) -> None:
        self._begun = time.monotonic()
        self._done_before = done_before
        self._whole = whole

    def text(self, done: int, broken: int) -> str:
        """Return a line of progress."""
        seconds = max(time.monotonic() - self._begun, 0.001)
        rate = (done - self._done_before) / seconds
        left = f"{(self._whole - done) / rate / 60:.0f} min left" if rate else "the first ones run"
        return f"{done:,} of {self._whole:,} seeds, {rate:.1f} seeds/s, {left}, {broken} broken"
