"""Copies all tables of one database into another, resumably, and compares the two row by row.

A marker in the target says how far the copy came, in the same transaction as the rows; while it is there, no
server opens the target. The comparison reads both databases once more. It finds what a server wrote
meanwhile; a repeat of the copy then brings over only the rows that differ.

Source: docs/decisions/043-copy-and-prune.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

from msgspec import Struct

from dungeonfighter.errors import StoreError
from dungeonfighter.storage.copying.tables import (
    COPIED,
    NAMED_MOST,
    Broken,
    Key,
    Progress,
    Reading,
    Record,
    Table,
    Writing,
    common_tables,
    comparable,
    shown_key,
)

ROWS_AT_ONCE: Final = 1000
_REFUSED_MOST: Final = 10_000


class Reporter(Protocol):
    """Shows the progress to a person."""

    def progress(self, text: str) -> None: ...

    def say(self, text: str) -> None: ...


class Report(Struct):
    """The result of a copy.

    The copy is complete if no row is different: a broken row stays behind, and nothing can bring it over.

    Attributes:
        rows: The number of compared rows by table.
        broken: The number of rows that one of the databases cannot read or keep.
        different: The number of other rows that are not the same in both.
        named: A line about each of these, up to `NAMED_MOST`.
    """

    rows: dict[str, int] = {}
    broken: int = 0
    different: int = 0
    named: list[str] = []

    def name(self, text: str) -> None:
        """Add a line, unless there are enough."""
        if len(self.named) < NAMED_MOST:
            self.named.append(text)


class Copier:
    """One copy from one database into another.

    Args:
        source: The database that is read; nothing else may write to it until the copy is complete.
        target: An empty database, or one in which a copy of the same source stopped.
        reporter: Hears of the progress with each page.
    """

    def __init__(self, source: Reading, target: Writing, reporter: Reporter) -> None:
        self._source = source
        self._target = target
        self._reporter = reporter
        self._tables: dict[str, Table] = {}
        self._refused: dict[str, str] = {}
        """The reasons of the target for rows that it cannot keep, up to a bound."""

    async def run(self) -> Report:
        """Copy what is missing, compare, and remove the marker if both databases are the same.

        Raises:
            StoreError: The target holds other rows, or the tables differ; nothing was written.
        """
        self._tables = common_tables(await self._source.tables(), await self._target.tables())
        progress = await self._begun()
        if progress.state == "copying":
            await self._copy(progress)
        else:
            self._reporter.say("a former copy is compared again, and what differs is copied")
            await self._compare(Report(), repairs=True)
        report = Report()
        await self._compare(report, repairs=False)
        if not report.different:
            await self._target.finish()
        else:
            await self._target.note(Progress(self._source.name, "differs", "", None, report.broken))
        return report

    async def _begun(self) -> Progress:
        """Return how far a former copy came, or begin one in an empty target."""
        found = await self._target.progress()
        if found is not None:
            if found.source != self._source.name:
                raise StoreError(
                    f"a copy of {found.source} is under way in {self._target.name}",
                    hint="go on with that source, or name an empty database",
                )
            return found
        for table in self._tables.values():
            page = await self._target.page(table, None, 1)
            if page.last is not None or await self._target.misplaced(table):
                raise StoreError(
                    f"{self._target.name} is not empty: {table.name} has rows; nothing was written",
                    hint="name an empty database",
                )
        begun = Progress(self._source.name, "copying", next(iter(self._tables)))
        await self._target.begin(begun)
        return begun

    async def _copy(self, progress: Progress) -> None:
        names: list[str] = [name for name in COPIED if name in self._tables]
        for name in names[names.index(progress.table) :]:
            table = self._tables[name]
            total = await self._source.count(table)
            position = progress.position if name == progress.table else None
            if position is not None:
                self._reporter.say(f"going on behind {shown_key(name, position)}")
            done = 0
            while True:
                page = await self._source.page(table, position, ROWS_AT_ONCE)
                if page.last is None:
                    break
                position = page.last
                done += len(page.records)
                here = Progress(progress.source, "copying", name, position)
                self._refuse(await self._target.write(table, page.records, here))
                await self._show("copied", name, done, total)

    async def _compare(self, report: Report, *, repairs: bool) -> None:
        """Compare all rows; with `repairs` make those of the target equal to those of the source."""
        for name, table in self._tables.items():
            total = await self._source.count(table)
            for broken in await self._source.misplaced(table):
                report.broken += 1
                report.name(f"{broken.row}: {broken.reason}")
            position: Key | None = None
            known: Key | None = None
            done = 0
            while True:
                page = await self._source.page(table, position, ROWS_AT_ONCE)
                if page.last is None:
                    break
                position = page.last
                for broken in page.broken:
                    report.broken += 1
                    report.name(f"{broken.row}: {broken.reason}")
                if page.records:
                    upto = table.key_of(page.records[-1])
                    await self._compare_rows(table, page.records, known, upto, report, repairs=repairs)
                    known = upto
                done += len(page.records)
                await self._show("compared", name, done, total)
            await self._compare_rows(table, [], known, None, report, repairs=repairs)
            report.rows[name] = done

    async def _compare_rows(
        self, table: Table, records: list[Record], after: Key | None, upto: Key | None, report: Report, *,
        repairs: bool,
    ) -> None:  # fmt: skip
        """Compare the rows of the source in a range of keys with all rows of the target in this range."""
        missing = {table.key_of(record): record for record in records}
        while True:
            page = await self._target.page(table, after, ROWS_AT_ONCE, upto)
            for broken in page.broken:
                report.broken += 1
                report.name(f"{broken.row}, in the copy: {broken.reason}")
            wrong: list[Key] = []
            for there in page.records:
                key = table.key_of(there)
                here = missing.pop(key, None)
                if here is None or comparable(table, here) != comparable(table, there):
                    wrong.append(key)
                    report.different += 1
                    report.name(f"{shown_key(table.name, key)}: {_difference(table, here, there)}")
                    if here is not None:
                        missing[key] = here
            if repairs and wrong:
                await self._target.replace(table, wrong, [])
            elif wrong:
                for key in wrong:
                    missing.pop(key, None)
            if page.last is None:
                break
            after = page.last
        if repairs and missing:
            self._refuse(await self._target.replace(table, [], list(missing.values())))
        for row in (shown_key(table.name, key) for key in missing):
            reason = self._refused.get(row)
            report.broken += reason is not None
            report.different += reason is None
            report.name(f"{row}: {reason or 'not in the copy'}")

    def _refuse(self, rows: list[Broken]) -> None:
        for broken in rows:
            if len(self._refused) < _REFUSED_MOST:
                self._refused[broken.row] = broken.reason

    async def _show(self, verb: str, name: str, done: int, total: int) -> None:
        """Show the progress; each call lets a Ctrl-C through, which cancels the copy."""
        await asyncio.sleep(0)
        of = f" of about {max(total, done)}" if total else ""
        self._reporter.progress(f"{verb} {done}{of} rows of {name}")


def _difference(table: Table, here: Record | None, there: Record) -> str:
    """Say how the rows of the source and of the target differ."""
    if here is None:
        return "only in the copy"
    ours, theirs = comparable(table, here), comparable(table, there)
    names = [
        column.name for column, one, other in zip(table.columns, ours, theirs, strict=True) if one != other
    ]
    values: Mapping[str, tuple[object, object]] = {
        column.name: (one, other) for column, one, other in zip(table.columns, here, there, strict=True)
    }
    if "version" in names:
        one, other = values["version"]
        return f"version {one} in the source, {other} in the copy"
    return f"different in {', '.join(names)}"
