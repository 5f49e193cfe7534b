"""What a host logs about runs and turns, on a clock that only its store moves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from dungeonfighter.errors import DungeonFighterError, StoreUnavailable
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Head, Outcome, Row, Write
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance
from dungeonfighter.rules import Mode
from dungeonfighter.storage.memory import MemoryStore
from tests.unit.hosting.hosts import rules

KEY = "team-a/ada"
NAME = "Xanthippe"
SEED = 987654321
SECONDS = 60.0


class Hand:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


class SlowStore(MemoryStore):
    """A store whose commits and loads take some time of the clock."""

    def __init__(self, clock: Hand) -> None:
        super().__init__()
        self._hand = clock
        self.commit_seconds = self.load_seconds = 0.0
        self.failures: list[Exception] = []

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        self._hand.seconds += self.commit_seconds
        if self.failures:
            raise self.failures.pop()
        return await super().commit(batch)

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        self._hand.seconds += self.load_seconds
        return await super().load(bot_ids)

    async def settle(self, bot_ids: Sequence[str]) -> list[Row | None]:
        self._hand.seconds += self.load_seconds
        return await super().settle(bot_ids)

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        return await super().heads(bot_ids)


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def store(clock: Hand) -> SlowStore:
    return SlowStore(clock)


@pytest.fixture
async def host(clock: Hand, store: SlowStore) -> AsyncIterator[BotHost]:
    made = BotHost(
        store=store, rules=ShippedRules([rules()]), clock=clock, chance=SystemChance(), hot_games_max=1,
        commit_timeout_seconds=SECONDS,
    )  # fmt: skip
    yield made
    await made.close()


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    """Return the logged events, and forget them."""
    found = [
        (one.__dict__["action"], one.__dict__["fields"]) for one in caplog.records if "action" in one.__dict__
    ]
    caplog.clear()
    return found


@pytest.fixture
def info(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


async def test_a_run_is_logged_at_its_start_and_at_its_end(
    host: BotHost, clock: Hand, info: pytest.LogCaptureFixture
) -> None:
    await host.start(KEY, NewGame(name=NAME, seed=SEED, weapon=0, mode=Mode.casual))
    place = {"fleet": "team-a", "bot": "ada", "mode": "casual", "ranked": False}
    assert events(info) == [
        ("run-started", place | {"episode": 1, "origin": "new", "parent_episode": 0}),
    ]
    for _ in range(3):
        await host.play(KEY, "1")
    assert events(info) == [], "a turn is no event at level info"
    clock.seconds += 42
    await host.reset(KEY)
    (ended, fields), (started, others) = events(info)
    assert (ended, started) == ("run-ended", "run-started")
    assert isinstance(fields.pop("score"), float)
    assert fields == place | {"episode": 1, "result": "abandoned", "turns": 3, "seconds": 42.0}
    assert others == place | {"episode": 2, "origin": "reset", "parent_episode": 1}


async def test_a_run_that_ends_by_itself_is_logged_once(
    host: BotHost, info: pytest.LogCaptureFixture
) -> None:
    await host.start(KEY, NewGame(seed=7, weapon=0, mode=Mode.ironman))
    answer = await host.play(KEY, "1")
    while not answer.game.state.over:
        answer = await host.play_many(KEY, ["1"] * 50)
    _, (action, fields) = events(info)
    assert action == "run-ended"
    assert fields["result"] in {"won", "died", "turns"}
    assert fields["turns"] == answer.game.turn
    assert fields["score"] == rules().score(answer.game.state) / 100


async def test_the_time_of_a_run_that_began_elsewhere_is_not_guessed(
    host: BotHost, info: pytest.LogCaptureFixture
) -> None:
    await host.start(KEY, NewGame(seed=7, weapon=0))
    await host.start("team-a/bob", NewGame(seed=7, weapon=0))
    await host.start("team-a/eve", NewGame(seed=7, weapon=0))  # the others hibernate
    events(info)
    await host.reset(KEY)
    assert [("seconds" in fields) for _, fields in events(info)] == [False, False]


async def test_no_line_holds_a_text_of_a_player_or_a_seed(
    host: BotHost, store: SlowStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    host.game_log.watch_turns(0.5)
    store.commit_seconds = 1.0
    await host.start(KEY, NewGame(name=NAME, seed=SEED, weapon=0))
    await host.set_directive(KEY, "buy-potions-first")
    with pytest.raises(DungeonFighterError):
        await host.play(KEY, "sing a song")
    await host.play(KEY, "1")
    await host.reset(KEY)
    logged = " ".join(f"{one.getMessage()} {vars(one)}" for one in caplog.records)
    assert [word for word in (NAME, str(SEED), "buy-potions", "sing a song") if word in logged] == []
    assert {action for action, _ in events(caplog)} == {"run-started", "run-ended", "slow-turn", "turn"}


async def test_a_slow_turn_is_a_warning_with_its_parts(
    host: BotHost, store: SlowStore, info: pytest.LogCaptureFixture
) -> None:
    host.game_log.watch_turns(1.0)
    await host.start(KEY, NewGame(seed=7, weapon=0))
    store.commit_seconds = 0.875
    await host.play(KEY, "1")
    assert [action for action, _ in events(info)] == ["run-started"]
    store.commit_seconds = 1.5
    await host.play(KEY, "1")
    assert [record.levelname for record in info.records] == ["WARNING"]
    assert "slow play of team-a/ada: ok after 1500 ms (0 waiting, 0 reading" in info.messages[0]
    assert events(info) == [(
        "slow-turn",
        {"fleet": "team-a", "bot": "ada", "episode": 1, "turn": 2, "request": "play", "outcome": "ok",
         "seconds": 1.5, "wait_milliseconds": 0.0, "read_milliseconds": 0.0, "commit_milliseconds": 1500.0,
         "batch_rows": 1},
    )]  # fmt: skip


async def test_a_threshold_of_zero_logs_no_slow_turn(
    host: BotHost, store: SlowStore, info: pytest.LogCaptureFixture
) -> None:
    host.game_log.watch_turns(0)
    store.commit_seconds = 30.0
    await host.start(KEY, NewGame(seed=7, weapon=0))
    await host.play(KEY, "1")
    assert [action for action, _ in events(info)] == ["run-started"]


async def test_a_turn_that_waits_behind_another_says_so(
    host: BotHost, store: SlowStore, info: pytest.LogCaptureFixture
) -> None:
    host.game_log.watch_turns(3.0)
    await host.start(KEY, NewGame(seed=7, weapon=0))
    events(info)
    store.commit_seconds = 2.0
    await asyncio.gather(host.play(KEY, "1"), host.play(KEY, "1"))
    ((_, fields),) = events(info)
    assert (fields["seconds"], fields["wait_milliseconds"], fields["commit_milliseconds"]) == (4, 2000, 2000)


async def test_a_slow_load_is_a_part_of_a_turn(
    host: BotHost, store: SlowStore, info: pytest.LogCaptureFixture
) -> None:
    host.game_log.watch_turns(1.0)
    await host.start(KEY, NewGame(seed=7, weapon=0))
    await host.start("team-a/bob", NewGame(seed=7, weapon=0))
    await host.start("team-a/eve", NewGame(seed=7, weapon=0))  # the first one hibernates
    events(info)
    store.load_seconds, store.commit_seconds = 4.0, 0.5
    await host.play(KEY, "1")
    ((action, fields),) = events(info)
    parts = [fields[f"{part}_milliseconds"] for part in ("wait", "read", "commit")]
    assert (action, fields["turn"], parts) == ("slow-turn", 1, [0.0, 4000.0, 500.0])


async def test_an_attempt_that_failed_is_a_part_of_a_turn(
    host: BotHost, store: SlowStore, info: pytest.LogCaptureFixture
) -> None:
    host.game_log.watch_turns(1.0)
    await host.start(KEY, NewGame(seed=7, weapon=0))
    events(info)
    store.commit_seconds, store.failures = 2.0, [StoreUnavailable("away")]
    await host.play(KEY, "1")
    ((action, fields),) = events(info)
    assert (action, fields["commit_milliseconds"]) == ("slow-turn", 4000.0)


async def test_a_slow_refusal_has_its_code(
    host: BotHost, store: SlowStore, info: pytest.LogCaptureFixture
) -> None:
    host.game_log.watch_turns(1.0)
    store.load_seconds = 2.0
    with pytest.raises(DungeonFighterError):
        await host.play(KEY, "1")
    ((action, fields),) = events(info)
    assert (action, fields["outcome"], "turn" in fields) == ("slow-turn", "unknown_bot", False)


async def test_at_level_debug_every_turn_is_logged(host: BotHost, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    host.game_log.watch_turns(1.0)
    await host.start(KEY, NewGame(seed=7, weapon=0))
    await host.play(KEY, "1")
    with pytest.raises(DungeonFighterError):
        await host.play(KEY, "1", turn=9)
    await host.play_many(KEY, ["1", "1"])
    turns = [
        (one["request"], one["outcome"], one.get("turn"))
        for action, one in events(caplog)
        if action == "turn"
    ]
    assert turns == [
        ("start", "ok", 0), ("play", "ok", 1), ("play", "future_turn", None), ("play_many", "ok", 3)
    ]  # fmt: skip


async def test_a_slow_turn_carries_its_trace(
    host: BotHost, store: SlowStore, info: pytest.LogCaptureFixture
) -> None:
    host.game_log.watch_turns(1.0)
    host.game_log.trace_of = lambda _pending: ("ab" * 16, "cd" * 8)
    store.commit_seconds = 2.0
    await host.start(KEY, NewGame(seed=7, weapon=0))
    record: Any = info.records[-1]
    assert (record.action, record.trace_id, record.span_id) == ("slow-turn", "ab" * 16, "cd" * 8)
