"""A file of results: one JSON line for each, so that an interrupted measurement goes on where it was.

A result counts only for the rules, figures and code with which it was measured: each line has its origin. A
line that was cut off by the end of the process is dropped.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from dungeonfighter.errors import SettingsError
from dungeonfighter.laboratory.figures import Figures
from dungeonfighter.rules import load_rules

_PACKAGE: Final = Path(__file__).parents[1]


class Origin(Struct, frozen=True):
    """The conditions under which results are comparable."""

    rules: str
    code: str
    figures: str = ""


class OfOrigin(Protocol):
    """A line of the file: a struct that knows its origin."""

    @property
    def origin(self) -> Origin: ...


T = TypeVar("T", bound=OfOrigin)


class _Head(Struct, frozen=True):
    """The part of a line that says if the rest is of use."""

    origin: Origin


_head: Final = msgspec.json.Decoder(_Head).decode


@cache
def code_identity(deciding: tuple[str, ...]) -> str:
    """Return eight hex digits over sources, which are files or folders of the package."""
    found = blake2b(digest_size=4)
    for name in deciding:
        place = _PACKAGE / name
        files = [place] if place.is_file() else [*place.rglob("*.py"), *place.rglob("*.json")]
        for path in sorted(files):
            found.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def origin_by(deciding: tuple[str, ...], figures: Figures) -> Origin:
    """Return the origin of results that these sources decide."""
    return Origin(load_rules().identity, code_identity(deciding), figures.identity)


class ResultFile(Generic[T]):
    """The results of one origin in a file, which is made if it does not exist.

    Attributes:
        read: Those that the file had.

    Raises:
        SettingsError: The file cannot be read or written, or is no file of results.
    """

    def __init__(self, path: Path, origin: Origin, kind: type[T]) -> None:
        self.read: list[T] = []
        self._path = path
        self._origin = origin
        self._line = msgspec.json.Decoder(kind).decode
        try:
            if path.exists():
                self._read()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise SettingsError([f"{path}: cannot be used for results: {error.strerror}"]) from None

    def add(self, result: T) -> None:
        """Append a result; it is on its way to the disk when the method returns."""
        self._file.write(msgspec.json.encode(result) + b"\n")

    def close(self) -> None:
        self._file.close()

    def _read(self) -> None:
        whole = self._path.read_bytes()
        *lines, rest = whole.split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                if _head(line).origin == self._origin:
                    self.read.append(self._line(line))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise SettingsError(
                    [f"{self._path} line {number} is no result: {error}; name another file with --results"]
                ) from None
        if rest:
            with self._path.open("r+b") as file:
                file.truncate(len(whole) - len(rest))
