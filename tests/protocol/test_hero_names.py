"""Names of heroes on their way in: judged once, by one table, at every entry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dungeonfighter.hosting.answers import NewGame
from tests.protocol.both_ways import ERAS, BothWays, Way, ask

NEWER = "Ada \U0001fae9\u0378"
"""A character of Unicode 16, and one that no version has: Python versions disagree about such names."""
OLD = "a\u200bb\u202e"
"""A name as an older release or another Python version may have stored it."""


@pytest.fixture(autouse=True)
def same_stores(both: BothWays) -> Iterator[None]:
    yield
    assert both.stores_agree()


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("name", [NEWER, "\u540d\u524d", "x" * 24])
def test_a_good_name_is_taken_at_every_entry(both: BothWays, era: str | None, name: str) -> None:
    for bot, tool, given in (
        ("named", "start_new_game", {"name": name}),
        ("named", "reset_game", {}),
        ("step", "step_many", {"steps": [{"botId": "step", "start": {"name": name}}]}),
    ):
        reply, took = both.agree(ask(tool, given, era=era, bot=None if bot == "step" else bot))
        assert took
        assert not reply.body["result"]["isError"]
        game = both.run(both.short.host.read(f"local/{bot}"))
        assert game.state.hero.name == name


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("name", ["a\u202eb", "a\u00a0b", "\u2028", " ", "a ", "\U000e0041", "\ufffe"])
def test_a_bad_name_is_refused_at_every_entry(both: BothWays, era: str | None, name: str) -> None:
    started, _ = both.agree(ask("start_new_game", {"name": name}, era=era, bot="nameless"))
    refused = started.body["result"]["structuredContent"]
    assert refused["code"] == "bad_argument"
    assert refused["message"].startswith("argument `name` must have 1 to 24 characters that can be shown")
    steps = [{"botId": "nameless", "start": {"name": name}}]
    stepped, _ = both.agree(ask("step_many", {"steps": steps}, era=era))
    (row,) = stepped.body["result"]["structuredContent"]["results"]
    assert row["message"] == refused["message"]


def test_reset_game_takes_a_stored_name_as_it_is(both: BothWays) -> None:
    async def store(way: Way) -> None:
        await way.host.start("local/stored", NewGame(name=OLD, seed=5))

    both.on_both(store)
    for tool in ("reset_game", "start_new_game", "reset_game"):
        reply, _ = both.agree(ask(tool, {}, bot="stored"))
        assert not reply.body["result"]["isError"]
        game = both.run(both.short.host.read("local/stored"))
        assert game.state.hero.name == OLD
