"""Bots and fleets as words of the command line, and the key by which the database stores a bot."""

from __future__ import annotations

import argparse
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


def add_bot_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that name one bot, for `key_of`."""
    parser.add_argument("bot", metavar="BOT", help=f"its id, or FLEET/ID (without a fleet: {DEFAULT_FLEET})")
    parser.add_argument("--fleet", metavar="F", help=f"its fleet (default: {DEFAULT_FLEET})")


def key_of(text: str, fleet_text: str | None) -> str:
    """Return the stored key of a bot that is named with or without its fleet.

    Raises:
        BadArgument: That is no name of a bot, or names two fleets.
    """
    fleet = checked_fleet(fleet_text)
    before, slash, bot = text.rpartition("/")
    named = checked_fleet(before) if slash else ""
    if named and fleet and named != fleet:
        raise BadArgument(f"--fleet: {text[:80]!r} is in the fleet {named}, not in {fleet}")
    if not limits.is_bot_id(bot):
        raise BadArgument(f"{bot[:40]!r} is not a bot id: an id has {limits.bot_id_rule}")
    return f"{named or fleet or DEFAULT_FLEET}/{bot}"


def checked_fleet(text: str | None) -> str:
    """Return the name of a fleet; "" for None.

    Raises:
        BadArgument: That is no name of a fleet.
    """
    if text is not None and not limits.fleet_pattern.match(text):
        raise BadArgument(f"a fleet is 1 to 32 of a-z, 0-9 and minus; got {text[:40]!r}")
    return text or ""
