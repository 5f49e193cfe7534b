"""Imports files in batches: maps each file, writes the bots that do not exist yet, reports every file.

Every bot is written from version 0, so a bot that exists is never overwritten, whoever made it, and a second
import of the same files changes nothing. An import that was killed goes on where it was when it is repeated.
While the store writes one batch, a thread maps the next.

Source: docs/import.md; docs/decisions/041-import-of-saves.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, Protocol

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting.ports import Failed, Outcome, Row, Won, Write
from dungeonfighter.rules import Rules, Weapon
from dungeonfighter.storage.saves_import.bot_names import bot_id_of
from dungeonfighter.storage.saves_import.first_rows import first_write, imported_hash
from dungeonfighter.storage.saves_import.heroes import MappedHero, map_hero
from dungeonfighter.storage.saves_import.hostile_json import parse
from dungeonfighter.storage.saves_import.report import Counts, FileReport, HeroSummary, Status, printable
from dungeonfighter.storage.saves_import.save_files import SaveFile, read_save
from dungeonfighter.storage.saves_import.vintages import REPORT_FORMAT

_BATCH_FILES: Final = limits.batch_rows_max
_REPORT_HEAD: Final = f'{{"format":"{REPORT_FORMAT}"'.encode()
_OTHER_FILE: Final = (
    "another file with this name and beginning of the hash has this bot; import this file alone with --bot"
)


class Target(Protocol):
    """The database that an import writes to, or only looks at."""

    async def rows(self, keys: Sequence[str]) -> list[Row | None]:
        """Return the rows of the bots as of now; None for a bot that does not exist."""

    async def write(self, writes: Sequence[Write]) -> list[Outcome] | None:
        """Write bots that must not exist yet, sorted by key; None if this target writes nothing.

        Raises:
            StoreError: The store did not take the batch; a part of it may be written.
        """


class Naming(Struct, frozen=True):
    """The fleet of all imported bots, and the id of the only one; "" makes the ids from names and hashes."""

    fleet: str
    bot: str = ""


class _Candidate(Struct):
    """One file on its way: its report, and the write of its bot unless the file is bad."""

    report: FileReport
    write: Write | None = None


class Importer:
    """One import.

    Args:
        rules: The rules of new runs.
        target: The database.
        naming: The fleet and the id of the bots.
        on_report: Called with the report of each file, in the order of the files.
        on_progress: Called after each batch.
    """

    def __init__(
        self,
        rules: Rules,
        target: Target,
        naming: Naming,
        on_report: Callable[[FileReport], None],
        on_progress: Callable[[Counts], None],
    ) -> None:
        self._rules = rules
        self._target = target
        self._naming = naming
        self._on_report = on_report
        self._on_progress = on_progress
        self._first_files: dict[str, tuple[str, str]] = {}
        """The hash and the path of the file that each bot of this import came from, by key."""
        self.counts = Counts()

    async def run(self, files: Sequence[SaveFile]) -> Counts:
        """Import the files; after a cancellation finish the batch that is being written.

        Raises:
            StoreError: The store failed. The files before are reported.
            OSError: The report could not be written.
        """
        writing: asyncio.Task[None] | None = None
        try:
            for begin in range(0, len(files), _BATCH_FILES):
                batch = files[begin : begin + _BATCH_FILES]
                candidates = await asyncio.to_thread(self._map_all, batch)
                if writing is not None:
                    await asyncio.wait({writing})
                    writing.result()
                writing = asyncio.create_task(self._settle(candidates))
        finally:
            if writing is not None:
                await asyncio.wait({writing})
        if writing is not None:
            writing.result()
        return self.counts

    def _map_all(self, files: Sequence[SaveFile]) -> list[_Candidate]:
        return [self._candidate(file) for file in files]

    def _candidate(self, file: SaveFile) -> _Candidate:
        shown = printable(file.path)
        if file.skipped or file.bad:
            status: Status = "skipped" if file.skipped else "bad"
            return _Candidate(FileReport(shown, status, printable(file.skipped or file.bad)))
        file_hash = ""
        try:
            raw = read_save(file.path)
            if raw.startswith(_REPORT_HEAD):
                return _Candidate(FileReport(shown, "skipped", "the report of an import"))
            file_hash = sha256(raw).hexdigest()
            mapped = self._mapped(raw, file_hash, is_tombstone=file.is_tombstone)
            bot = self._naming.bot or bot_id_of(mapped.name, file_hash)
            key = f"{self._naming.fleet}/{bot}"
            write = first_write(key, self._rules, mapped.state, file_hash)
            self._rules.decode(write.row.state)
        except DungeonFighterError as error:
            return _Candidate(FileReport(shown, "bad", printable(str(error)), file_hash))
        except Exception as error:  # noqa: BLE001 (a file that nobody thought of must not stop the others)
            what = f"this importer fails on it ({type(error).__name__}: {error}); please report the file"
            return _Candidate(FileReport(shown, "bad", printable(what), file_hash))
        return _Candidate(_imported(shown, file_hash, key, mapped), write)

    def _mapped(self, raw: bytes, file_hash: str, *, is_tombstone: bool) -> MappedHero:
        seed = int(file_hash[:16], 16) & limits.seed_max
        return map_hero(self._rules, parse(raw), seed, is_tombstone=is_tombstone)

    async def _settle(self, candidates: Sequence[_Candidate]) -> None:
        """Write the bots of a batch that do not exist, and report all files of the batch."""
        self._judge_repeats(candidates)
        fresh = sorted(
            (each for each in candidates if each.write is not None), key=lambda each: each.report.bot
        )
        rows = await self._target.rows([each.report.bot for each in fresh]) if fresh else []
        for each, row in zip(fresh, rows, strict=True):
            if row is not None:
                _judge_existing(each, row, is_named=bool(self._naming.bot))
        await self._write([each for each in fresh if each.write is not None])
        for each in candidates:
            self.counts.count(each.report)
            self._on_report(each.report)
        self._on_progress(self.counts)

    def _judge_repeats(self, candidates: Sequence[_Candidate]) -> None:
        """Take the write from each file whose bot an earlier file of this import has."""
        for each in candidates:
            if each.write is None:
                continue
            report = each.report
            former = self._first_files.get(report.bot)
            if former is None:
                self._first_files[report.bot] = report.sha256, report.file
            elif former[0] == report.sha256:
                _refuse(each, "exists", f"the same content as {former[1]}")
            else:
                _refuse(each, "bad", _OTHER_FILE)

    async def _write(self, fresh: Sequence[_Candidate]) -> None:
        writes = [each.write for each in fresh if each.write is not None]
        outcomes = await self._target.write(writes) if writes else []
        if outcomes is None:
            for each in fresh:
                _change(each, "importable")
            return
        lost: list[_Candidate] = []
        for each, outcome in zip(fresh, outcomes, strict=True):
            if isinstance(outcome, Failed):
                _refuse(each, "bad", f"the database refuses its row: {outcome.reason}")
            elif not isinstance(outcome, Won):
                lost.append(each)
        if lost:
            rows = await self._target.rows([each.report.bot for each in lost])
            for each, row in zip(lost, rows, strict=True):
                _judge_existing(each, row, is_named=bool(self._naming.bot))


def _imported(file: str, file_hash: str, key: str, mapped: MappedHero) -> FileReport:
    hero, ledger = mapped.state.hero, mapped.ledger
    weapon = Weapon(hero.kind).name if hero.kind >= 0 else ""
    summary = HeroSummary(hero.name, weapon, hero.level, "died" if mapped.is_dead else "live")
    return FileReport(
        file, "imported", "", file_hash, mapped.vintage, key, summary,
        ledger.kept, ledger.repaired, ledger.dropped, ledger.added, ledger.empty,
    )  # fmt: skip


def _judge_existing(candidate: _Candidate, row: Row | None, *, is_named: bool) -> None:
    """Refuse a file whose bot exists: it was imported before, or it is another bot, which is left alone."""
    known = imported_hash(row) if row is not None else ""
    if known == candidate.report.sha256:
        _refuse(candidate, "exists", "imported from this file before")
    elif known and not is_named:
        _refuse(candidate, "bad", _OTHER_FILE)
    else:
        _refuse(candidate, "exists", "a bot of this name exists; it was left alone")


def _refuse(candidate: _Candidate, status: Status, why: str) -> None:
    candidate.write = None
    _change(candidate, status, why)


def _change(candidate: _Candidate, status: Status, why: str = "") -> None:
    report = candidate.report
    candidate.report = FileReport(
        report.file, status, why, report.sha256, report.vintage, report.bot, report.hero,
        report.kept, report.repaired, report.dropped, report.added, report.empty,
    )  # fmt: skip
