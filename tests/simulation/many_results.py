"""The file of results of many simulations: one line of JSON for each seed, so that a repeat goes on.

The first line names the sources that the seeds ran over. A line is written at once when its seed is over; a
torn last line, as after a power cut, is dropped.
"""

from __future__ import annotations

import fcntl
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
        path: The file; it is made if it is missing. One process at a time may use it.
        head: What is asked for now. A file of another head is copied to `<path>.former` and begun anew.
    """

    def __init__(self, path: Path, head: Head) -> None:
        self.results: dict[int, SeedResult] = {}
        self.is_anew = False
        """The file was of other sources, or of none."""
        self._path = path
        self._head = head
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Read the file and lock it.

        Raises:
            BlockingIOError: Another process uses it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise
        whole = self._read()
        self._file.truncate(whole)
        if not whole:
            self._write(self._head)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        self._file.close()

    def add(self, result: SeedResult) -> None:
        """Write the result of a seed at once."""
        self._write(result)
        self.results[result.seed] = result

    def _write(self, line: Head | SeedResult) -> None:
        assert self._file is not None
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()

    def _read(self) -> int:
        """Read the file; return the length of its whole lines, 0 if it is empty or of another head."""
        length = 0
        content = self._path.read_bytes()
        for number, line in enumerate(content.splitlines(keepends=True)):
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
        if content and not length:
            self.is_anew = True
            self._path.with_name(f"{self._path.name}.former").write_bytes(content)
        return length


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
