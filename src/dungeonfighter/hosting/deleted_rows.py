"""The row that stays of a deleted bot: without a run, and with the next version.

A version never goes down, so a server that still has the bot in memory cannot write over the deletion, and
the next run of the bot has a number that no earlier one had.
"""

from __future__ import annotations

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting import damaged_rows
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.ports import Row
from dungeonfighter.hosting.rows import check, is_as_written
from dungeonfighter.hosting.seal import sealed_row
from dungeonfighter.hosting.shipped_rules import ShippedRules


def emptied(row: Row, op: bytes) -> Row:
    """Return the row that follows `row` when its bot is deleted.

    It keeps the last operation ids, which tell a request under way that its own write had won, and the tokens
    of the day, which a limit counts.

    Args:
        row: The present row, damaged or not.
        op: The operation id of the deletion.

    Raises:
        Corrupt: The row has no usable version.
    """
    trail = trails.readable(row.trail)
    clean = row if is_as_written(row) else damaged_rows.writable(row)
    after = trails.begun(trail, op, origin="", options="", first_turn=0, parent_episode=0)
    return sealed_row(
        clean.bot_id, clean.version + 1, b"", clean.episode, 0, "", b"", trails.encode(after), "",
        clean.tokens_today,
    )  # fmt: skip


def is_removable(row: Row, book: ShippedRules) -> bool:
    """Return True if pruning may remove the present run of an idle bot.

    It may not remove a ranked run that is not over, nor one that this release cannot read.
    """
    try:
        check(row, book)
        state = book.of(row.rules).decode(row.state)
    except DungeonFighterError:
        return False
    return state.over or not state.ranked
