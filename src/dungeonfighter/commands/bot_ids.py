"""The check of a bot id on the command line."""

from __future__ import annotations

from dungeonfighter import limits
from dungeonfighter.errors import BadArgument


def check_bot_id(text: str) -> None:
    """Check the value of `--bot`.

    Raises:
        BadArgument: It is no bot id; the message says what one is.
    """
    if not limits.is_bot_id(text):
        raise BadArgument(f"--bot: {text[:40]!r} is not a bot id: an id has {limits.bot_id_rule}")
