"""One bot and one or two hosts over one store: the effects of requests on the game, and their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from dungeonfighter.errors import BadInput, Corrupt, NewerRules, NotAllowed, Overloaded
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import NewGame, Present
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.rules import Mode
from dungeonfighter.storage.memory import MemoryStore
from tests.rows import follow_up
from tests.unit.hosting.hosts import KEY, MACE, replica
from tests.unit.rules.position import rules


async def played(host: BotHost, count: int, text: str = "1") -> Present:
    game = (await host.start(KEY, MACE)).game
    for _ in range(count):
        game = (await host.play(KEY, text)).game
    return game


async def test_a_replica_that_slept_plays_on_from_what_the_other_committed() -> None:
    store = MemoryStore()
    one, other = replica(store), replica(store)
    await played(one, 3)
    await other.play(KEY, "1")
    assert (await one.play(KEY, "1")).game.turn == 5


async def test_a_verdict_from_an_old_memory_is_judged_by_a_fresh_row() -> None:
    store = MemoryStore()
    one, other = replica(store), replica(store)
    await played(one, 3)
    await other.play(KEY, "1")
    assert (await one.play(KEY, "1", turn=4)).game.turn == 5


async def test_a_read_shows_what_another_replica_committed() -> None:
    store = MemoryStore()
    one, other = replica(store), replica(store)
    await played(one, 3)
    await other.play(KEY, "1")
    assert (await one.read(KEY)).turn == 4


async def test_two_new_games_at_once_are_one_after_the_other_on_one_host() -> None:
    host = replica(MemoryStore())
    answers = await asyncio.gather(host.start(KEY, MACE), host.start(KEY, MACE))
    assert [answer.game.episode for answer in answers] == [1, 2]


async def test_two_new_games_at_once_on_two_replicas_do_not_wipe_each_other() -> None:
    store = MemoryStore()
    one, other = replica(store), replica(store)
    await played(one, 1)
    await other.read(KEY)
    answers = await asyncio.gather(one.start(KEY, MACE), other.start(KEY, MACE), return_exceptions=True)
    codes = [answer.code for answer in answers if isinstance(answer, BadInput)]
    assert codes == ["conflict"]
    assert (await one.read(KEY)).episode == 2


async def test_a_run_that_names_its_number_begins_after_a_turn_that_this_replica_did_not_see() -> None:
    store = MemoryStore()
    one, other = replica(store), replica(store)
    await played(one, 3)
    await other.play(KEY, "1")
    answer = await one.start(KEY, MACE, episode=2)
    assert (answer.game.episode, answer.game.turn, answer.repeated) == (2, 0, False)
    (ended,) = await store.episodes(KEY)
    assert ended.last_turn == 4
    assert one.metrics.conflicts.value == 1


async def test_a_run_that_names_its_number_begins_once_whoever_else_asks_for_it() -> None:
    store = MemoryStore()
    one, other = replica(store), replica(store)
    await played(one, 1)
    await other.read(KEY)
    answers = await asyncio.gather(one.start(KEY, MACE, episode=2), other.start(KEY, MACE, episode=2))
    assert sorted(answer.repeated for answer in answers) == [False, True]
    assert answers[0].game.digest == answers[1].game.digest
    with pytest.raises(BadInput, match="begun already") as caught:
        await other.start(KEY, NewGame(weapon=3), episode=2)
    assert caught.value.code == "stale_turn"


async def test_a_first_run_is_begun_without_a_look_and_never_over_another() -> None:
    store = MemoryStore()
    one, other = replica(store), replica(store)
    before = await played(one, 3)
    with pytest.raises(BadInput) as caught:
        await other.start(KEY, NewGame(weapon=3), episode=1)
    assert caught.value.code == "stale_turn"
    assert (await other.read(KEY)).digest == before.digest
    assert (await other.start("local/new", MACE, episode=1)).game.episode == 1


async def test_a_run_ends_as_abandoned_with_all_its_inputs_when_the_next_begins() -> None:
    store = MemoryStore()
    host = replica(store)
    await played(host, 70)
    await host.start(KEY, MACE)
    (ended,) = await store.episodes(KEY)
    chunks = await store.inputs(KEY, 1)
    assert (ended.result, ended.last_turn) in {("abandoned", 70), ("died", 70)}
    assert [chunk.first_turn for chunk in chunks] == [0, 64]
    assert sum(len(chunk.inputs.split("\n")) for chunk in chunks) == 70


async def test_a_run_left_exactly_at_a_chunk_has_that_chunk_once() -> None:
    store = MemoryStore()
    host = replica(store)
    await played(host, 64)
    await host.start(KEY, MACE)
    assert [chunk.first_turn for chunk in await store.inputs(KEY, 1)] == [0]


async def test_a_loaded_run_goes_on_where_the_save_stands() -> None:
    store = MemoryStore()
    host = replica(store)
    saved = await played(host, 5)
    await host.save(KEY, "main")
    await host.play(KEY, "1")
    loaded = (await host.load(KEY, "main")).game
    assert (loaded.episode, loaded.turn) == (2, 5)
    assert loaded.state.dice != saved.state.dice
    (row,) = await store.load([KEY])
    assert row is not None
    assert row.digest == loaded.digest
    saved.rules.branch(saved.state, loaded.state.seed)
    assert saved.rules.encode(saved.state) == saved.rules.encode(loaded.state)


async def test_a_repeated_load_with_the_same_episode_is_the_same_answer() -> None:
    host = replica(MemoryStore())
    await played(host, 5)
    await host.save(KEY, "main")
    await host.load(KEY, "main", episode=2)
    assert (await host.load(KEY, "main", episode=2)).repeated


async def test_a_repeated_load_is_the_same_answer_though_the_slot_was_written_meanwhile() -> None:
    host = replica(MemoryStore())
    await played(host, 3)
    await host.save(KEY, "main")
    loaded = (await host.load(KEY, "main", episode=2)).game
    await host.start(f"{KEY}2", MACE)
    late = await host.read(KEY)  # a late copy of save_game would write this, too
    await host.save(KEY, "main")
    assert (await host.load(KEY, "main", episode=2)).game.digest == loaded.digest == late.digest


async def test_a_directive_is_no_turn_and_makes_no_bot_active() -> None:
    store = MemoryStore()
    await played(replica(store), 3)
    host = replica(store)
    await host.set_directive(KEY, "be careful")
    assert (host.metrics.turns.value, host.metrics.active_bots.count()) == (0, 0)
    await host.play(KEY, "1")
    assert (host.metrics.turns.value, host.metrics.active_bots.count()) == (1, 1)


async def test_a_damaged_save_is_not_loaded() -> None:
    store = MemoryStore()
    host = replica(store)
    await played(host, 3)
    await host.save(KEY, "main")
    later = (await host.play(KEY, "1")).game
    save = await store.get_save(KEY, "main")
    assert save is not None
    await store.put_save(msgspec.structs.replace(save, state=later.rules.encode(later.state)))
    with pytest.raises(Corrupt, match="the save main is damaged"):
        await host.load(KEY, "main")
    assert (await host.read(KEY)).digest == later.digest


async def test_an_ironman_run_cannot_be_left_for_a_save() -> None:
    host = replica(MemoryStore())
    await played(host, 2)
    await host.save(KEY, "main")
    await host.start(KEY, NewGame(mode=Mode.ironman))
    with pytest.raises(NotAllowed):
        await host.load(KEY, "main")


async def test_an_ironman_run_without_a_seed_is_ranked_and_with_one_is_practice() -> None:
    host = replica(MemoryStore())
    drawn = await host.start(KEY, NewGame(mode=Mode.ironman))
    given = await host.start(KEY, NewGame(mode=Mode.ironman, seed=5))
    assert (drawn.game.state.ranked, given.game.state.ranked) == (True, False)


async def test_a_daily_run_has_the_same_seed_for_all_and_takes_none() -> None:
    host = replica(MemoryStore())
    one = await host.start("local/a", NewGame(mode=Mode.daily))
    two = await host.start("local/b", NewGame(mode=Mode.daily))
    assert one.game.state.seed == two.game.state.seed
    with pytest.raises(BadInput, match="leave seed out"):
        await host.start(KEY, NewGame(mode=Mode.daily, seed=1))


async def test_start_keeps_the_directive_and_reset_clears_it() -> None:
    host = replica(MemoryStore())
    await played(host, 1)
    await host.set_directive(KEY, "reach level 5")
    assert (await host.start(KEY, MACE)).game.directive == "reach level 5"
    assert (await host.reset(KEY)).game.directive == ""


async def test_a_caller_who_goes_away_does_not_undo_its_input() -> None:
    host = replica(MemoryStore())
    await played(host, 1)
    waiting = asyncio.ensure_future(host.play(KEY, "1"))
    await asyncio.sleep(0)
    waiting.cancel()
    assert (await host.play(KEY, "1")).game.turn == 3


async def test_more_games_than_fit_hibernate_and_none_is_refused() -> None:
    host = replica(MemoryStore(), hot_games_max=3)
    for number in range(10):
        await host.start(f"local/b{number}", MACE)
    assert host.metrics.hot_games.value == 3
    for number in range(10):
        assert (await host.play(f"local/b{number}", "1")).game.turn == 1


async def test_too_many_requests_waiting_for_one_bot_are_refused() -> None:
    host = replica(MemoryStore())
    await played(host, 1)
    answers = await asyncio.gather(*(host.play(KEY, "1") for _ in range(40)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Overloaded)]
    assert len(refused) == 40 - 33
    assert (await host.read(KEY)).turn == 1 + 33


def _cut(state: bytes) -> tuple[bytes, bytes]:
    """Return a truncated state with the digest of the whole state."""
    return state[:-1], rules().digest(state)


def _mixed_up(state: bytes) -> tuple[bytes, bytes]:
    """Return a state with an invalid bag, which a turn of a fight does not read, and its own digest."""
    read = rules().decode(state)
    read.hero.packed_bag = msgspec.Raw(msgspec.msgpack.encode(["no item"]))
    raw = rules().encode(read)
    return raw, rules().digest(raw)


@pytest.mark.parametrize("spoil", [_cut, _mixed_up])
async def test_a_state_that_does_not_check_stops_this_game_alone(
    spoil: Callable[[bytes], tuple[bytes, bytes]],
) -> None:
    store = MemoryStore()
    await played(replica(store), 1)
    (row,) = await store.load([KEY])
    assert row is not None
    state, digest = spoil(row.state)
    await store.commit([follow_up(row, digest=digest, state=state)])
    host = replica(store)
    with pytest.raises(Corrupt):
        await host.play(KEY, "1")
    assert (await host.start("local/other", MACE)).game.turn == 0


OTHER_RULES = ["9-deadbeef", "1-5f41c2d0"]
"""The identity of newer rules, and of an engine that the present one has replaced."""


@pytest.mark.parametrize("identity", OTHER_RULES)
async def test_a_run_of_rules_this_release_does_not_have_is_left_to_another_one(identity: str) -> None:
    store = MemoryStore()
    await played(replica(store), 1)
    (row,) = await store.load([KEY])
    assert row is not None
    await store.commit([follow_up(row, rules=identity)])
    with pytest.raises(NewerRules):
        await replica(store).play(KEY, "1")


async def test_an_unknown_bot_leaves_no_game_in_memory() -> None:
    host = replica(MemoryStore())
    for number in range(5):
        with pytest.raises(BadInput, match="start_new_game"):
            await host.play(f"local/nobody{number}", "1")
    assert host.metrics.hot_games.value == 0


async def test_a_closing_host_finishes_its_requests_and_takes_no_more() -> None:
    store = MemoryStore()
    host = replica(store)
    await played(host, 1)
    under_way = asyncio.ensure_future(host.play(KEY, "1"))
    await asyncio.sleep(0)
    await host.close()
    assert (await under_way).game.turn == 2
    with pytest.raises(Overloaded, match="going down"):
        await host.play(KEY, "1")


def test_the_trail_keeps_the_last_inputs_and_operations() -> None:
    trail = trails.begun(
        trails.decode(b""), b"op-start", origin="new", options="{}", first_turn=0, parent_episode=0
    )
    for turn in range(100):
        trail = trails.appended(trail, f"drop {turn}", turn.to_bytes(8, "big"))
    assert trails.input_at(trail, 100, 99) == "drop 99"
    assert trails.input_at(trail, 100, 36) == "drop 36"
    assert trails.input_at(trail, 100, 35) is None
    assert trails.version_of(trail, 101, (93).to_bytes(8, "big")) == 95
    assert trails.version_of(trail, 101, (91).to_bytes(8, "big")) is None
    assert trails.covers(trail, 101, 94)
    assert not trails.covers(trail, 101, 93)


@pytest.mark.parametrize("spoil", [*OTHER_RULES, "state"])
async def test_a_run_that_cannot_be_read_here_can_be_left_for_a_new_one(spoil: str) -> None:
    store = MemoryStore()
    await played(replica(store), 70)
    (row,) = await store.load([KEY])
    assert row is not None
    spoilt = follow_up(row, state=row.state[:-1]) if spoil == "state" else follow_up(row, rules=spoil)
    await store.commit([spoilt])
    host = replica(store)
    with pytest.raises((Corrupt, NewerRules)):
        await host.read(KEY)
    with pytest.raises((Corrupt, NewerRules)):
        await host.play(KEY, "1")
    assert (await host.start(KEY, MACE)).game.episode == 2
    assert (await host.play(KEY, "1")).game.turn == 1
    (ended,) = await store.episodes(KEY)
    assert (ended.result, ended.last_turn) == ("abandoned", 70)
    assert sum(len(chunk.inputs.split("\n")) for chunk in await store.inputs(KEY, 1)) == 70
