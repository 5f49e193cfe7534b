"""Damaged rows: the valid values that a new run keeps when it replaces one.

Source: docs/decisions/017-a-seal-over-the-row.md.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from dungeonfighter.errors import Corrupt
from dungeonfighter.hosting.ports import Row

_VERSION_MAX: Final = 2**62
_NUMBER_MAX: Final = 2**30


def writable(row: Row) -> Row:
    """Return a damaged row with valid values in place of those that a store could not write.

    Raises:
        Corrupt: The row has no usable version.
    """
    if type(row.version) is not int or not 0 <= row.version < _VERSION_MAX:
        raise Corrupt(
            "the stored version of this game is damaged, and no run can follow it; inform the operator"
        )
    return msgspec.structs.replace(
        row, digest=_as_bytes(row.digest), episode=_as_number(row.episode), turn=_as_number(row.turn),
        rules=as_text(row.rules), state=b"\0", trail=_as_bytes(row.trail), directive=as_text(row.directive),
        tokens_today=row.tokens_today if type(row.tokens_today) is int and row.tokens_today >= 0 else 0,
    )  # fmt: skip


def as_text(text: Any) -> str:
    """Return a text that a store can write; the damaged value may be invalid UTF-8 or no text."""
    return text.encode(errors="replace").decode() if type(text) is str else ""


def _as_number(number: Any) -> int:
    """Return a valid episode or turn; in place of an invalid one, a number above that of any real run."""
    return number if type(number) is int and 0 <= number <= _NUMBER_MAX else _NUMBER_MAX


def _as_bytes(raw: Any) -> bytes:
    return raw if type(raw) is bytes else b""
