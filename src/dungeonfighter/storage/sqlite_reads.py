"""Reads rows and runs over a SQLite connection; a row on a corrupt page does not hide the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import apsw

from dungeonfighter.hosting.ports import EpisodeEnd, Head, InputChunk, Row, StoredRun
from dungeonfighter.storage import sql_files

_RANKED: Final = EpisodeEnd.__struct_fields__.index("ranked")


@cache
def _queries() -> dict[str, str]:
    return sql_files.queries("sqlite")


def load(connection: apsw.Connection, bot_ids: Sequence[str]) -> list[Row | None]:
    """Return the rows of these bots."""
    try:
        rows: list[Any] = connection.execute(_queries()["load"], (json.dumps(bot_ids),)).fetchall()
    except (UnicodeDecodeError, apsw.CorruptError):
        return [_load_leniently(connection, bot_id) for bot_id in bot_ids]
    found = {row[0]: Row(*row) for row in rows}
    return [found.get(bot_id) for bot_id in bot_ids]


def heads(connection: apsw.Connection, bot_ids: Sequence[str]) -> list[Head | None]:
    """Return the heads of these bots."""
    try:
        rows: list[Any] = connection.execute(_queries()["heads"], (json.dumps(bot_ids),)).fetchall()
    except (UnicodeDecodeError, apsw.CorruptError):
        if len(bot_ids) > 1:
            return [heads(connection, [bot_id])[0] for bot_id in bot_ids]
        return [Head(-1, b"", b"")]  # the head of no row, so that the host reloads its copy
    found = {bot_id: Head(*head) for bot_id, *head in rows}
    return [found.get(bot_id) for bot_id in bot_ids]


def stored_run(connection: apsw.Connection, bot_id: str, episode: int) -> StoredRun:
    """Return what is stored of a run; its end is read first, because an ended run has all its chunks."""
    key, sql = (bot_id, episode), _queries()
    ends = connection.execute(sql["ended_run"], key).fetchall()
    bases: list[Any] = connection.execute(sql["base"], key).fetchall()
    chunks: list[Any] = connection.execute(sql["inputs"], key).fetchall()
    return StoredRun(
        ended(ends[0]) if ends else None,
        tuple(InputChunk(*chunk) for chunk in chunks),
        bases[0][0] if bases else b"",
    )


def ended(row: Sequence[Any]) -> EpisodeEnd:
    """Return the end of a run from its row of `episodes`."""
    values = list(row)
    values[_RANKED] = bool(values[_RANKED])
    return EpisodeEnd(*values)


def _load_leniently(connection: apsw.Connection, bot_id: str) -> Row | None:
    """Load one row without decoding errors; a row on a corrupt page has its key and version -1 only."""
    try:
        found: Any = connection.execute(_queries()["load_raw"], (bot_id,)).fetchone()
    except apsw.CorruptError:
        return Row(bot_id, -1, b"", 0, 0, "", b"", b"")
    if found is None:
        return None
    version, digest, episode, turn, rules, state, trail, directive, tokens, at = found
    rules, directive = _text(rules), _text(directive)
    return Row(bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens, at)


def _text(raw: bytes) -> str:
    """Decode a text that may be invalid UTF-8; `hosting.rows.checked` detects the surrogates."""
    return raw.decode(errors="surrogateescape")
