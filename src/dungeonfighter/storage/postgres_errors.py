"""Classifies errors of PostgreSQL by SQLSTATE into retryable statements, bad rows and unknown outcomes.

Source: docs/architecture.md, "PostgreSQL"; PostgreSQL's manual, appendix A, "PostgreSQL Error Codes".
"""

from __future__ import annotations

import enum
import ssl
from typing import Final

import asyncpg

from dungeonfighter.errors import StoreUnavailable


class Meaning(enum.Enum):
    """The consequence of an error for the statement that it ended."""

    retryable = enum.auto()
    """Other transactions caused the rollback; the caller may send the statement again on this connection."""
    bad_row = enum.auto()
    """A value in the statement caused the rollback; the same statement will fail each time."""
    unknown = enum.auto()
    """The connection is unusable, and the caller must settle whether the statement took effect."""


LOCK_TIMEOUT: Final = "55P03"
_STATES: Final = {
    "40P01": Meaning.retryable,  # deadlock detected
    "40001": Meaning.retryable,  # serialization failure
    LOCK_TIMEOUT: Meaning.retryable,
}
_CLASSES: Final = {
    "22": Meaning.bad_row,  # data exception
    "23": Meaning.bad_row,  # integrity constraint violation
}  # every other code means `unknown`: 08 (connection), 57P0 (shutdown) and 25006 (a standby) among them


def meaning(error: BaseException) -> Meaning:
    """Classify the error that ended a statement."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return _STATES.get(state) or _CLASSES.get(state[:2], Meaning.unknown)
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
        return Meaning.bad_row  # the driver could not encode a value, so it sent nothing
    if isinstance(error, UnicodeDecodeError):
        return Meaning.bad_row  # the driver read the whole answer, so the connection stays usable
    return Meaning.unknown


def is_database_error(error: BaseException) -> bool:
    """Return True if the server, the driver or the network caused the error, False if our code did."""
    kinds = (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
        TimeoutError,
    )
    return isinstance(error, kinds)


_PASSING: Final = (
    "08",  # connection exception
    "25006",  # read-only transaction: a standby that is being promoted
    "53",  # insufficient resources
    "57P",  # the server starts, or is being shut down
)


def is_passing(error: BaseException) -> bool:
    """Return True if a connection may succeed later though it failed with this error now.

    A refused user, password, database or certificate does not pass by itself.
    """
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_PASSING)
    if isinstance(error, ssl.SSLError | PermissionError | ValueError):
        return False
    return isinstance(error, OSError | asyncpg.InternalClientError)


def reason(error: BaseException) -> str:
    """Describe an error in one line without values, statements or passwords."""
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate:
        return f"SQLSTATE {error.sqlstate}, {type(error).__name__}"
    return type(error).__name__


def unavailable(error: BaseException) -> StoreUnavailable:
    """Translate an error into the store's own `StoreUnavailable`."""
    return StoreUnavailable(f"the database did not answer ({reason(error)})")
