"""Replays and forks over a real host: they stand alone, and nothing of a ranked run that lives gets out."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from dungeonfighter import limits
from dungeonfighter.errors import BadInput, Corrupt, DungeonFighterError, NotAllowed, StoreUnavailable
from dungeonfighter.hosting.answers import NewGame, Present
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import InputChunk, Outcome, StoredRun, Write
from dungeonfighter.hosting.runs import Forked
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.replays.commitment import commitment
from dungeonfighter.replays.execution import differences, execute
from dungeonfighter.replays.replay import Replay, decode, encode
from dungeonfighter.rules import Mode
from dungeonfighter.storage.memory import MemoryStore
from tests.unit.hosting.hosts import KEY, MACE, replica, rules

BOT = KEY.partition("/")[2]
IRONMAN = NewGame(mode=int(Mode.ironman), weapon=0)
DAILY = NewGame(mode=int(Mode.daily), weapon=0)


async def played(host: BotHost, turns: int, options: NewGame = MACE) -> Present:
    game = (await host.start(KEY, options)).game
    for _ in range(turns):
        game = (await host.play(KEY, "1")).game
        if game.state.over:
            break
    return game


async def to_the_end(host: BotHost, options: NewGame) -> Present:
    return await played(host, limits.ranked_turns_max, options)


def found(replay: Replay) -> Any:
    *_, last = differences(decode(encode(replay)), rules())
    return last


class Day(SystemClock):
    """A clock whose day can change."""

    seconds = 1_800_000_000.0

    def wall(self) -> float:
        return self.seconds


class SevenAtFirst(SystemChance):
    """Draws the same first seed and the same nonces in each test: a run that lives for more than 20 turns."""

    def __init__(self) -> None:
        super().__init__()
        self._seeds = iter([7])

    def seed(self) -> int:
        return next(self._seeds, super().seed())

    def nonce(self) -> bytes:
        return bytes(limits.nonce_bytes)


# Replays


@pytest.mark.parametrize("turns", [0, 1, 63, 64, 65, 130])
async def test_a_run_that_lives_has_a_replay(turns: int) -> None:
    host = replica(MemoryStore())
    game = await played(host, turns)
    replay = await host.runs.replay(KEY)
    assert (replay.bot, replay.episode, replay.origin) == (BOT, 1, "new")
    assert replay.inputs == ["1"] * turns
    assert replay.result.digest == game.digest.hex()
    assert replay.result.result == "live"
    assert replay.proof is None
    assert found(replay) is None


async def test_inputs_that_were_played_together_are_all_there() -> None:
    host = replica(MemoryStore())
    await host.start(KEY, MACE)
    for _ in range(3):
        await host.play_many(KEY, ["1"] * 50)
    replay = await host.runs.replay(KEY)
    assert len(replay.inputs) == 150
    assert found(replay) is None


async def test_an_earlier_run_has_a_replay_with_its_result() -> None:
    host = replica(MemoryStore())
    game = await played(host, 70)
    await host.reset(KEY)
    replay = await host.runs.replay(KEY, 1)
    assert replay.result.digest == game.digest.hex()
    assert replay.result.result in {"abandoned", "died"}
    assert found(replay) is None


async def test_the_name_of_the_run_before_is_in_the_replay() -> None:
    host = replica(MemoryStore())
    await host.start(KEY, NewGame(name="Ada", seed=3))
    await host.reset(KEY)
    replay = await host.runs.replay(KEY)
    assert replay.options is not None
    assert replay.options.name == "Ada"
    assert replay.origin == "reset"
    assert found(replay) is None


async def test_a_loaded_run_stands_alone() -> None:
    store = MemoryStore()
    host = replica(store)
    await played(host, 70)
    await host.save(KEY, "main")
    await host.load(KEY, "main")
    for _ in range(70):
        await host.play(KEY, "1")
    for episode in (2, 2):
        replay = await host.runs.replay(KEY, episode)
        assert (replay.origin, replay.first_turn, replay.parent_episode) == ("load", 70, 1)
        assert replay.options is None
        assert found(replay) is None
        await host.reset(KEY)


async def test_a_ranked_run_shows_its_replay_and_its_proof_when_it_is_over() -> None:
    host = replica(MemoryStore())
    begun = await played(host, 3, IRONMAN)
    with pytest.raises(NotAllowed, match="when it is over"):
        await host.runs.replay(KEY)
    game = await to_the_end(host, IRONMAN)
    replay = await host.runs.replay(KEY)
    assert game.state.over
    assert begun.state.nonce != game.state.nonce
    assert replay.options is not None
    assert replay.proof is not None
    options = replay.options
    assert replay.proof.commitment == commitment(options.seed, bytes.fromhex(options.nonce), BOT, 2)
    assert found(replay) is None


async def test_a_run_of_the_day_shows_its_replay_when_the_day_is_over() -> None:
    clock = Day()
    host = replica(MemoryStore(), clock=clock, daily_secret=b"s" * 32)
    game = await to_the_end(host, DAILY)
    assert game.state.over
    with pytest.raises(NotAllowed, match=r"day \(UTC\) is over"):
        await host.runs.replay(KEY)
    clock.seconds += 86_400
    assert found(await host.runs.replay(KEY)) is None


async def test_the_seed_of_a_day_needs_the_secret_and_is_that_of_all_servers() -> None:
    seeds = set()
    for secret in (b"a" * 32, b"b" * 32, b"b" * 32):
        host = replica(MemoryStore(), clock=Day(), daily_secret=secret)
        state = (await host.start(KEY, DAILY)).game.state
        assert len(state.nonce) == limits.nonce_bytes
        seeds.add((state.seed, state.nonce))
    assert len(seeds) == 2


@pytest.mark.parametrize(("episode", "named"), [(0, "no run 0"), (2, "no run 2"), (10**12, "no run 10")])
async def test_a_run_that_is_not_there_is_named(episode: int, named: str) -> None:
    host = replica(MemoryStore())
    await played(host, 1)
    with pytest.raises(BadInput, match=named):
        await host.runs.replay(KEY, episode)


async def test_a_bot_without_a_run_is_unknown() -> None:
    with pytest.raises(BadInput, match="there is no bot"):
        await replica(MemoryStore()).runs.replay(KEY)


class Cut(MemoryStore):
    """Lacks or changes parts of what it keeps of runs."""

    change: dict[str, Any] = {}  # noqa: RUF012

    async def stored_run(self, bot_id: str, episode: int) -> StoredRun:
        return msgspec.structs.replace(await super().stored_run(bot_id, episode), **self.change)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"chunks": ()}, "not kept any more"),
        ({"base": b""}, "not kept any more"),
        ({"chunks": (InputChunk(2, 128, "1"),)}, "not kept any more"),
        (
            {"chunks": (InputChunk(2, 70, "\n".join(["1"] * 58 + ["2"] * 64 + ["1"] * 8)),)},
            "does not end in|cannot be",
        ),
        ({"base": b"damaged"}, "cannot be executed"),
    ],
)
async def test_a_run_that_lacks_parts_is_named(change: dict[str, Any], named: str) -> None:
    store = Cut()
    host = replica(store)
    await played(host, 70)
    await host.save(KEY, "main")
    await host.load(KEY, "main")
    for _ in range(130):
        await host.play(KEY, "1")
    await host.reset(KEY)
    store.change = change
    with pytest.raises((BadInput, Corrupt), match=named):
        await host.runs.replay(KEY, 2)


async def test_a_run_that_does_not_end_in_its_stored_state_is_not_shown() -> None:
    store = Cut()
    host = replica(store)
    await played(host, 5)
    await host.reset(KEY)
    ended = (await store.stored_run(KEY, 1)).ended
    assert ended is not None
    store.change = {"ended": msgspec.structs.replace(ended, digest=bytes(len(ended.digest)))}
    with pytest.raises(Corrupt, match="does not end in its stored state"):
        await host.runs.replay(KEY, 1)


async def test_a_run_that_is_too_long_for_a_server_is_left_to_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = replica(MemoryStore())
    await played(host, 11)
    monkeypatch.setattr(limits, "reexecuted_inputs_max", 10)
    with pytest.raises(BadInput, match="`dungeonfighter replay`"):
        await host.runs.replay(KEY)


async def test_bots_play_on_while_a_long_run_is_executed() -> None:
    host = replica(MemoryStore())
    await host.start(KEY, MACE)
    for _ in range(20):
        await host.play_many(KEY, ["1"] * 100)
    replaying = asyncio.ensure_future(host.runs.replay(KEY))
    turns = 0
    await host.start("local/other", MACE)
    while not replaying.done():
        await host.play("local/other", "1")
        turns += 1
    assert found(await replaying) is None
    assert turns > 10


async def test_a_replay_beside_commits_is_that_of_one_moment() -> None:
    host = replica(MemoryStore())
    await played(host, 60)

    async def play_on() -> None:
        for _ in range(80):
            await host.play(KEY, "1")

    playing = asyncio.ensure_future(play_on())
    while not playing.done():
        assert found(await host.runs.replay(KEY)) is None
        await asyncio.sleep(0)
    await playing


# Forks


def places(forks: list[Forked]) -> list[tuple[str, int, int]]:
    assert not [fork.error for fork in forks if fork.error]
    return [(fork.bot, fork.episode, fork.turn) for fork in forks]


async def test_forks_stand_where_their_parent_stands_with_dice_of_their_own() -> None:
    host = replica(MemoryStore())
    parent = await played(host, 40)
    forks = await host.runs.fork(KEY, ["a", "b"])
    assert places(forks) == [("a", 1, 40), ("b", 1, 40)]
    one, other = [(await host.read(f"local/{bot}")).state for bot in "ab"]
    assert len({state.dice.combat for state in (parent.state, one, other)}) == 3
    for state in (one, other):
        assert not state.ranked
        copy = rules().decode(rules().encode(state))
        copy.dice, copy.seed = parent.state.dice, parent.state.seed
        assert rules().encode(copy) == rules().encode(parent.state)


@pytest.mark.parametrize("turn", [0, 1, 64, 99])
async def test_an_exact_fork_from_any_turn_goes_on_as_its_parent_did(turn: int) -> None:
    host = replica(MemoryStore())
    await played(host, 100)
    states = [rules().encode(state) for state in execute(await host.runs.replay(KEY), rules())]
    (fork,) = await host.runs.fork(KEY, ["a"], turn=turn, is_exact=True)
    assert fork.turn == turn
    assert fork.digest == rules().digest(states[turn])
    for number in range(turn + 1, 101):
        game = (await host.play("local/a", "1")).game
        assert game.digest == rules().digest(states[number])


async def test_a_fork_from_an_earlier_run_and_from_a_loaded_one() -> None:
    host = replica(MemoryStore())
    await played(host, 70)
    await host.save(KEY, "main")
    await host.load(KEY, "main")
    await host.play(KEY, "1")
    await host.reset(KEY)
    assert places(await host.runs.fork(KEY, ["a"], episode=1)) == [("a", 1, 70)]
    assert places(await host.runs.fork(KEY, ["b"], episode=2, turn=70)) == [("b", 1, 70)]
    for bot in "ab":
        await host.play(f"local/{bot}", "1")
        replay = await host.runs.replay(f"local/{bot}")
        assert (replay.origin, replay.first_turn) == ("fork", 70)
        assert found(replay) is None


@pytest.mark.parametrize("is_exact", [False, True])
async def test_a_repeated_call_gets_the_same_answer(is_exact: bool) -> None:
    host = replica(MemoryStore())
    await played(host, 20)
    first = await host.runs.fork(KEY, ["a", "b"], turn=10, is_exact=is_exact)
    second = await host.runs.fork(KEY, ["a", "b"], turn=10, is_exact=is_exact)
    for _ in range(3):
        await host.play("local/a", "1")
    late = await host.runs.fork(KEY, ["a", "b"], turn=10, is_exact=is_exact)
    assert [msgspec.structs.replace(fork, repeated=True) for fork in first] == second == late


async def test_a_call_without_a_turn_can_be_repeated_after_the_parent_moved_on() -> None:
    host = replica(MemoryStore())
    await played(host, 20)
    first = await host.runs.fork(KEY, ["a"])
    await host.play(KEY, "1")
    await host.reset(KEY)
    (second,) = await host.runs.fork(KEY, ["a"])
    assert second == msgspec.structs.replace(first[0], repeated=True)


async def test_another_fork_into_the_same_id_is_refused_and_the_others_are_made() -> None:
    host = replica(MemoryStore())
    await played(host, 20)
    await host.start("local/c", MACE)
    await host.runs.fork(KEY, ["a"], turn=10)
    for turn, is_exact in ((11, False), (10, True), (9, True)):
        bots = ["a", "c", f"d{turn}"]
        one, other, free = await host.runs.fork(KEY, bots, turn=turn, is_exact=is_exact)
        assert [getattr(each.error, "code", "") for each in (one, other)] == ["bot_exists"] * 2
        assert free.error is None
    game = await host.read("local/c")
    assert (game.episode, game.turn) == (1, 0)


async def test_a_fork_of_itself_is_refused() -> None:
    host = replica(MemoryStore())
    await played(host, 3)
    (fork,) = await host.runs.fork(KEY, [BOT])
    assert isinstance(fork.error, BadInput)


async def test_a_ranked_run_has_forks_without_its_dice_only() -> None:
    host = replica(MemoryStore(), chance=SevenAtFirst())
    game = await played(host, 20, IRONMAN)
    assert not game.state.over
    for more in ({}, {"turn": 10}):
        with pytest.raises(NotAllowed, match="dice of a ranked run"):
            await host.runs.fork(KEY, ["a"], is_exact=True, **more)
    assert places(await host.runs.fork(KEY, ["b"])) == [("b", 1, game.turn)]
    assert places(await host.runs.fork(KEY, ["c"], turn=10)) == [("c", 1, 10)]
    for bot in "bc":
        state = (await host.read(f"local/{bot}")).state
        assert not state.ranked
        assert state.nonce == b""
        assert state.seed != game.state.seed
        assert found(await host.runs.replay(f"local/{bot}")) is None


async def test_a_finished_run_can_be_forked_before_its_end() -> None:
    host = replica(MemoryStore())
    game = await to_the_end(host, IRONMAN)
    with pytest.raises(BadInput, match="name an earlier turn"):
        await host.runs.fork(KEY, ["a"])
    assert places(await host.runs.fork(KEY, ["a"], turn=game.turn - 1)) == [("a", 1, game.turn - 1)]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"turn": 21}, "goes from t0 to t20, so it has no t21"),
        ({"turn": 10**12}, "so it has no t10"),
        ({"episode": 2}, "has no run 2"),
        ({"episode": 0}, "has no run 0"),
    ],
)
async def test_a_place_that_is_not_there_is_named(more: dict[str, int], named: str) -> None:
    host = replica(MemoryStore())
    await played(host, 20)
    with pytest.raises(BadInput, match=named):
        await host.runs.fork(KEY, ["a"], **more)  # type: ignore[arg-type]


async def test_the_parent_must_have_a_run() -> None:
    with pytest.raises(BadInput, match="there is no bot"):
        await replica(MemoryStore()).runs.fork(KEY, ["a"])


async def test_forks_count_for_the_size_of_the_fleet() -> None:
    host = replica(MemoryStore(), bots_per_fleet=3)
    await played(host, 3)
    forks = await host.runs.fork(KEY, ["a", "b", "c"])
    assert [getattr(fork.error, "code", "") for fork in forks] == ["", "", "quota_exceeded"]


async def test_the_same_fork_at_two_servers_at_once_is_one() -> None:
    store = MemoryStore()
    one, other = replica(store), replica(store)
    await played(one, 20)
    bots = [f"b{number}" for number in range(limits.forks_at_once_max)]
    results = await asyncio.gather(one.runs.fork(KEY, bots), other.runs.fork(KEY, bots))
    for mine, theirs in zip(*results, strict=True):
        assert mine.error is theirs.error is None
        assert mine.digest == theirs.digest
        assert mine.repeated != theirs.repeated


async def test_a_fork_beside_commits_is_that_of_one_moment() -> None:
    host = replica(MemoryStore())
    await played(host, 20)

    async def play_on() -> None:
        for _ in range(60):
            await host.play(KEY, "1")

    playing = asyncio.ensure_future(play_on())
    made: list[Forked] = []
    while not playing.done():
        made += await host.runs.fork(KEY, [f"f{len(made)}"], is_exact=True)
    await playing
    states = [rules().digest(rules().encode(one)) for one in execute(await host.runs.replay(KEY), rules())]
    assert made
    assert all(fork.error is None and fork.digest == states[fork.turn] for fork in made)


class Away(MemoryStore):
    """Loses the outcome of each second commit that begins a forked run, and one in four of them."""

    commits = 0

    async def commit(self, batch: Any) -> list[Outcome]:
        writes: list[Write] = list(batch)
        if writes[0].base:
            self.commits += 1
            if self.commits % 4 == 1:
                raise StoreUnavailable("lost before it was written")
            outcomes = await super().commit(writes)
            if self.commits % 2 == 0:
                raise StoreUnavailable("lost after it was written")
            return outcomes
        return await super().commit(writes)


async def test_forks_whose_commit_was_lost_are_settled() -> None:
    host = replica(Away())
    await played(host, 20)
    for call in range(4):
        forks = await host.runs.fork(KEY, [f"c{call}-{number}" for number in range(8)])
        for fork in forks:
            assert fork.error is None
            game = await host.read(f"local/{fork.bot}")
            assert (game.episode, game.turn, game.digest) == (1, 20, fork.digest)
            assert found(await host.runs.replay(f"local/{fork.bot}")) is None


async def test_rules_that_this_release_lacks_are_named() -> None:
    store = MemoryStore()
    await played(replica(store), 20)

    class Others(ShippedRules):
        def of(self, identity: str) -> Any:
            if identity != "none":
                return super().of("none")
            return super().of(identity)

    host = replica(store, rules=Others([rules()]))
    for asking in (host.runs.fork(KEY, ["a"]), host.runs.replay(KEY)):
        with pytest.raises(DungeonFighterError, match="does not have"):
            await asking
