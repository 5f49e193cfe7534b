"""The findings of a verification, and the port through which it reads a store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

from msgspec import Struct

BASES: Final = "verify_bases"
"""The query for the first states of runs that did not begin new; a schema before migration 006 has none."""
LAST_KEY: Final = chr(0x10FFFF)
"""A text above every key, in code point order."""


class Finding(Struct, frozen=True):
    """One damage: the key of the bot, the part of it, and the problem."""

    key: str
    part: str
    problem: str

    def __str__(self) -> str:
        return f"{printable(self.key)}: {self.part}: {self.problem}"


Report = Callable[[Finding], None]
Columns = tuple[Any, ...]
"""The values of a row, its key first; a text that is not UTF-8 has surrogate escapes."""


class Damaged(Exception):
    """Some of the rows that were asked for cannot be read: their place in the database is damaged."""


class Source(Protocol):
    """A store to verify; every read is short, so that servers can play on."""

    def snapshot(self) -> AbstractAsyncContextManager[None]:
        """Let all reads of the block see the store at one moment.

        Raises:
            StoreError: The database does not answer.
        """

    async def select(self, name: str, *values: str | int) -> list[Columns]:
        """Run a named query (`verify_...`); keys among the values are texts like those in rows.

        Raises:
            Damaged: The rows cannot be read.
            StoreError: The database does not answer.
        """

    async def count(self) -> int:
        """Return the number of bots, for the progress."""

    async def close(self) -> None: ...


def printable(key: str) -> str:
    """Return a key for people: a damaged one has escapes in place of its invalid bytes."""
    text = key.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return text if text.isprintable() else ascii(text)[1:-1]
