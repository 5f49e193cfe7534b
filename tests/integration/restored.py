"""Compares a restored store with the turns that bots of `fleet` had acknowledged at a moment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from dungeonfighter.fleet.player import Player
from dungeonfighter.hosting.ports import Store
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import GameOptions, load_rules
from tests.simulation import checker

RULES = load_rules()
BOOK = ShippedRules([RULES])


class Acknowledged(NamedTuple):
    """The present run of one bot at a moment: its seed, and all inputs that were acknowledged."""

    key: str
    episode: int
    seed: int
    name: str
    inputs: list[str]
    turns: int
    """All acknowledged turns of all runs."""

    def digest(self) -> bytes:
        state = RULES.new_game(GameOptions(seed=self.seed, name=self.name))
        for text in self.inputs:
            state = RULES.advance(state, text).state
        return RULES.digest(RULES.encode(state))


def acknowledged(players: Sequence[Player]) -> list[Acknowledged]:
    """Return a copy of what the bots have in their journals now."""
    journals = [player.journal for player in players]
    return [
        Acknowledged(
            f"local/{journal.bot_id}", journal.run.episode, journal.run.seed, journal.run.name,
            list(journal.run.inputs), journal.turns,
        )
        for journal in journals
        if journal.run is not None
    ]  # fmt: skip


async def assert_holds(store: Store, moment: Sequence[Acknowledged]) -> int:
    """Assert that each acknowledged turn of a moment is in the store; return all turns of its bots there."""
    stored = 0
    await store.open()
    for bot in moment:
        history = await checker.history(store, BOOK, bot.key)
        at = (bot.episode, len(bot.inputs))
        assert at in history, (
            f"{bot.key}: e{at[0]} t{at[1]} was acknowledged and is not in the restored store"
        )
        assert history[at] == bot.digest(), f"{bot.key}: e{at[0]} t{at[1]} is another state"
        stored += len(history) - len({episode for episode, _ in history})
    await store.close()
    return stored


async def count_lost(store: Store, moment: Sequence[Acknowledged]) -> int:
    """Return the number of acknowledged turns that a restored store lacks."""
    lost = 0
    await store.open()
    for bot in moment:
        history = await checker.history(store, BOOK, bot.key)
        turns = len(history) - len({episode for episode, _ in history})
        lost += max(0, bot.turns - turns)
    await store.close()
    return lost


def db(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `dungeonfighter db`."""
    return subprocess.run(
        [sys.executable, "-m", "dungeonfighter", "db", *words], capture_output=True, text=True, check=False
    )
