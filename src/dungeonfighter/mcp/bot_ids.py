"""Validates the bot id that a caller gives, and words the error about a malformed id."""

from __future__ import annotations

from dungeonfighter import limits
from dungeonfighter.errors import BadInput
from dungeonfighter.mcp import arguments
from dungeonfighter.mcp.answers import bad_argument


def checked_bot_id(given: object) -> str:
    """Return the given bot id if it is valid.

    Raises:
        BadInput: The code is bad_argument; the message describes a valid id.
    """
    if limits.is_bot_id(given):
        return given
    raise bad_bot_id(given)


def bad_bot_id(given: object) -> BadInput:
    """Return the error about a malformed bot id; its message describes a valid id."""
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
