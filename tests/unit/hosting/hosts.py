"""Hosts for tests: real rules, a real memory store, and replicas that share it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

from dungeonfighter.hosting.answers import Answer, NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import Rules, load_rules

KEY = "local/tarn"
MACE = NewGame(seed=7, weapon=0)


@cache
def rules() -> Rules:
    return load_rules()


def replica(store: RankingStore, *, hot_games_max: int = 100, **others: Any) -> BotHost:
    """Return another host over the same store; `others` are further arguments of the host."""
    usual: dict[str, Any] = {
        "rules": ShippedRules([rules()]),
        "clock": SystemClock(),
        "chance": SystemChance(),
    }
    return BotHost(store=store, hot_games_max=hot_games_max, **usual | others)


class Futures:
    """A responder with a future for a tag; `render` makes the answer."""

    def __init__(self, render: Callable[[Answer], Any]) -> None:
        self._render = render

    def render(self, tag: asyncio.Future[Any], answer: Answer) -> Any:
        assert not tag.done()
        return self._render(answer)

    def deliver(self, tag: asyncio.Future[Any], rendered: Any) -> None:
        tag.set_result(rendered)
