"""The bot id that a caller gives: the check, and the error that says how one looks."""

from __future__ import annotations

from dungeonfighter import limits
from dungeonfighter.errors import BadInput
from dungeonfighter.mcp import arguments
from dungeonfighter.mcp.answers import bad_argument


def checked_bot_id(given: object) -> str:
    """A bot id as it may be.

    Raises:
        BadInput: bad_argument; the message says what a bot id looks like.
    """
    if isinstance(given, str) and limits.bot_id_pattern.match(given):
        return given
    raise bad_bot_id(given)


def bad_bot_id(given: object) -> BadInput:
    """What is wrong with this bot id, and what one looks like."""
    if not isinstance(given, str):
        wrong = "it is not a string"
    elif not given:
        wrong = "it is empty"
    elif len(given) > limits.bot_id_chars_max:
        wrong = f"it has {len(given)} characters"
    else:
        wrong = f"got {arguments.clip(given)}"
    return bad_argument(
        f"argument `botId` must be 1 to {limits.bot_id_chars_max} of A-Z, a-z, 0-9, dot, underscore and "
        f"minus, beginning with a letter or digit; {wrong}"
    )
