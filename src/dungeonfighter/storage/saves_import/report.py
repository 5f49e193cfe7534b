"""The report of an import: one record per file, as JSON in a file and as text for people.

Source: docs/import.md, "The report".
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec
from msgspec import Struct

from dungeonfighter.errors import BadArgument
from dungeonfighter.storage.saves_import.ledger import Entry, Shown
from dungeonfighter.storage.saves_import.vintages import REPORT_FORMAT

VERSION: Final = 1
TEXT_CHARS_MAX: Final = 80
"""The longest value in the text for people; the JSON has more of it."""
Status = Literal["imported", "importable", "exists", "bad", "skipped"]


class HeroSummary(Struct, frozen=True):
    """The hero as it was imported; `run` is live or died."""

    name: str
    weapon: str
    level: int
    run: str


class FileReport(Struct, frozen=True, omit_defaults=True):
    """The outcome for one file.

    Attributes:
        file: Its path.
        status: imported (a dry run says importable), exists, bad or skipped.
        why: The reason, except for an imported file.
        sha256: The hash of its bytes; it is part of the name of the bot.
        bot: `<fleet>/<botId>`.
        kept, repaired, dropped, added, empty: See `ledger.Ledger`.
    """

    file: str
    status: Status
    why: str = ""
    sha256: str = ""
    vintage: str = ""
    bot: str = ""
    hero: HeroSummary | None = None
    kept: list[Entry] = []
    repaired: list[Entry] = []
    dropped: list[Entry] = []
    added: list[Entry] = []
    empty: list[str] = []


class Counts:
    """The number of files by status."""

    def __init__(self) -> None:
        self.imported = self.importable = self.exists = self.bad = self.skipped = 0
        self.dead = 0

    def count(self, report: FileReport) -> None:
        setattr(self, report.status, getattr(self, report.status) + 1)
        if report.status in {"imported", "importable"} and report.hero is not None:
            self.dead += report.hero.run == "died"

    @property
    def files(self) -> int:
        return self.imported + self.importable + self.exists + self.bad + self.skipped


class ReportFile:
    """Writes the report as one JSON object while the import runs.

    A regular file appears under its name when it is complete or the import was interrupted, never half
    written. Anything else, such as a pipe, is written to directly.

    Args:
        path: The file.
        is_dry_run: True if the import writes no bot.

    Raises:
        BadArgument: The file cannot be made.
    """

    def __init__(self, path: str, *, is_dry_run: bool) -> None:
        self._path = os.path.realpath(path)
        is_direct = os.path.lexists(self._path) and not os.path.isfile(self._path)  # noqa: PTH113
        self._written_to = self._path if is_direct else f"{self._path}.part"
        try:
            self._file: BinaryIO = open(self._written_to, "wb")  # noqa: SIM115, PTH123 (closed by `close`)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise BadArgument(f"--report: {path} cannot be written: {why}") from error
        head = (
            f'{{"format":"{REPORT_FORMAT}","version":{VERSION},"dryRun":{str(is_dry_run).lower()},"files":['
        )
        self._separator = b"\n"
        self._file.write(head.encode())

    def add(self, report: FileReport) -> None:
        """Append the record of one file.

        Raises:
            OSError: The disk is full, or the like.
        """
        self._file.write(self._separator + msgspec.json.encode(report))
        self._separator = b",\n"

    def close(self, counts: Counts, *, is_complete: bool) -> None:
        """Write the end of the report, and give the file its name.

        Raises:
            OSError: As in `add`; then there is no report.
        """
        sums = {
            "imported": counts.imported, "importable": counts.importable, "exists": counts.exists,
            "bad": counts.bad, "skipped": counts.skipped, "dead": counts.dead,
        }  # fmt: skip
        try:
            tail = b'\n],"counts":' + msgspec.json.encode(sums) + b',"complete":%s}\n'
            self._file.write(tail % (b"true" if is_complete else b"false"))
            self._file.flush()
            with contextlib.suppress(OSError):  # a pipe has no disk
                os.fsync(self._file.fileno())
            self._file.close()
        except OSError:
            with contextlib.suppress(OSError):
                self._file.close()
            if self._written_to != self._path:
                Path(self._written_to).unlink(missing_ok=True)
            raise
        if self._written_to != self._path:
            Path(self._written_to).replace(self._path)


def detail_lines(report: FileReport) -> Iterator[str]:
    """Yield the repaired, dropped and added things of one file, for people."""
    for entry in report.repaired:
        yield f"  repaired  {entry.path}: {_text(entry.was)} -> {_text(entry.now)} ({entry.why})"
    for entry in report.dropped:
        yield f"  dropped   {entry.path}: {_text(entry.was)} ({entry.why})"
    for entry in report.added:
        yield f"  added     {entry.path}: {_text(entry.now)} ({entry.why})"


def file_line(report: FileReport) -> str:
    """Return the outcome for one file in one line."""
    if report.status not in {"imported", "importable"} or report.hero is None:
        bot = f" {report.bot}" if report.bot else ""
        return f"{report.status:10} {report.file}{bot}: {report.why}"
    hero = report.hero
    fate = ", dead" if hero.run == "died" else ""
    fields = f"{len(report.kept)} kept, {len(report.repaired)} repaired, {len(report.dropped)} dropped"
    who = f"{report.vintage}, {hero.name}, {hero.weapon or 'no weapon yet'}, level {hero.level}{fate}"
    return f"{report.status:10} {report.file} -> {report.bot} ({who}): {fields}"


def printable(text: str) -> str:
    """Return a text in one line that every terminal and every JSON reader accepts."""
    escaped = text.encode("utf-8", "backslashreplace").decode()
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in escaped)


def _text(value: Shown) -> str:
    if isinstance(value, str):
        text = printable(value)
        return text if len(text) <= TEXT_CHARS_MAX else f"{text[: TEXT_CHARS_MAX - 1]}…"
    return msgspec.json.encode(value).decode()
