"""The place that trajectories are written to: a file of lines that can be continued, or a stream."""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import msgspec
from msgspec import UNSET, Struct, UnsetType

from dungeonfighter.errors import BadArgument
from dungeonfighter.trajectories.candidates import WrittenRun
from dungeonfighter.trajectories.steps import FORMAT, Form

LINE_BYTES_MAX: Final = 4 * 1024 * 1024
"""A line has about 10 kB; a file with longer ones is none of ours."""
_BEGINNING: Final = b'{"format":"dungeonfighter-trajectory/'


class Output(Protocol):
    """Takes the lines of whole runs, one run after the other.

    Attributes:
        last: The last whole run that was there before.
        size: The number of bytes that are written.
    """

    last: WrittenRun | None
    size: int

    def write(self, block: bytes) -> None:
        """Write lines of the present run."""

    def end_run(self) -> None:
        """Say that the present run is whole."""

    def finish(self) -> None:
        """Make what was written durable, and close it; without any run nothing is left."""

    def cut(self) -> None:
        """Close it with its whole runs only, so that it can be continued; without any nothing is left."""


class LastStep(Struct, frozen=True, rename="camel"):
    """The members of a line that show where its file can be continued."""

    format: str
    fleet: str
    bot: str
    episode: int
    digest: str
    input: str | None
    text: msgspec.Raw | UnsetType = UNSET
    observation: msgspec.Raw | UnsetType = UNSET


_decoder: Final = msgspec.json.Decoder(LastStep)


class Stream:
    """Standard output; what was written to it cannot be taken back."""

    last: WrittenRun | None = None

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = 0

    def write(self, block: bytes) -> None:
        self._stream.write(block)
        self.size += len(block)

    def end_run(self) -> None:
        """Pass the run on at once."""
        self._stream.flush()

    def finish(self) -> None:
        self._stream.flush()

    def cut(self) -> None:
        """Leave the stream as it is: the next lines could not be told from these."""


class TrajectoryFile:
    """A file of JSON lines.

    Args:
        path: The file.
        form: The observations of its lines.
        resumes: Continue a file that is there, after its last whole run; else it must not be there.

    Raises:
        BadArgument: The file is there, another process writes it, or it is no such file.
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path, form: Form, *, resumes: bool) -> None:
        self._path = path
        check_target(path, resumes=resumes)
        self._file = path.open("r+b" if path.exists() else "x+b")
        try:
            _lock(self._file, path)
            self.size, self.last = _whole_runs(self._file, path, form)
            self._file.truncate(self.size)
            self._file.seek(self.size)
        except BaseException:
            self._file.close()
            raise
        self._whole = self.size

    def write(self, block: bytes) -> None:
        self._file.write(block)
        self.size += len(block)

    def end_run(self) -> None:
        self._whole = self.size

    def finish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._remove_if_empty()

    def cut(self) -> None:
        with contextlib.suppress(OSError):  # the disk may be full
            self._file.flush()
        size = os.fstat(self._file.fileno()).st_size
        os.truncate(self._path, min(size, self._whole))
        with contextlib.suppress(OSError):
            self._file.close()
        self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        if not self._path.stat().st_size:
            self._path.unlink()


def check_target(path: Path, *, resumes: bool) -> None:
    """Check that an output may be written here.

    Raises:
        BadArgument: Something else is there.
    """
    if path.is_dir():
        raise BadArgument(f"-o: {path} is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise BadArgument(f"-o: {path} is no regular file; write to standard output with -o -")
    if path.exists() and not resumes:
        raise BadArgument(f"-o: {path} is there already; --resume continues it, or name another file")
    if not path.absolute().parent.is_dir():
        raise BadArgument(f"-o: the folder {path.absolute().parent} does not exist")


def _lock(file: BinaryIO, path: Path) -> None:
    if sys.platform == "win32":
        return
    import fcntl  # noqa: PLC0415 (absent on Windows)

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BadArgument(f"-o: another process is writing {path}") from None


def _whole_runs(file: BinaryIO, path: Path, form: Form) -> tuple[int, WrittenRun | None]:
    """Return the length of the whole runs in the file, and the last of them."""
    size = os.fstat(file.fileno()).st_size
    if not size:
        return 0, None
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        end = view.rfind(b"\n") + 1
        if not end and not _BEGINNING.startswith(view[: len(_BEGINNING)]):
            raise _other_file(path, 0)
        while end:
            begin = view.rfind(b"\n", 0, end - 1) + 1
            if end - begin > LINE_BYTES_MAX:
                raise _other_file(path, begin)
            line = _line(view[begin:end], path, begin)
            check_form(line, form, path)
            if line.input is None:
                return end, WrittenRun(line.fleet, line.bot, line.episode, line.digest)
            end = begin
    return 0, None


def _line(raw: bytes, path: Path, at: int) -> LastStep:
    try:
        line = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _other_file(path, at) from None
    if line.format != FORMAT:
        raise BadArgument(f"--resume: {path} has lines of {line.format[:60]!r}, this release writes {FORMAT}")
    return line


def check_form(line: LastStep, form: Form, path: Path) -> None:
    """Check that a file has the observations that are asked for.

    Raises:
        BadArgument: It has others.
    """
    found = Form(line.text is not UNSET, line.observation is not UNSET)
    if found != form:
        raise BadArgument(f"--resume: {path} was begun with another --observation; give the same one again")


def _other_file(path: Path, at: int) -> BadArgument:
    return BadArgument(f"--resume: {path} is no file of trajectories (see its byte {at}); it was left alone")
