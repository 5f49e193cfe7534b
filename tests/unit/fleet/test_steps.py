"""A step has the bytes of an ordinary call, and all bots at its turn share it."""

from __future__ import annotations

import gc
import weakref

import pytest

from dungeonfighter.fleet.steps import Step, Steps
from dungeonfighter.fleet.wire import InputCalls

CALLS = InputCalls("/mcp", "host:1", "text")


@pytest.mark.parametrize("bot", ["a", "bot-00017", "1", "turn", "x" * 128])
def test_a_step_has_the_bytes_of_an_ordinary_call(bot: str) -> None:
    step: Step | None = Steps(CALLS, 3000).at(9, 99, 3, bot)
    for number, turn in ((9, 99), (10, 100), (11, 101)):
        assert step is not None
        assert bot.encode().join(step.parts) == CALLS.request(number, bot, "1", turn, 3)
        assert (step.number, step.turn) == (number, turn)
        assert b'"id":%d,' % number in step.answer
        assert step.answer.endswith(b'"e3 t%d |' % (turn + 1))
        step = Steps(CALLS, 3000).after(step)


def test_bots_at_the_same_turn_share_a_step() -> None:
    steps = Steps(CALLS, 3000)
    step = steps.at(2, 0, 1, "bot-1")
    assert steps.at(2, 0, 1, "bot-2") is step
    assert steps.at(3, 0, 1, "bot-1") is not step
    assert steps.at(2, 0, 1, "bot-10") is not step
    assert steps.after(step) is steps.after(step)


def test_no_step_follows_the_last_turn_of_a_run() -> None:
    steps = Steps(CALLS, 2)
    step = steps.at(2, 0, 1, "bot-1")
    last = steps.after(step)
    assert last is not None
    assert steps.after(last) is None


def test_a_step_behind_all_bots_is_freed() -> None:
    steps = Steps(CALLS, 3000)
    first = steps.at(2, 0, 1, "bot-1")
    second = steps.after(first)
    watched = weakref.ref(first)
    del first
    gc.collect()
    assert watched() is None
    assert second is not None
