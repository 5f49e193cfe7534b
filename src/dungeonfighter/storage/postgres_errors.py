"""What an error of PostgreSQL says about the statement it ended: a table over SQLSTATE, and nothing else.

Source: docs/architecture.md, "PostgreSQL"; the codes are in PostgreSQL's manual, appendix A.
"""

from __future__ import annotations

import enum
from typing import Final

import asyncpg

from dungeonfighter.errors import StoreUnavailable


class Meaning(enum.Enum):
    """What is known after an error."""

    nothing_happened = enum.auto()
    """The statement was rolled back because of others; it may be sent again, on the same connection."""
    bad_row = enum.auto()
    """The statement was rolled back because of a value in it; it will fail again."""
    unknown = enum.auto()
    """The connection is of no more use, and whether the statement took effect must be settled."""


LOCK_TIMEOUT: Final = "55P03"
_STATES: Final = {
    "40P01": Meaning.nothing_happened,  # deadlock detected
    "40001": Meaning.nothing_happened,  # serialization failure
    LOCK_TIMEOUT: Meaning.nothing_happened,
}
_CLASSES: Final = {
    "22": Meaning.bad_row,  # data exception
    "23": Meaning.bad_row,  # integrity constraint violation
}  # all else is unknown; 08 (connection), 57P0 (shutdown) and 25006 (a standby) are so by nature


def meaning(error: BaseException) -> Meaning:
    """What is known of a statement that ended with `error`."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return _STATES.get(state) or _CLASSES.get(state[:2], Meaning.unknown)
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
        return Meaning.bad_row  # a value that could not even be sent
    if isinstance(error, UnicodeDecodeError):
        return Meaning.bad_row  # the whole answer was read; the connection stands
    return Meaning.unknown


def is_database_error(error: BaseException) -> bool:
    """Whether it comes from the server, the driver or the network, and not from a mistake of ours."""
    kinds = (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
        TimeoutError,
    )
    return isinstance(error, kinds)


def reason(error: BaseException) -> str:
    """One line for a log or a person: no values, no statement, no password."""
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate:
        return f"SQLSTATE {error.sqlstate}, {type(error).__name__}"
    return type(error).__name__


def unavailable(error: BaseException) -> StoreUnavailable:
    """The error as the host knows it."""
    return StoreUnavailable(f"the database did not answer ({reason(error)})")
