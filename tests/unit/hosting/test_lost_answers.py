"""An unnumbered call whose answer was lost and its repeat have one effect; all other calls are new."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import pytest

from dungeonfighter import limits
from dungeonfighter.hosting.answers import Answer, NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.lost_answers import Delivery, Loss, LostAnswers
from dungeonfighter.hosting.ports import Outcome, Write
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.hosting.requests import Play
from dungeonfighter.storage.memory import MemoryStore
from tests.unit.hosting.hosts import KEY, MACE, replica

Call = Callable[[BotHost, Delivery], Awaitable[Answer]]


def play(text: str) -> Call:
    return lambda host, delivery: host.play(KEY, text, delivery=delivery)


ONE: Final = play("1")
CALLS: Final[dict[str, Call]] = {
    "input": ONE,
    "inputs": lambda host, delivery: host.play_many(KEY, ["1", "1", "fly"], delivery=delivery),
    "start": lambda host, delivery: host.start(KEY, NewGame(weapon=1), delivery=delivery),
    "reset": lambda host, delivery: host.reset(KEY, delivery=delivery),
    "load": lambda host, delivery: host.load(KEY, "main", delivery=delivery),
}


async def begun(store: RankingStore | None = None) -> BotHost:
    host = replica(MemoryStore() if store is None else store)
    await host.start(KEY, MACE)
    await host.play(KEY, "1")
    await host.save(KEY, "main")
    return host


async def lose(host: BotHost, call: Call) -> Answer:
    """Make a call whose answer does not arrive."""
    delivery = Delivery()
    answer = await call(host, delivery)
    delivery.lose()
    return answer


async def read(host: BotHost, call: Call) -> Answer:
    """Make a call whose answer arrives."""
    delivery = Delivery()
    answer = await call(host, delivery)
    delivery.take_claims()
    return answer


def place(answer: Answer) -> tuple[int, int, bytes]:
    game = answer.game
    return game.episode, game.turn, game.rules.encode(game.state)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_repeats_of_a_lost_call_have_its_one_effect_and_its_answer(call: Call) -> None:
    host = await begun()
    first = await lose(host, call)
    repeats = [await lose(host, call) for _ in range(5)]
    last = await read(host, call)
    for answer in [*repeats, last]:
        assert answer.repeated
        assert place(answer) == place(first)
        assert (answer.applied, answer.stopped) == (first.applied, first.stopped)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_call_after_a_read_answer_is_a_new_one(call: Call) -> None:
    host = await begun()
    first = await read(host, call)
    second = await read(host, call)
    assert not second.repeated
    assert place(second) != place(first)


async def test_after_a_repeat_was_read_the_same_input_is_a_new_turn() -> None:
    host = await begun()
    await lose(host, ONE)
    assert (await read(host, ONE)).game.turn == 2
    assert (await read(host, ONE)).game.turn == 3


async def test_another_input_after_a_loss_is_applied_and_ends_the_note() -> None:
    host = await begun()
    await lose(host, ONE)
    assert (await read(host, play("2"))).game.turn == 3
    assert (await read(host, ONE)).game.turn == 4


async def test_a_write_of_another_server_after_a_loss_makes_the_repeat_a_new_call() -> None:
    store = MemoryStore()
    host = await begun(store)
    await lose(host, ONE)
    await replica(store).play(KEY, "1", turn=2)
    assert (await read(host, ONE)).game.turn == 4
    assert (await lose(host, ONE)).game.turn == 5
    assert (await read(host, ONE)).game.turn == 5


async def test_a_loss_of_a_new_call_after_an_outdated_note_is_known_too() -> None:
    store = MemoryStore()
    host = await begun(store)
    await lose(host, ONE)
    await replica(store).play(KEY, "1", turn=2)
    assert (await lose(host, ONE)).game.turn == 4
    assert (await read(host, ONE)).game.turn == 4


async def test_a_lost_call_without_an_effect_leaves_the_repeat_to_act() -> None:
    host = await begun()
    delivery = Delivery()
    with pytest.raises(Exception, match="fly"):
        await host.play(KEY, "fly", delivery=delivery)
    delivery.lose()
    with pytest.raises(Exception, match="fly"):
        await host.play(KEY, "fly", delivery=Delivery())
    assert (await read(host, ONE)).game.turn == 2


async def test_a_client_that_is_gone_before_its_call_began_is_known_too() -> None:
    host = await begun()
    delivery = Delivery()
    delivery.lose()
    assert (await host.play(KEY, "1", delivery=delivery)).game.turn == 2
    assert (await read(host, ONE)).game.turn == 2


async def test_a_numbered_call_is_neither_noted_nor_a_repeat() -> None:
    host = await begun()
    delivery = Delivery()
    await host.play(KEY, "1", turn=1, delivery=delivery)
    assert not delivery.claims
    await lose(host, ONE)
    assert (await host.play(KEY, "1", turn=3)).game.turn == 4


async def test_steps_of_many_bots_are_noted_each_by_itself() -> None:
    host = replica(MemoryStore())
    keys = [f"local/bot{number}" for number in range(3)]
    for key in keys:
        await host.start(key, MACE)
    turns: dict[str, int] = {}
    done = asyncio.Event()

    class Turns:
        def render(self, tag: str, answer: Answer) -> int:
            return answer.game.turn

        def deliver(self, tag: str, rendered: int | Exception) -> None:
            assert isinstance(rendered, int)
            turns[tag] = rendered
            if len(turns) == len(keys):
                done.set()

    async def step(delivery: Delivery) -> dict[str, int]:
        turns.clear()
        done.clear()
        host.begin_plays([(key, "1", None, None, key) for key in keys], Turns(), delivery)
        await done.wait()
        return dict(turns)

    delivery = Delivery()
    await step(delivery)
    delivery.lose()
    assert set((await step(Delivery())).values()) == {1}
    assert set((await step(Delivery())).values()) == {2}


class SlowStore(MemoryStore):
    """Holds back commits until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()
        self.released.set()
        self.reached = asyncio.Event()

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        self.reached.set()
        await self.released.wait()
        return await super().commit(batch)


async def test_a_repeat_at_another_worker_while_the_lost_call_is_under_way_has_one_effect() -> None:
    store = SlowStore()
    one = await begun(store)
    other = replica(store)
    await other.read(KEY)
    one.lost_answers.publish = lambda loss: other.lost_answers.learn([loss])
    store.released.clear()
    store.reached.clear()
    delivery = Delivery()
    lost = asyncio.create_task(one.play(KEY, "1", delivery=delivery))
    await store.reached.wait()
    delivery.lose()
    store.reached.clear()
    repeat = asyncio.create_task(other.play(KEY, "1", delivery=Delivery()))
    await store.reached.wait()
    store.released.set()
    assert {(await lost).game.turn, (await repeat).game.turn} == {2}
    assert (await one.read(KEY)).turn == 2


async def test_the_news_that_a_repeat_has_come_ends_the_note_of_other_workers() -> None:
    store = MemoryStore()
    one = await begun(store)
    other = replica(store)
    one.lost_answers.publish = lambda loss: other.lost_answers.learn([loss])
    other.lost_answers.publish = lambda loss: one.lost_answers.learn([loss])
    await lose(one, ONE)
    assert (await read(other, ONE)).game.turn == 2
    assert (await read(one, ONE)).game.turn == 3


class Time:
    now_seconds = 5.0

    def now(self) -> float:
        return self.now_seconds


def request() -> Play:
    return Play(b"new call", "1", None, None)


def test_a_note_expires() -> None:
    time = Time()
    notes = LostAnswers(time.now)
    notes.note(Loss(KEY, "play 1", b"the lost"))
    time.now_seconds += limits.lost_answer_seconds
    assert notes.claim(KEY, "play 1", request(), Delivery()).op == b"new call"


def test_a_note_lasts_almost_as_long_as_its_time() -> None:
    time = Time()
    notes = LostAnswers(time.now)
    notes.note(Loss(KEY, "play 1", b"the lost"))
    time.now_seconds += limits.lost_answer_seconds - 0.1
    assert notes.claim(KEY, "play 1", request(), Delivery()).op == b"the lost"


def test_expired_notes_are_dropped_and_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    notes = LostAnswers(time.now)
    notes.learn(Loss(f"local/{number}", "play 1", b"the lost") for number in range(20))
    time.now_seconds += limits.lost_answer_seconds
    notes.note(Loss(KEY, "play 1", b"the lost"))
    assert len(notes) == 1
    monkeypatch.setattr(limits, "lost_answers_max", 3)
    notes.learn(Loss(f"local/{number}", "play 1", b"the lost") for number in range(20))
    assert len(notes) == 3


def test_long_calls_are_compared_by_a_digest() -> None:
    notes = LostAnswers(Time().now)
    delivery = Delivery()
    notes.claim(KEY, "inputs " + "1\n" * 100, request(), delivery)
    (claim,) = delivery.claims
    assert len(claim.call) == 32
    delivery.lose()
    assert notes.claim(KEY, "inputs " + "1\n" * 99, request(), Delivery()).op == b"new call"
