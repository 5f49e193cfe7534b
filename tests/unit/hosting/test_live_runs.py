"""The best live runs: found by a walk through the games in memory, and compared with the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.live_runs import LIVE_RUNS_MAX
from dungeonfighter.hosting.ports import Row
from dungeonfighter.rules import Mode
from dungeonfighter.storage.memory import MemoryStore
from tests.unit.hosting.hosts import replica

ALL = 1000


def memory() -> MemoryStore:
    return MemoryStore(lambda: 0.0)


async def start(host: BotHost, bots: Iterable[str]) -> None:
    for bot in bots:
        await host.start(f"local/{bot}", NewGame(seed=1, weapon=0))


async def play(host: BotHost, bot: str, turns: int) -> None:
    """Play up to `turns` turns of a bot as a good player would."""
    policy = make_policy("heuristic")
    for _ in range(turns):
        game = await host.read(f"local/{bot}")
        if game.state.over:
            return
        await host.play(f"local/{bot}", policy.choose(game.rules.observe(game.state)))


def found(host: BotHost) -> list[tuple[str, int, int]]:
    return [(run.key.removeprefix("local/"), run.episode, run.turn) for run in host.live_runs.best()]


async def test_the_best_run_stands_first_with_its_score_and_position() -> None:
    host = replica(memory())
    await start(host, ["ada", "bob"])
    await play(host, "bob", 60)
    host.live_runs.walk(ALL)
    best = host.live_runs.best()
    game = await host.read("local/bob")
    assert best[0].key == "local/bob"
    assert (best[0].turn, best[0].score) == (game.turn, game.rules.score(game.state))
    assert best[0].score > best[1].score


async def test_a_walk_looks_at_few_games_at_a_time_and_passes_all() -> None:
    host = replica(memory())
    await start(host, ["a", "b", "c", "d", "e"])
    counts = []
    for _ in range(3):
        host.live_runs.walk(2)
        counts.append(len(host.live_runs.best()))
    assert counts == [2, 4, 5]


async def test_the_list_is_bounded() -> None:
    host = replica(memory())
    await start(host, [f"b{number}" for number in range(LIVE_RUNS_MAX + 5)])
    host.live_runs.walk(ALL)
    assert len(host.live_runs.best()) == LIVE_RUNS_MAX


async def test_a_new_run_takes_the_place_of_the_former_one() -> None:
    host = replica(memory())
    await start(host, ["ada"])
    host.live_runs.walk(ALL)
    await host.reset("local/ada")
    host.live_runs.walk(ALL)
    assert found(host) == [("ada", 2, 0)]


async def test_a_run_that_is_over_is_not_live() -> None:
    host = replica(memory())
    await host.start("local/ada", NewGame(seed=1, weapon=0, mode=Mode.ironman))
    host.live_runs.walk(ALL)
    assert found(host)
    await play(host, "ada", 5000)
    assert (await host.read("local/ada")).state.over
    host.live_runs.walk(ALL)
    assert not found(host)


async def test_a_hibernated_run_stays_in_the_list_until_it_ends() -> None:
    store = memory()
    host = replica(store, hot_games_max=1)
    await start(host, ["ada"])
    host.live_runs.walk(ALL)
    await start(host, ["bob", "cid"])
    await host.live_runs.refresh()
    assert found(host) == [("ada", 1, 0)]
    await replica(store).reset("local/ada")
    await host.live_runs.refresh()
    assert found(host) == [("ada", 2, 0)]


async def test_an_old_copy_in_memory_is_replaced_so_that_no_walk_finds_its_run() -> None:
    store = memory()
    one, other = replica(store), replica(store)
    await start(one, ["ada"])
    one.live_runs.walk(ALL)
    await play(other, "ada", 3)
    await one.live_runs.refresh()
    assert found(one) == [("ada", 1, 3)]
    one.live_runs.walk(ALL)
    assert found(one) == [("ada", 1, 3)]


async def test_an_unsettled_game_is_left_to_its_next_request() -> None:
    store = memory()
    one, other = replica(store), replica(store)
    await start(one, ["ada"])
    one.live_runs.walk(ALL)
    await play(other, "ada", 3)
    game = one._games.get("local/ada")
    assert game is not None
    game.unsettled, row = True, game.row
    await one.live_runs.refresh()
    assert game.unsettled
    assert game.row is row


async def test_a_turn_during_the_read_is_newer_than_what_was_read() -> None:
    class Slow(MemoryStore):
        plays = False

        async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
            rows = await super().load(bot_ids)
            if self.plays:
                self.plays = False
                await host.play("local/ada", "1")
            return rows

    store = Slow(lambda: 0.0)
    host = replica(store)
    await start(host, ["ada"])
    host.live_runs.walk(ALL)
    store.plays = True
    await host.live_runs.refresh()
    assert not store.plays
    assert found(host) == [("ada", 1, 1)]


async def test_a_row_that_cannot_be_read_is_left_out() -> None:
    store = memory()
    host = replica(store)
    await start(host, ["ada", "bob"])
    host.live_runs.walk(ALL)
    store._rows["local/ada"] = structs.replace(store._rows["local/ada"], rules="none such")
    await host.live_runs.refresh()
    assert [bot for bot, _, _ in found(host)] == ["bob"]
