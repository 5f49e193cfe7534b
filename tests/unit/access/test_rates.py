"""Limits on calls a second, of bots, tokens and fleets."""

from __future__ import annotations

import pytest

from dungeonfighter.access.meters import BURST_SECONDS, limited
from dungeonfighter.access.principals import LOCAL, Limits, Principal
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.errors import RateLimited
from tests.unit.access.hand import Hand


@pytest.fixture
def hand() -> Hand:
    return Hand()


def spent(rates: Rates, principal: Principal = LOCAL, bot: str | None = "hero") -> int:
    """Return how many calls are admitted now."""
    for count in range(10_000):
        try:
            rates.charge(principal, bot, 1)
        except RateLimited:
            return count
    raise AssertionError("there is no limit")


@pytest.mark.parametrize("settings", [RateSettings(per_bot=5), RateSettings(per_fleet=5)])
def test_an_idle_caller_may_spend_two_seconds_at_once_and_then_its_rate(
    hand: Hand, settings: RateSettings
) -> None:
    rates = Rates(settings, hand.now)
    assert spent(rates) in {10, 11}
    hand.seconds += 1.0
    assert spent(rates) in {5, 6}
    hand.seconds += 1000.0
    assert spent(rates) in {10, 11}


def test_bots_have_limits_of_their_own(hand: Hand) -> None:
    rates = Rates(RateSettings(per_bot=5), hand.now)
    spent(rates, bot="a")
    assert spent(rates, bot="b") in {10, 11}


def test_a_fleet_at_its_limit_leaves_other_fleets_alone(hand: Hand) -> None:
    rates = Rates(RateSettings(per_fleet=50), hand.now)
    loud, quiet = Principal("loud"), Principal("quiet")
    for _ in range(1000):
        spent(rates, loud)
        with pytest.raises(RateLimited, match="the fleet loud has used up its 50 calls a second"):
            rates.charge(loud, "x", 1)
        rates.charge(quiet, "x", 1)
        hand.seconds += 1 / 50


def test_callers_that_share_a_fleet_take_no_more_ahead_than_they_use(hand: Hand) -> None:
    rates = Rates(RateSettings(per_fleet=100, per_token=100), hand.now)
    callers = [Principal("team-a", token=b"%d" % number) for number in range(500)]
    for _ in range(5):
        for caller in callers:  # 80 calls a second together
            rates.charge(caller, "hero", 1)
            hand.seconds += 1 / 80


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.009, 0.05, 0.3])
def test_however_fast_a_caller_asks_it_gets_its_rate(hand: Hand, pause: float) -> None:
    rates = Rates(RateSettings(per_fleet=100), hand.now)
    admitted, began = 0, hand.seconds
    for _ in range(3000):
        try:
            rates.charge(LOCAL, None, 1)
            admitted += 1
        except RateLimited:
            pass
        hand.seconds += pause
    allowed = 100 * (hand.seconds - began + BURST_SECONDS) + 1
    assert min(allowed, 3000) - 2 <= admitted <= allowed


def test_calls_that_are_paid_for_ahead_are_demanded_when_they_are_made(hand: Hand) -> None:
    rates = Rates(RateSettings(per_fleet=1000, are_leased=True), hand.now)
    made = 0
    for _ in range(100):
        for _ in range(7):
            rates.charge(LOCAL, None, 1)
            hand.seconds += 0.003
        made += 7
        assert rates.take_demand() == {"fleet local": pytest.approx(7)}
    assert made == 700


def test_a_token_may_have_a_rate_of_its_own(hand: Hand) -> None:
    rates = Rates(RateSettings(per_token=100), hand.now)
    own = Principal("team-a", token=b"a", limits=Limits(calls_per_second=2))
    assert spent(rates, own) in {4, 5}
    assert spent(rates, Principal("team-a", token=b"b")) in {200, 201}


def test_a_refused_call_charges_nobody(hand: Hand) -> None:
    rates = Rates(RateSettings(per_bot=1, per_fleet=100), hand.now)
    spent(rates, bot="greedy")
    for _ in range(1000):
        with pytest.raises(RateLimited):
            rates.charge(LOCAL, "greedy", 1)
    assert spent(rates, bot=None) > 100


def test_the_pause_before_a_retry_is_enough_and_not_too_long(hand: Hand) -> None:
    rates = Rates(RateSettings(per_bot=1), hand.now)
    rates.charge(LOCAL, "hero", 9)
    with pytest.raises(RateLimited) as refused:
        rates.charge(LOCAL, "hero", 1)
    assert refused.value.retry_after_seconds == 9 - BURST_SECONDS
    hand.seconds += refused.value.retry_after_seconds
    rates.charge(LOCAL, "hero", 1)


def test_processes_share_a_fleets_rate_equally_until_they_know_better(hand: Hand) -> None:
    rates = Rates(RateSettings(per_fleet=100, parts=4, are_leased=True), hand.now)
    admitted = spent(rates)
    assert admitted in {50, 51}
    assert rates.take_demand() == {"fleet local": admitted + 1.0}  # the refused one was asked for, too
    rates.learn({"fleet local": 1.0})
    hand.seconds += 1.0
    assert spent(rates) in {99, 100}


def test_a_share_that_grows_makes_no_burst(hand: Hand) -> None:
    rates = Rates(RateSettings(per_fleet=100, parts=4, are_leased=True), hand.now)
    for _ in range(10):
        rates.learn({"fleet local": 1.0})
        rates.learn({"fleet local": 0.0})
    rates.learn({"fleet local": 1.0})
    assert spent(rates) <= 51
    rates.learn({"fleet local": 0.01})
    rates.learn({"fleet local": 1.0})
    assert spent(rates) <= 2


def test_a_share_that_shrinks_forgives_no_debt(hand: Hand) -> None:
    rates = Rates(RateSettings(per_fleet=100, parts=2, are_leased=True), hand.now)
    rates.charge(LOCAL, None, 1100)
    rates.learn({"fleet local": 1.0})
    with pytest.raises(RateLimited) as refused:
        rates.charge(LOCAL, None, 1)
    assert refused.value.retry_after_seconds == 10
    rates.learn({"fleet local": 0.5})
    hand.seconds += 19.9
    assert spent(rates) == 0
    hand.seconds += 0.2
    rates.charge(LOCAL, None, 1)


def test_a_name_that_owes_calls_keeps_a_demand_until_they_are_paid(hand: Hand) -> None:
    rates = Rates(RateSettings(per_fleet=10, parts=2, are_leased=True), hand.now)
    rates.charge(LOCAL, None, 30)
    assert rates.take_demand() == {"fleet local": 30.0}
    assert 0 < rates.take_demand()["fleet local"] < 1
    hand.seconds += 10
    assert rates.take_demand() == {}


def test_idle_tokens_and_fleets_cost_no_memory(hand: Hand) -> None:
    rates = Rates(RateSettings(per_token=1, per_fleet=1, are_leased=True), hand.now)
    for number in range(1000):
        rates.charge(Principal(f"team-{number}", token=b"%d" % number), None, 1)
        rates.take_demand()
        hand.seconds += 1.0
    assert len(rates) < 300
    hand.seconds += 100
    rates.charge(LOCAL, None, 1)
    assert len(rates) == 1


def test_idle_bots_cost_no_memory(hand: Hand) -> None:
    rates = Rates(RateSettings(per_bot=5), hand.now)
    for number in range(10_000):
        rates.charge(LOCAL, f"bot-{number}", 1)
        hand.seconds += 0.1
    assert len(rates) < 1000


def test_one_call_a_second_is_named_in_the_singular() -> None:
    assert "its 1 call a second" in str(limited("the fleet loud", 1.0, 0.5))
    assert "its 2.5 calls a second" in str(limited("the fleet loud", 2.5, 0.5))
