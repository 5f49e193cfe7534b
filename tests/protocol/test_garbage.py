"""No answer leaves reference cycles to the garbage collector: what it costs stops every game for a moment."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from dungeonfighter.access.admission import BoundedAdmission
from dungeonfighter.access.principals import Principal, Scope
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.errors import NotAllowed, RateLimited, ScopeMissing, StoreUnavailable, Unauthenticated
from dungeonfighter.mcp.tool import registered
from dungeonfighter.rules import Rules
from tests.protocol.both_ways import BothWays, Way, ask
from tests.protocol.test_doors import GOOD_CALLS

CALLS = 10
FAILURES: dict[str, Callable[[], Exception] | None] = {
    "an answer": None,
    "no game": None,
    "a rate": lambda: RateLimited("too many calls", retry_after_seconds=7),
    "not allowed": lambda: NotAllowed("not for this bot"),
    "a scope": lambda: ScopeMissing("the scope play is missing", challenge="Bearer"),
    "unknown": lambda: Unauthenticated("expired", challenge="Bearer"),
    "a store": lambda: StoreUnavailable("the store is away"),
    "a fault": lambda: ZeroDivisionError("a fault"),
}


class Door(BoundedAdmission):
    """Raises a new exception for each call, while it has a failure."""

    def __init__(self) -> None:
        super().__init__(Rates(RateSettings(), lambda: 0.0))
        self.failure: Callable[[], Exception] | None = None

    def admit(self, principal: Principal, scope: Scope, bot: str | None, turns: int) -> None:
        if self.failure is not None:
            raise self.failure()
        super().admit(principal, scope, bot, turns)


@pytest.fixture(scope="module")
def ways(rules: Rules) -> Iterator[BothWays]:
    with BothWays(rules, may_break=True, admissions=Door) as both:
        yield both


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("tool", registered)
def test_no_answer_of_the_short_way_leaves_a_cycle(ways: BothWays, tool: str, failure: str) -> None:
    assert _left_by(ways, ways.short, tool, failure) < CALLS


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("failure", [name for name, failure in FAILURES.items() if failure])
def test_a_failure_of_the_sdk_way_leaves_no_more_than_an_answer(ways: BothWays, failure: str) -> None:
    answered = _left_by(ways, ways.long, "get_game_state", "an answer")
    assert _left_by(ways, ways.long, "get_game_state", failure) < answered + CALLS


def _left_by(ways: BothWays, way: Way, tool: str, failure: str) -> int:
    """Return the number of objects that the collector finds after `CALLS` calls."""
    door = way.admission
    assert isinstance(door, Door)
    door.failure = None
    ways.run(way.answer(ask("start_new_game", {"seed": 5, "weapon": "mace"})))
    bot = {"botId": "nobody"} if failure == "no game" and registered[tool].takes_bot else {}
    request = ask(tool, GOOD_CALLS[tool] | bot)
    door.failure = FAILURES[failure]
    for _ in range(2):  # whatever is made once
        ways.run(way.answer(request))
    gc.collect()
    for _ in range(CALLS):
        ways.run(way.answer(request))
        assert way.took == (way is ways.short)
    return gc.collect()
