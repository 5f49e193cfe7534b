"""The bots and fleets that arguments of commands name."""

from __future__ import annotations

from typing import Final

from dungeonfighter import limits
from dungeonfighter.errors import BadArgument

DEFAULT_FLEET: Final = "local"


def check_bot_id(text: str) -> None:
    """Check the value of `--bot`.

    Raises:
        BadArgument: It is no bot id; the message says what one is.
    """
    if not limits.is_bot_id(text):
        raise BadArgument(f"--bot: {text[:40]!r} is not a bot id: an id has {limits.bot_id_rule}")


def key_of(text: str, fleet: str) -> str:
    """Return the stored key of a bot that is named with or without its fleet.

    Raises:
        BadArgument: That is no name of a bot, or names two fleets.
    """
    before, slash, bot = text.rpartition("/")
    named = checked_fleet(before) if slash else ""
    if named and fleet and named != fleet:
        raise BadArgument(f"--fleet: {text[:80]!r} is in the fleet {named}, not in {fleet}")
    if not limits.is_bot_id(bot):
        raise BadArgument(f"{bot[:40]!r} is not a bot id: an id has {limits.bot_id_rule}")
    return f"{named or fleet or DEFAULT_FLEET}/{bot}"


def checked_fleet(text: str | None) -> str:
    if text is not None and not limits.fleet_pattern.match(text):
        raise BadArgument(f"a fleet is 1 to 32 of a-z, 0-9 and minus; got {text[:40]!r}")
    return text or ""
