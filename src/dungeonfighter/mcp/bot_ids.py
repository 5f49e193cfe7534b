"""The bot id that a caller gives, and the error about one that is malformed."""

from __future__ import annotations

from dungeonfighter import limits
from dungeonfighter.errors import BadInput
from dungeonfighter.mcp import arguments
from dungeonfighter.mcp.answers import bad_argument


def checked_bot_id(given: object) -> str:
    """Return a bot id that was checked.

    Raises:
        BadInput: bad_argument; the message says what a bot id looks like.
    """
    if limits.is_bot_id(given):
        return given
    raise bad_bot_id(given)


def bad_bot_id(given: object) -> BadInput:
    """Return the error about a malformed bot id; it says what one looks like."""
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
