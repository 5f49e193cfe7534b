"""Waits end when their condition holds, when they are too late, and when the run is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from chaos.interruption import Interrupted, Interruption, TooLate


def test_a_wait_ends_with_its_condition() -> None:
    asked = iter([False, False, True])
    Interruption().until(lambda: next(asked), 60, "too late")
    assert list(asked) == []


def test_a_condition_that_never_holds_is_named() -> None:
    with pytest.raises(TooLate, match="it does not follow"):
        Interruption().until(lambda: False, 0.01, "it does not follow")


WAITS: list[Callable[[Interruption], None]] = [
    lambda one: one.wait(600),
    lambda one: one.until(lambda: False, 600, "too late"),
]


@pytest.mark.parametrize("wait", WAITS)
def test_an_interruption_ends_every_wait(wait: Callable[[Interruption], None]) -> None:
    interruption = Interruption()
    interruption.check()
    threading.Timer(0.01, interruption.set).start()
    with pytest.raises(Interrupted):
        wait(interruption)
    with pytest.raises(Interrupted):
        interruption.check()
