"""Trajectories as Parquet, with the extra `parquet`: the members of a line become columns.

A Parquet file can be read only when it is whole, and cannot be continued. So the rows are written to small
files (parts) in a folder beside it, each with whole runs. At the end the parts become one file, and the
folder goes away. After an interruption `--resume` continues behind the last part.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from dungeonfighter.errors import BadArgument, SettingsError
from dungeonfighter.trajectories.candidates import WrittenRun
from dungeonfighter.trajectories.outputs import check_target
from dungeonfighter.trajectories.steps import FORMAT, Form

PART_ROWS: Final = 20_000
"""A part ends with the run that makes it so long."""
GROUP_ROWS: Final = 2_000
GROUP_BYTES: Final = 16 * 1024 * 1024
"""A row group is written when it has so many rows, or so many bytes of lines."""
_FORM: Final = b"dungeonfighter.observation"
_FORMAT: Final = b"dungeonfighter.format"


class _Row(Struct, frozen=True, rename="camel"):
    """A line whose observation stays JSON."""

    format: str
    fleet: str
    bot: str
    episode: int
    turn: int
    rules: str
    mode: str
    ascension: int
    origin: str
    ranked: bool
    digest: str
    score: float
    legal_inputs: list[str]
    input: str | None
    reward: float
    terminated: bool
    truncated: bool
    result: str | None
    text: str | UnsetType = UNSET
    observation: msgspec.Raw | UnsetType = UNSET


_decoder: Final = msgspec.json.Decoder(_Row)


class ParquetFile:
    """See `outputs.Output`.

    Args:
        path: The file.
        form: The observations of the rows.
        resumes: Continue the parts, or a whole file, if they are there.

    Raises:
        SettingsError: pyarrow is not installed.
        BadArgument: The file or its parts are there already, or are no such files.
    """

    def __init__(self, path: Path, form: Form, *, resumes: bool) -> None:
        self._arrow, self._parquet = _libraries()
        check_target(path, resumes=resumes)
        self._path = path
        self._form = form
        self._folder = path.with_name(f"{path.name}.parts")
        if self._folder.exists() and not resumes:
            raise BadArgument(f"-o: {self._folder} is there already; --resume continues it")
        self._schema = self._columns()
        self.last: WrittenRun | None = None
        self.size = 0
        if path.exists():
            self._read_last(path)  # another file is left alone
        self._folder.mkdir(exist_ok=True)
        if path.exists():
            path.rename(self._folder / _part_name(0))
        for unfinished in self._folder.glob("*.tmp"):
            unfinished.unlink()
        self._parts = sorted(self._folder.glob("part-*.parquet"))
        if self._parts:
            self.last = self._read_last(self._parts[-1])
        self._writer: Any = None
        self._rows = 0
        self._lines: list[_Row] = []
        self._bytes = 0

    def write(self, block: bytes) -> None:
        for line in block.splitlines():
            self._lines.append(_decoder.decode(line))
            self._bytes += len(line)
            if len(self._lines) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
                self._write_group()
        self.size += len(block)

    def end_run(self) -> None:
        if self._rows + len(self._lines) >= PART_ROWS:
            self._end_part()

    def finish(self) -> None:
        """Make one file of the parts."""
        self._end_part()
        if not self._parts:
            self._folder.rmdir()
            return
        whole = self._folder / "whole.tmp"
        with self._parquet.ParquetWriter(whole, self._schema, compression="zstd") as writer:
            for part in self._parts:
                with self._parquet.ParquetFile(part) as file:
                    for number in range(file.num_row_groups):
                        writer.write_table(file.read_row_group(number))
        with whole.open("rb") as file:
            os.fsync(file.fileno())
        whole.replace(self._path)
        shutil.rmtree(self._folder)

    def cut(self) -> None:
        """Give up the part that is not whole."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()
            self._unfinished.unlink(missing_ok=True)
        self._writer, self._lines = None, []
        if not self._parts:
            self._folder.rmdir()

    @property
    def _unfinished(self) -> Path:
        return self._folder / f"{_part_name(len(self._parts) + 1)}.tmp"

    def _write_group(self) -> None:
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._unfinished, self._schema, compression="zstd")
        columns = [[_cell(line, name) for line in self._lines] for name in _KINDS]
        self._writer.write_table(self._arrow.table(columns, schema=self._schema), row_group_size=GROUP_ROWS)
        self._rows += len(self._lines)
        self._lines, self._bytes = [], 0

    def _end_part(self) -> None:
        if self._lines:
            self._write_group()
        if self._writer is None:
            return
        self._writer.close()
        self._writer, self._rows = None, 0
        part = self._folder / _part_name(len(self._parts) + 1)
        self._unfinished.replace(part)
        self._parts.append(part)

    def _read_last(self, path: Path) -> WrittenRun | None:
        """Return the run of the last row of a file, after a check that the file is one of ours."""
        try:
            file = self._parquet.ParquetFile(path)
        except (self._arrow.ArrowException, OSError) as error:
            what = f"--resume: {path} cannot be read as Parquet ({type(error).__name__}); it was left alone"
            raise BadArgument(what) from None
        with file:
            facts = file.schema_arrow.metadata or {}
            if facts.get(_FORMAT) != FORMAT.encode():
                raise BadArgument(f"--resume: {path} has no trajectories of {FORMAT}; it was left alone")
            if facts.get(_FORM) != _form_name(self._form):
                what = f"--resume: {path} was begun with another --observation; give the same one again"
                raise BadArgument(what)
            if not file.num_row_groups:
                return None
            names = ["fleet", "bot", "episode", "digest"]
            columns = file.read_row_group(file.num_row_groups - 1, columns=names).to_pydict()
            return WrittenRun(*(columns[name][-1] for name in names))

    def _columns(self) -> Any:
        arrow = self._arrow
        types = {int: arrow.int32(), float: arrow.float64(), bool: arrow.bool_()}
        kinds = {_NAMES[name]: types.get(kind, arrow.string()) for name, kind in _KINDS.items()}
        kinds["legalInputs"] = arrow.list_(arrow.string())
        facts = {_FORMAT: FORMAT.encode(), _FORM: _form_name(self._form)}
        return arrow.schema(list(kinds.items()), metadata=facts)


_KINDS: Final = {field.name: field.type for field in msgspec.structs.fields(_Row)}
_NAMES: Final = {field.name: field.encode_name for field in msgspec.structs.fields(_Row)}
"""The columns are named like the members of a line."""


def _cell(line: _Row, name: str) -> Any:
    value = getattr(line, name)
    if value is UNSET:
        return None
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else value


def _part_name(number: int) -> str:
    return f"part-{number:06d}.parquet"


def _form_name(form: Form) -> bytes:
    return b"text" * form.has_text + b"json" * form.has_json


def _libraries() -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415 (of the extra `parquet`)
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        what = "-o: Parquet needs the extra `parquet`: pip install '.[parquet]' in the checkout"
        raise SettingsError([what]) from None
    return pyarrow, pyarrow.parquet
