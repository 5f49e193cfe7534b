"""Exports bots as JSON Lines: a header, one line for each row, and an end; resumable at each line.

The form is documented in docs/copy-and-prune.md. A reader finds the kind of each column in the header:

* `base64` are bytes, `number` may have a fraction (times are in seconds since 1970), `json` is JSON itself;
* a line is `{"table": ..., "row": {column: value, ...}}`;
* the last line is `{"end": true, "rows": {table: count}}`; a file without it is not complete.

Each row is as it was at one moment; rows of different bots may be of different moments.
"""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from msgspec import Struct

from dungeonfighter import __version__
from dungeonfighter.errors import StoreError
from dungeonfighter.storage.copying.copy import ROWS_AT_ONCE, Reporter
from dungeonfighter.storage.copying.tables import (
    EXPORTED,
    NAMED_MOST,
    Bounds,
    Column,
    Key,
    Kind,
    Reading,
    Record,
    Table,
    Value,
)

FORM: Final = "dungeonfighter export"
FORM_VERSION: Final = 1
PART: Final = ".part"
_FORMS: Final[Mapping[Kind, str]] = {
    "text": "text", "uuid": "text", "integer": "integer", "real": "number", "time": "number",
    "bytes": "base64", "boolean": "boolean", "json": "json",
}  # fmt: skip
_encode: Final = msgspec.json.Encoder().encode


class Exported(Struct):
    """The result of an export; `broken` names the rows that cannot be read, up to `NAMED_MOST`."""

    rows: dict[str, int] = {}
    broken_count: int = 0
    broken: list[str] = []


class Exporter:
    """One export.

    Args:
        source: The database; servers may play on meanwhile.
        selection: What is exported, for the header: all, or a fleet or a bot by name.
        bounds: The keys of the bots; None for all.
        reporter: Hears of the progress with each page.
    """

    def __init__(self, source: Reading, selection: str, bounds: Bounds | None, reporter: Reporter) -> None:
        self._source = source
        self._selection = selection
        self._bounds = bounds
        self._reporter = reporter

    async def to_file(self, path: Path, *, resume: bool) -> Exported:
        """Write `<path>.part`, only for its owner to read, and rename it when it is complete.

        Args:
            path: The file to make.
            resume: Append to `<path>.part` after its last complete line.

        Raises:
            StoreError: The file exists, or the part is of another export.
            OSError: The file cannot be written.
        """
        part = Path(f"{path}{PART}")
        _check_free(path, part, resume=resume)
        tables = await self._tables()
        done = Exported()
        begin: tuple[str, Key] | None = None
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            if resume:
                begin = self._resume(file, part, tables, done)
            await self._write(file, tables, done, begin, is_new=not file.tell())
            file.flush()
            os.fsync(file.fileno())
        _rename(part, path)
        return done

    async def to_stream(self, output: BinaryIO) -> Exported:
        """Write to a stream, such as standard output."""
        done = Exported()
        await self._write(output, await self._tables(), done, None, is_new=True)
        output.flush()
        return done

    async def _tables(self) -> dict[str, Table]:
        found = await self._source.tables()
        return {name: found[name] for name in EXPORTED if name in found}

    def _header(self, tables: Mapping[str, Table]) -> dict[str, Any]:
        columns = {
            name: {column.name: _FORMS[column.kind] for column in table.columns}
            for name, table in tables.items()
        }
        return {
            "form": FORM, "version": FORM_VERSION, "release": __version__, "bots": self._selection,
            "tables": columns,
        }  # fmt: skip

    def _resume(
        self, file: BinaryIO, part: Path, tables: Mapping[str, Table], done: Exported
    ) -> tuple[str, Key] | None:
        """Cut an incomplete line off, count the lines, and return the place of the last row."""
        header, last, end = b"", b"", 0
        for line in file:
            if not line.endswith(b"\n"):
                break
            name = msgspec.json.decode(line, type=_TableOnly).table
            if header and not name:
                break  # the end, which is written anew
            end += len(line)
            if not header:
                header = line
                continue
            last = line
            done.rows[name] = done.rows.get(name, 0) + 1
        file.truncate(end)
        file.seek(end)
        if header and json.loads(header) != json.loads(_encode(self._header(tables))):
            raise StoreError(f"{part} is of another export, or of another release", hint="remove it")
        if not last:
            return None
        row = json.loads(last)
        table = tables[row["table"]]
        return table.name, tuple(row["row"][column.name] for column in table.key_columns)

    async def _write(
        self, output: BinaryIO, tables: Mapping[str, Table], done: Exported, begin: tuple[str, Key] | None, *,
        is_new: bool,
    ) -> None:  # fmt: skip
        if is_new:
            output.write(_encode(self._header(tables)) + b"\n")
        names = list(tables)
        for name in names[names.index(begin[0]) if begin else 0 :]:
            position = begin[1] if begin and begin[0] == name else None
            await self._write_table(output, tables[name], position, done)
        output.write(_encode({"end": True, "rows": {name: done.rows.get(name, 0) for name in names}}) + b"\n")

    async def _write_table(
        self, output: BinaryIO, table: Table, position: Key | None, done: Exported
    ) -> None:
        while True:
            page = await self._source.page(table, position, ROWS_AT_ONCE, None, self._bounds)
            if page.last is None:
                return
            position = page.last
            output.write(b"".join(_line(table, record) for record in page.records))
            done.rows[table.name] = done.rows.get(table.name, 0) + len(page.records)
            done.broken_count += len(page.broken)
            room = NAMED_MOST - len(done.broken)
            done.broken += [f"{broken.row}: {broken.reason}" for broken in page.broken[: max(0, room)]]
            await asyncio.sleep(0)  # lets a Ctrl-C through, which cancels the export
            output.flush()
            self._reporter.progress(f"exported {done.rows[table.name]} rows of {table.name}")


class _TableOnly(Struct):
    table: str = ""


def _line(table: Table, record: Record) -> bytes:
    row = {column.name: _shown(column, value) for column, value in zip(table.columns, record, strict=True)}
    return _encode({"table": table.name, "row": row}) + b"\n"


def _shown(column: Column, value: Value) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    if column.kind == "time" and isinstance(value, int):
        return value / 1_000_000
    if column.kind == "json" and isinstance(value, str):
        try:
            return msgspec.Raw(msgspec.json.format(value.encode(), indent=-1))
        except msgspec.DecodeError:
            return value  # a damaged text stands for itself
    return value


def _check_free(path: Path, part: Path, *, resume: bool) -> None:
    if path.exists():
        raise StoreError(f"{path} exists; it was left alone", hint="name another file, or remove it")
    if part.exists() and not resume:
        raise StoreError(
            f"{part} exists: an export that was stopped", hint="--resume goes on with it; or remove it"
        )


def _rename(part: Path, path: Path) -> None:
    """Rename a complete file, durably where the system can."""
    part.rename(path)
    if not hasattr(os, "O_DIRECTORY"):
        return
    folder = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
