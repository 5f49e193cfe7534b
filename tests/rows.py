"""Rows of games for tests that write to a store without a host."""

from __future__ import annotations

from typing import Any

import msgspec

from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.ports import Row, Write
from dungeonfighter.hosting.seal import sealed_row


def follow_up(row: Row, **changes: Any) -> Write:
    """Return the write of the next version of a row, with some values changed, as a host would write it."""
    new = msgspec.structs.replace(row, version=row.version + 1, **changes)
    trail = trails.encode(trails.decode(new.trail))
    sealed = sealed_row(
        new.bot_id, new.version, new.digest, new.episode, new.turn, new.rules, new.state, trail,
        new.directive, new.tokens_today,
    )  # fmt: skip
    return Write(sealed, row.version, row.digest, row.tail)


def unsealed(row: Row) -> Row:
    """Return the row as an early release without seals wrote it."""
    trail = msgspec.msgpack.encode(msgspec.structs.astuple(trails.decode(row.trail))[:6])
    return msgspec.structs.replace(row, trail=trail)
