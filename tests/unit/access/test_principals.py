"""Patterns of bots, and the listing of the bots that a principal covers."""

from __future__ import annotations

import pytest

from dungeonfighter.access.principals import LOCAL, Limits, Principal
from dungeonfighter.access.visible_bots import visible_bots
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.memory import MemoryStore

BOTS = ["team", "team-", "team-1", "team-2", "team.", "teal", "Team-1", "team-A", "0", "zz", "team-1-1"]


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("*", BOTS),
        ("team-*", ["team-", "team-1", "team-2", "team-A", "team-1-1"]),
        ("team-1", ["team-1"]),
        ("t*", ["team", "team-", "team-1", "team-2", "team.", "teal", "team-A", "team-1-1"]),
        ("none", []),
    ],
)
async def test_a_pattern_covers_one_bot_or_a_beginning_or_all(pattern: str, covered: list[str]) -> None:
    principal = Principal("ours", bots=pattern)
    assert [bot for bot in BOTS if principal.covers(bot)] == covered
    host = BotHost(
        store=MemoryStore(), rules=ShippedRules([load_rules()]), clock=SystemClock(), chance=SystemChance()
    )
    for bot in BOTS:
        await host.start(f"ours/{bot}", NewGame(seed=1, weapon=1))
        await host.start(f"theirs/{bot}", NewGame(seed=1, weapon=1))
    for count in (1, 2, 100):
        listed: list[str] = []
        after = ""
        while page := await visible_bots(host, principal, after, count):
            assert {one.bot_id.partition("/")[0] for one in page} == {"ours"}
            listed += [one.bot_id.partition("/")[2] for one in page]
            after = listed[-1]
        assert listed == sorted(covered)
    await host.close()


@pytest.mark.parametrize("fleet", ["", "A", "a/b", "a" * 33, "a\n", "*"])
def test_a_malformed_fleet_is_refused(fleet: str) -> None:
    with pytest.raises(ValueError, match="fleet"):
        Principal(fleet)


@pytest.mark.parametrize("bots", ["", "**", "a**", "*a", "a*b", "-a", "a/b", "a" * 129, "a\n"])
def test_a_malformed_pattern_is_refused(bots: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Principal("local", bots=bots)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_rate_is_positive(rate: float) -> None:
    with pytest.raises(ValueError, match="calls_per_second"):
        Principal("local", limits=Limits(rate))


def test_the_local_principal_covers_every_bot() -> None:
    assert all(LOCAL.covers(bot) for bot in BOTS)
