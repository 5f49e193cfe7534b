"""The wheel and the loops, advanced by hand: each actor acts at its moment and counts from it."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from dungeonfighter.fleet.pace import Actor, ClosedLoop, OpenLoop, Wheel

TICK = 0.005
BEGAN = 1000.0


class Recorder:
    """An actor that records the moments its calls count from."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.due = 0.0
        self.acted: list[float] = []

    def act(self, since: float) -> None:
        self.acted.append(since)


@pytest.fixture
async def wheel() -> Wheel:
    """Return a wheel that began at `BEGAN` and has no timer: only `advance` moves it."""
    wheel = Wheel(asyncio.get_running_loop(), TICK)
    wheel.began = BEGAN
    return wheel


def at(tick: float) -> float:
    return BEGAN + tick * TICK


def test_an_actor_acts_at_its_tick_and_not_before(wheel: Wheel) -> None:
    actor = Recorder()
    wheel.add(actor, 3)
    wheel.advance(at(2.9))
    assert actor.acted == []
    wheel.advance(at(3.1))
    assert actor.acted == [pytest.approx(at(3))]


def test_calls_of_a_late_wheel_count_from_their_due_moments(wheel: Wheel) -> None:
    actors = [Recorder(number) for number in range(4)]
    for actor in actors:
        wheel.add(actor, 10 * actor.number)
    wheel.advance(at(25.5))
    assert [actor.acted for actor in actors] == [[at(0)], [at(10)], [at(20)], []]


def test_an_actor_whose_tick_has_passed_acts_at_once(wheel: Wheel) -> None:
    wheel.advance(at(7.2))
    actor = Recorder()
    wheel.add(actor, 5)
    assert actor.acted == [at(5)]


def test_an_actor_may_be_added_while_it_acts(wheel: Wheel) -> None:
    class Repeating(Recorder):
        def act(self, since: float) -> None:
            super().act(since)
            if len(self.acted) < 3:
                wheel.add(self, 2 * len(self.acted))

    actor = Repeating()
    wheel.add(actor, 0)
    wheel.advance(at(1.0))
    wheel.advance(at(10.0))
    assert actor.acted == [at(0), at(2), at(4)]


def test_no_actor_acts_after_the_stop(wheel: Wheel) -> None:
    actor = Recorder()
    wheel.add(actor, 1)
    wheel.stop()
    wheel.advance(at(5))
    assert actor.acted == []


async def test_a_running_wheel_moves_by_itself() -> None:
    acted = asyncio.Event()

    class Last(Recorder):
        def act(self, since: float) -> None:
            acted.set()

    wheel = Wheel(asyncio.get_running_loop(), TICK)
    wheel.add(Last(), 4)
    wheel.begin()
    await acted.wait()
    wheel.stop()


def acts_of(loop: OpenLoop, wheel: Wheel, actor: Recorder, turns: int) -> list[float]:
    """Advance the wheel, with an answer right after each act, until the actor has acted `turns` times."""
    tick = 0
    while len(actor.acted) < turns:
        before = len(actor.acted)
        wheel.advance(at(tick))
        tick += 1
        if len(actor.acted) > before:
            loop.wait(actor)
    return actor.acted


def open_loop(wheel: Wheel, *, bots: int = 1, jitter: float = 0.0, seed: int = 0) -> OpenLoop:
    loop = OpenLoop(
        wheel, bots, spread_seconds=bots * 0.1, step_seconds=1.0, jitter=jitter, seed=seed, tick_seconds=TICK
    )
    wheel.begin = lambda: None  # type: ignore[method-assign] # it began at BEGAN; the test advances it
    return loop


def test_an_open_loop_has_its_moments_one_step_apart(wheel: Wheel) -> None:
    actor = Recorder(number=5)
    loop = open_loop(wheel, bots=10)
    loop.begin([actor])
    acted = acts_of(loop, wheel, actor, 3)
    assert acted == pytest.approx([BEGAN + 0.5, BEGAN + 1.5, BEGAN + 2.5], abs=TICK)


def test_jitter_stays_within_its_share_and_the_mean_is_the_step(wheel: Wheel) -> None:
    actor = Recorder()
    loop = open_loop(wheel, jitter=0.2, seed=7)
    loop.begin([actor])
    acted = acts_of(loop, wheel, actor, 400)
    pauses = [later - earlier for earlier, later in itertools.pairwise(acted)]
    assert min(pauses) >= 0.8 - TICK
    assert max(pauses) <= 1.2 + TICK
    assert max(pauses) - min(pauses) > 0.3
    assert sum(pauses) / len(pauses) == pytest.approx(1.0, abs=0.03)


def test_a_late_answer_does_not_move_the_later_moments(wheel: Wheel) -> None:
    actor = Recorder()
    loop = open_loop(wheel)
    loop.begin([actor])
    wheel.advance(BEGAN + 0.01)
    wheel.advance(BEGAN + 2.6)  # without an answer; two moments have passed
    for _ in range(3):
        loop.wait(actor)
    assert actor.acted == pytest.approx([BEGAN, BEGAN + 1.0, BEGAN + 2.0], abs=TICK)


def test_a_closed_loop_bounds_the_calls_under_way() -> None:
    actors = [Recorder(number) for number in range(5)]
    loop = ClosedLoop(2)
    loop.begin(list[Actor](actors))
    assert [len(actor.acted) for actor in actors] == [1, 1, 0, 0, 0]
    loop.wait(actors[0])
    loop.leave(actors[1])
    assert [len(actor.acted) for actor in actors] == [1, 1, 1, 1, 0]
    loop.stop()
    loop.wait(actors[2])
    assert sum(len(actor.acted) for actor in actors) == 5


def test_a_closed_loop_serves_actors_in_order() -> None:
    actors = [Recorder(number) for number in range(3)]
    loop = ClosedLoop(1)
    loop.begin(list[Actor](actors))
    for number in (0, 1, 2, 0, 1):
        loop.wait(actors[number])
    assert [len(actor.acted) for actor in actors] == [2, 2, 2]
