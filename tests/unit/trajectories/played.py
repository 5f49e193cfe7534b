"""Databases with played runs: new, reset, loaded and forked ones, of every policy."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import apsw

from dungeonfighter.bots.policy import Policy
from dungeonfighter.bots.registry import make_policy, policies
from dungeonfighter.bots.runner import choose
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.daily_seeds import SECRET_NAME
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.mcp.views import text_view
from dungeonfighter.rules import Mode
from dungeonfighter.storage.sqlite import SqliteStore
from tests.unit.hosting.hosts import rules

FRESH_SECRET = bytes(range(32))
WHOLE = (
    "local/ada e1", "local/ada e2", "local/ada e3", "local/ada e4", "local/fork e1", "local/zoe e1",
    "team/bob e1",
)  # fmt: skip
"""The runs of `play_all` that anybody may have, in order."""
FAULTY = ("damaged", "other", "pruned")
"""Bots in the fleet `local`."""


async def make_host(store: RankingStore) -> BotHost:
    secret = await store.shared_secret(SECRET_NAME, FRESH_SECRET)
    return BotHost(
        store=store, rules=ShippedRules([rules()]), clock=SystemClock(), chance=SystemChance(),
        hot_games_max=10_000, daily_secret=secret,
    )  # fmt: skip


async def play(
    host: BotHost, key: str, policy: Policy, inputs: int, see: Callable[[str], object] = lambda text: None
) -> None:
    """Play until the run is over or the policy has chosen so many inputs; `see` gets each text view."""
    game = await host.read(key)
    see(text_view(game))
    for _ in range(inputs):
        if game.state.over:
            return
        game = (await host.play(key, choose(rules(), policy, game.state), turn=game.state.turn)).game
        see(text_view(game))


async def play_bot(host: BotHost, number: int, inputs: int) -> None:
    """Play five runs of a bot, the fourth from a save of the third, and one run of a fork of the fifth."""
    names, dice, key = list(policies), random.Random(number), f"local/bot-{number}"
    for episode in range(3):
        mode = (Mode.casual, Mode.ironman)[(number + episode) % 2]
        seed = dice.randrange(2**53) if episode else None
        await host.start(key, NewGame(mode=mode, seed=seed, name=f"Hero {number}"))
        await play(host, key, make_policy(names[(number + episode) % len(names)], number), inputs)
    await host.start(key, NewGame(seed=number, weapon=number % 4))
    await play(host, key, make_policy("auto"), inputs)
    first_turn = 0
    if not (await host.read(key)).state.over:
        await host.save(key, "main")
        first_turn = (await host.load(key, "main")).game.turn
        await play(host, key, make_policy("random", number), inputs)
    turn = max(first_turn, (await host.read(key)).turn - 3)
    (fork,) = await host.runs.fork(key, [f"fork-{number}"], turn=turn, is_exact=number % 2 == 0)
    assert fork.error is None
    await play(host, f"local/fork-{number}", make_policy("attack"), inputs)


def make_database(path: Path) -> Path:
    """Make a SQLite database with the runs of `play_all`, of which three get a fault; return its path."""

    async def make() -> None:
        store = SqliteStore(path)
        await store.open()
        await play_all(store)
        await store.close()

    asyncio.run(make())
    file = apsw.Connection(str(path))
    file.execute("delete from run_inputs where bot_id = 'local/pruned'")
    file.execute("update run_inputs set inputs = replace(inputs, '2', '1') where bot_id = 'local/damaged'")
    file.execute("update episodes set rules = '1-0other0' where bot_id = 'local/other'")
    file.close()
    return path


async def play_all(store: RankingStore) -> None:
    """Play the runs `WHOLE`, the first runs of `FAULTY`, and seven that players may not see yet."""
    host = await make_host(store)
    await host.start("local/ada", NewGame(seed=1, weapon=0))
    await play(host, "local/ada", make_policy("heuristic"), 70)
    await host.save("local/ada", "main")
    await host.reset("local/ada")
    await play(host, "local/ada", make_policy("attack"), 5)
    await host.load("local/ada", "main")
    await play(host, "local/ada", make_policy("auto"), 8)
    await host.runs.fork("local/ada", ["fork"])
    await play(host, "local/fork", make_policy("random"), 6)
    await host.start("local/ada", NewGame(seed=2, weapon=1))  # lives, and is not ranked
    await play(host, "local/ada", make_policy("auto"), 3)
    for bot in ("daily", "ranked", "zoe", *FAULTY):
        mode = {"daily": Mode.daily, "ranked": Mode.ironman}.get(bot, Mode.casual)
        seed = 5 if mode == Mode.casual else None
        await host.start(f"local/{bot}", NewGame(mode=mode, seed=seed, weapon=2))
        await play(host, f"local/{bot}", make_policy("heuristic"), 12)
    for bot in ("daily", "zoe", *FAULTY):
        await host.start(
            f"local/{bot}", NewGame(mode=Mode.ironman)
        )  # ends the run; this one is live and ranked
    await host.start("team/bob", NewGame(mode=Mode.ironman))
    await play(host, "team/bob", make_policy("attack"), 200)
    assert (await host.read("team/bob")).state.over
    await host.close()
