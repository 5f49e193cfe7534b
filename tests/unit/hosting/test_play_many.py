"""Several inputs in one commit: the inputs applied, the rows stored, and the answers of repeats."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dungeonfighter import limits
from dungeonfighter.errors import BadInput, StoreUnavailable
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import Answer, NewGame, Stop
from dungeonfighter.hosting.game_errors import ShowsGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Outcome, Row, Write
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.rules import Mode, Phase
from dungeonfighter.storage.memory import MemoryStore
from tests.rows import follow_up
from tests.unit.hosting.hosts import KEY, MACE, replica, rules


async def begun(store: RankingStore) -> BotHost:
    host = replica(store)
    await host.start(KEY, MACE)
    return host


async def row_of(store: RankingStore) -> Row:
    (row,) = await store.load([KEY])
    assert row is not None
    return row


async def stored_inputs(store: RankingStore, episode: int) -> list[tuple[int, list[str]]]:
    return [(chunk.first_turn, chunk.inputs.split("\n")) for chunk in await store.inputs(KEY, episode)]


def alternating(count: int) -> list[str]:
    """Return inputs that are legal from the hub on and alternate: into the inventory and out of it."""
    return [("2", "0")[number % 2] for number in range(count)]


async def in_the_hub(store: RankingStore) -> BotHost:
    host = await begun(store)
    game = await host.read(KEY)
    assert game.state.phase == Phase.GameLoop
    inventory = game.rules.apply(game.state, alternating(1)[0]).state
    assert inventory.phase == Phase.Inventory
    return host


# What is applied and stored


async def test_it_leads_where_the_single_inputs_lead_in_one_version_with_one_op() -> None:
    one, many = MemoryStore(), MemoryStore()
    single, batched = await begun(one), await begun(many)
    reward = 0
    for _ in range(40):
        reward += (await single.play(KEY, "1")).reward
    before = await row_of(many)
    answer = await batched.play_many(KEY, ["1"] * 40)
    row, other = await row_of(many), await row_of(one)
    assert (row.state, row.digest, row.turn) == (other.state, other.digest, other.turn)
    assert answer == Answer(await batched.read(KEY), reward=reward, applied=40)
    assert row.version == before.version + 1
    trail, former = trails.decode(row.trail), trails.decode(before.trail)
    assert len(trail.ops) == len(former.ops) + limits.op_bytes
    assert trail.inputs == trails.decode(other.trail).inputs
    assert batched.metrics.turns.value == single.metrics.turns.value


async def test_it_stops_before_the_first_illegal_input_and_says_which() -> None:
    store = MemoryStore()
    host = await in_the_hub(store)
    answer = await host.play_many(KEY, ["2", " 0 ", "fly", "1"])
    assert (answer.applied, answer.stopped) == (2, Stop(3, "fly", "illegal_input"))
    assert answer.game.turn == (await row_of(store)).turn == 2
    assert trails.last_inputs(trails.decode((await row_of(store)).trail)) == ["2", "0"]


async def test_a_first_input_that_is_illegal_is_refused_like_a_single_one() -> None:
    store = MemoryStore()
    host = await begun(store)
    before = await row_of(store)
    with pytest.raises(BadInput) as single:
        await host.play(KEY, "fly")
    with pytest.raises(BadInput) as many:
        await host.play_many(KEY, ["fly", "1"])
    assert (many.value.code, str(many.value)) == (single.value.code, str(single.value))
    assert isinstance(many.value, ShowsGame)
    assert isinstance(single.value, ShowsGame)
    assert many.value.game == single.value.game
    assert await row_of(store) == before


@pytest.mark.parametrize(
    "texts", [[], ["1"] * 101, ["1", "1", "x" * 49], ["1", "1", ""], ["1", "1", "\u00e9"]]
)
async def test_what_cannot_be_inputs_is_refused_whole(texts: list[str]) -> None:
    store = MemoryStore()
    host = await begun(store)
    before = await row_of(store)
    with pytest.raises(BadInput, match=r"input 3: |1 to 100 inputs") as caught:
        await host.play_many(KEY, texts)
    assert caught.value.code == "bad_argument"
    assert await row_of(store) == before


@pytest.mark.parametrize(
    ("before", "count", "cut"),
    [
        (0, 64, [64]), (0, 63, []), (0, 65, [64]), (60, 3, []), (60, 4, [64]), (60, 100, [64, 128]),
        (28, 100, [64, 128]), (63, 66, [64, 128]), (64, 64, [128]), (127, 1, [128]),
    ],
)  # fmt: skip
async def test_chunks_are_cut_at_every_multiple_of_64_it_passes(
    before: int, count: int, cut: list[int]
) -> None:
    store = MemoryStore()
    host = await in_the_hub(store)
    texts = alternating(before + count)
    for text in texts[:before]:
        await host.play(KEY, text)
    old = [first for first, _ in await stored_inputs(store, 1)]
    assert (await host.play_many(KEY, texts[before:])).applied == count
    chunks = await stored_inputs(store, 1)
    assert [first + 64 for first, _ in chunks if first not in old] == cut
    for first, inputs in chunks:
        assert inputs == texts[first : first + 64]
    await host.start(KEY, MACE)
    everything = [text for _, inputs in await stored_inputs(store, 1) for text in inputs]
    assert everything == texts


async def test_a_loaded_run_has_its_first_chunk_from_where_it_began() -> None:
    store = MemoryStore()
    host = await in_the_hub(store)
    await host.play_many(KEY, alternating(60))
    await host.save(KEY, "main")
    await host.load(KEY, "main")
    texts = alternating(100)
    assert (await host.play_many(KEY, texts, turn=60, episode=2)).game.turn == 160
    assert await stored_inputs(store, 2) == [(60, texts[:4]), (64, texts[4:68])]
    assert trails.last_inputs(trails.decode((await row_of(store)).trail)) == texts[36:]


async def test_it_ends_with_the_run_and_leaves_its_line_and_all_its_inputs() -> None:
    store = MemoryStore()
    host = replica(store)
    await host.start(KEY, NewGame(seed=3, weapon=0, mode=Mode.ironman))
    game = await host.read(KEY)
    texts: list[str] = []
    while not game.state.over:
        answer = await host.play_many(KEY, ["1"] * 100, turn=game.turn, episode=1)
        texts += ["1"] * answer.applied
        game = answer.game
        if game.state.over and answer.applied < 100:
            assert answer.stopped == Stop(answer.applied + 1, "1", "run_over")
    (end,) = await store.episodes(KEY)
    assert (end.last_turn, end.digest, end.result) == (len(texts), game.digest, "died")
    assert [text for _, inputs in await stored_inputs(store, 1) for text in inputs] == texts
    with pytest.raises(BadInput) as caught:
        await host.play_many(KEY, ["1", "1"])
    assert caught.value.code == "run_over"


async def test_a_ranked_run_ends_inside_at_its_last_turn() -> None:
    store = MemoryStore()
    host = replica(store)
    await host.start(KEY, NewGame(mode=Mode.ironman, weapon=0))
    row = await row_of(store)
    state = rules().decode(row.state)
    assert state.ranked
    state.turn = limits.ranked_turns_max - 30
    raw = rules().encode(state)
    await store.commit([follow_up(row, digest=rules().digest(raw), turn=state.turn, state=raw)])
    answer = await host.play_many(KEY, alternating(100))
    assert (answer.applied, answer.stopped) == (30, Stop(31, "2", "run_over"))
    (end,) = await store.episodes(KEY)
    assert (end.result, end.last_turn) == ("turns", limits.ranked_turns_max)


# Repeats


class Begun:
    """A bot in the hub that was sent `["2", "0", "fly", "1"]` (2 applied) at turn 0."""

    def __init__(self, store: MemoryStore, host: BotHost, first: Answer) -> None:
        self.store = store
        self.host = host
        self.first = first

    async def refused(self, texts: Sequence[str], turn: int, episode: int | None = None) -> str:
        before = await row_of(self.store)
        with pytest.raises(BadInput) as caught:
            await self.host.play_many(KEY, texts, turn=turn, episode=episode)
        assert isinstance(caught.value, ShowsGame)
        assert caught.value.game == await self.host.read(KEY)
        assert await row_of(self.store) == before
        return caught.value.code

    async def repeat(self, texts: Sequence[str], turn: int) -> Answer:
        before = await row_of(self.store)
        answer = await self.host.play_many(KEY, texts, turn=turn, episode=1)
        assert await row_of(self.store) == before
        assert answer.repeated
        assert answer.game == await self.host.read(KEY)
        return answer


@pytest.fixture
async def begun_run() -> Begun:
    store = MemoryStore()
    host = await in_the_hub(store)
    return Begun(store, host, await host.play_many(KEY, ["2", "0", "fly", "1"], turn=0, episode=1))


async def test_a_repeated_request_is_the_same_answer_with_the_same_stop(begun_run: Begun) -> None:
    repeated = await begun_run.repeat(["2", "0", "fly", "1"], 0)
    assert (repeated.applied, repeated.stopped) == (begun_run.first.applied, begun_run.first.stopped)
    assert repeated.game == begun_run.first.game


async def test_a_repeat_of_a_request_applied_whole_is_the_same_answer(begun_run: Begun) -> None:
    await begun_run.host.play_many(KEY, ["2", "0"], turn=2)
    repeated = await begun_run.repeat(["2", "0"], 2)
    assert (repeated.applied, repeated.stopped) == (2, None)


async def test_a_run_that_is_over_is_where_it_had_stopped() -> None:
    store = MemoryStore()
    host = replica(store)
    await host.start(KEY, NewGame(seed=3, weapon=0, mode=Mode.ironman))
    turn, answer = 0, await host.play_many(KEY, ["1"] * 100)
    while not answer.game.state.over:
        turn = answer.game.turn
        answer = await host.play_many(KEY, ["1"] * 100, turn=turn)
    repeated = await host.play_many(KEY, ["1"] * 100, turn=turn)
    assert repeated.repeated
    assert (repeated.applied, repeated.stopped, repeated.game) == (
        answer.applied,
        answer.stopped,
        answer.game,
    )


async def test_an_older_request_is_a_repeat_with_the_present_view(begun_run: Begun) -> None:
    await begun_run.host.play(KEY, "2")
    repeated = await begun_run.repeat(["2", "0"], 0)
    assert (repeated.applied, repeated.game.turn) == (2, 3)


@pytest.mark.parametrize(
    ("texts", "turn", "expected"),
    [
        (["2", "0", "2"], 0, "stale_turn"),  # the third input is legal now, so it is another request
        (["0", "0", "fly"], 0, "stale_turn"),
        (["2", "2"], 0, "stale_turn"),
        (["2"], 1, "stale_turn"),
        (["2", "0", "fly"], -1, "stale_turn"),
        (["2"], 3, "future_turn"),
        (["2"], 10**30, "future_turn"),
    ],
)
async def test_other_inputs_at_another_turn_are_refused(
    begun_run: Begun, texts: list[str], turn: int, expected: str
) -> None:
    assert await begun_run.refused(texts, turn) == expected


async def test_a_request_for_another_run_is_refused_without_a_comparison(begun_run: Begun) -> None:
    assert await begun_run.refused(["2", "0"], 0, episode=2) == "stale_turn"
    await begun_run.host.start(KEY, MACE)
    assert await begun_run.refused(["2", "0"], 0, episode=1) == "stale_turn"


async def test_of_many_inputs_the_last_64_are_compared() -> None:
    store = MemoryStore()
    host = await in_the_hub(store)
    texts = alternating(100)
    first = await host.play_many(KEY, texts, turn=0)
    row = await row_of(store)
    repeated = await host.play_many(KEY, texts, turn=0)
    assert (repeated.repeated, repeated.applied, repeated.game) == (True, 100, first.game)
    assert (await host.play_many(KEY, ["1"] * 36 + texts[36:], turn=0)).repeated
    for wrong in (["1"] * 37 + texts[37:], texts[1:], [*texts[:99], "1"]):
        with pytest.raises(BadInput, match="is over"):
            await host.play_many(KEY, wrong, turn=0)
    assert await row_of(store) == row
    await host.play(KEY, "2")
    with pytest.raises(BadInput, match="is over"):  # its first inputs are forgotten
        await host.play_many(KEY, texts, turn=0)
    assert (await host.play_many(KEY, texts[40:60], turn=40)).repeated


async def test_inputs_before_a_loaded_run_began_are_none_of_its_own() -> None:
    store = MemoryStore()
    host = await in_the_hub(store)
    await host.play_many(KEY, alternating(70))
    await host.save(KEY, "main")
    await host.load(KEY, "main")
    texts = alternating(66)
    await host.play_many(KEY, texts)
    with pytest.raises(BadInput, match="is over"):
        await host.play_many(KEY, [*alternating(4), *texts], turn=66)
    assert (await host.play_many(KEY, texts, turn=70)).repeated


# Trouble


class Cut(MemoryStore):
    """A store that loses the answer of the next `cuts` commits; `writes` decides if it executes them."""

    def __init__(self, *, writes: bool) -> None:
        super().__init__()
        self.writes = writes
        self.cuts = 0

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        if self.cuts == 0:
            return await super().commit(batch)
        self.cuts -= 1
        if self.writes:
            await super().commit(batch)
        raise StoreUnavailable("cut off")


@pytest.mark.parametrize("writes", [True, False])
async def test_without_a_turn_it_is_applied_once_whatever_happens_to_the_store(writes: bool) -> None:
    store = Cut(writes=writes)
    host = await in_the_hub(store)
    store.cuts = 1
    answer = await host.play_many(KEY, alternating(70))
    assert (answer.applied, answer.game.turn) == (70, 70)
    assert (await row_of(store)).turn == 70
    assert [first for first, _ in await stored_inputs(store, 1)] == [0]


async def test_a_replica_that_slept_plays_them_on_from_what_the_other_committed() -> None:
    store = MemoryStore()
    one = await in_the_hub(store)
    other = replica(store)
    await other.play_many(KEY, ["2", "0"])
    assert (await one.play_many(KEY, ["2", "0"])).game.turn == 4
    repeated = await other.play_many(KEY, ["2", "0"], turn=2)
    assert (repeated.repeated, repeated.game.turn) == (True, 4)
