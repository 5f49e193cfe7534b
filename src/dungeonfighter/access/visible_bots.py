"""Lists the bots that a principal may see."""

from __future__ import annotations

from typing import Final

from dungeonfighter.access.principals import EVERY_BOT, Principal
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import BotSummary

_AFTER_IDS: Final = "~"
"""Sorts after every character of a bot id."""


async def visible_bots(host: BotHost, principal: Principal, after: str, count: int) -> list[BotSummary]:
    """Return up to `count` bots of the principal's fleet that it covers, by id, beginning after `after`.

    Costs one listing of the store, whatever the pattern: the ids that a pattern covers stand together.
    """
    pattern = principal.bots
    if pattern != EVERY_BOT:
        beginning = pattern.removesuffix("*")
        after = max(after, beginning[:-1] + chr(ord(beginning[-1]) - 1) + _AFTER_IDS)
    found = await host.list_bots(principal.fleet, after, count)
    return [bot for bot in found if principal.covers(bot.bot_id.partition("/")[2])]
