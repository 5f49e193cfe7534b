"""The checks of a stored row, and its decoding into a game."""

from __future__ import annotations

import re
from typing import Final

from dungeonfighter.errors import Corrupt, UnknownBot
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import Present
from dungeonfighter.hosting.ports import Row
from dungeonfighter.hosting.seal import is_intact
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import Rules, State

_SURROGATE: Final = re.compile("[\ud800-\udfff]").search


def absent(key: str) -> Row:
    """Return a row of version 0, which stands for a bot without a stored row."""
    return Row(key, 0, b"", 0, 0, "", b"", b"")


def checked(key: str, row: Row | None, book: ShippedRules) -> Row:
    """Validate a loaded row: its state decodes and matches its digest. For None return the absent row.

    Raises:
        Corrupt: The row has changed since a host wrote it, or its state does not decode.
        NewerRules: This release does not ship its rules.
    """
    if row is None:
        return absent(key)
    check(row, book)
    if row.state:
        book.of(row.rules).decode(row.state)  # validated once, here: each later turn only opens it
    return row


def check(row: Row, book: ShippedRules) -> None:
    """Check that a row has not changed since a host wrote it; this does not decode the state.

    Raises:
        Corrupt: A part of the row has changed, or its trail does not decode.
        NewerRules: This release does not ship its rules.
    """
    if not is_as_written(row):
        raise Corrupt(f"the stored row of this game is damaged; {trails.WAY_OUT}")
    trails.decode(row.trail)
    if row.state and not row.trail:
        raise Corrupt(f"the stored trail of this game is gone; {trails.WAY_OUT}")
    if row.state and book.of(row.rules).digest(row.state) != row.digest:
        raise Corrupt(f"the stored state of this game is damaged; {trails.WAY_OUT}")


def is_as_written(row: Row) -> bool:
    """Return True if a row, apart from its state, has not changed since a host wrote it."""
    return _is_typed(row) and is_intact(row)


def _is_typed(row: Row) -> bool:
    """Return True if each value has its type: SQLite may return any type, and text that is not UTF-8."""
    numbers = (row.version, row.episode, row.turn, row.tokens_today)
    if not all(type(number) is int and number >= 0 for number in numbers):
        return False
    if not all(type(value) is bytes for value in (row.digest, row.state, row.trail)):
        return False
    texts = (row.bot_id, row.rules, row.directive)
    return all(type(text) is str and not _SURROGATE(text) for text in texts)


def present(row: Row, book: ShippedRules) -> Present:
    """Decode a committed row.

    Raises:
        UnknownBot: The row holds no run.
    """
    if not row.state:
        raise unknown_bot(row.bot_id)
    rules = book.of(row.rules)
    return shown(row, rules, rules.decode(row.state))


def shown(row: Row, rules: Rules, state: State) -> Present:
    """Return the game of a row whose state is already decoded."""
    return Present(row.bot_id, row.episode, row.turn, row.version, row.digest, rules, state, row.directive)


def unknown_bot(key: str) -> UnknownBot:
    """Return the error that names the bot."""
    bot = key.partition("/")[2]
    return UnknownBot(f"there is no bot {bot}; start_new_game begins its first run")
