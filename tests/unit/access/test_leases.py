"""Shares of workers by their demand, with real limits in each worker, in simulated time."""

from __future__ import annotations

import random

import pytest

from dungeonfighter.access.leases import FLOORS, REPORTS_AFTER, Leases
from dungeonfighter.access.meters import BURST_SECONDS
from dungeonfighter.access.principals import LOCAL, Principal
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.errors import RateLimited

PERIOD = 0.1
STEP = 0.01
FLEET = "fleet local"


class Workers:
    """Some workers that report every `PERIOD` and get their shares at once."""

    def __init__(self, count: int, rate: float) -> None:
        self.seconds = 1000.0
        self._exchange_at = self.seconds + PERIOD
        settings = RateSettings(per_fleet=rate, parts=count, are_leased=True)
        self.rates = [Rates(settings, lambda: self.seconds) for _ in range(count)]
        self.leases = Leases(count)
        self.shares: dict[int, float] = {}

    def run(self, seconds: float, offered: list[float]) -> list[int]:
        """Offer each worker so many calls a second; return how many each one admitted."""
        admitted = [0] * len(offered)
        for _ in range(round(seconds / STEP)):
            for number, count in enumerate(self.offer(STEP, offered)):
                admitted[number] += count
        return admitted

    def offer(self, seconds: float, offered: list[float]) -> list[int]:
        """Offer the calls of one step."""
        admitted = [0] * len(offered)
        for number, calls in enumerate(offered):
            share = calls * seconds
            for _ in range(int(share) + (random.random() < share % 1)):
                admitted[number] += self.admits(number)
        self.seconds += seconds
        if self.seconds >= self._exchange_at:
            self._exchange_at += PERIOD
            self._exchange()
        return admitted

    def admits(self, number: int, principal: Principal = LOCAL) -> bool:
        try:
            self.rates[number].charge(principal, None, 1)
        except RateLimited:
            return False
        return True

    def _exchange(self) -> None:
        for number, rates in enumerate(self.rates):
            self.leases.note(number, rates.take_demand(), PERIOD)
        for number, shares in self.leases.changes().items():
            self.rates[number].learn(shares)
            self.shares[number] = shares.get(FLEET, self.shares.get(number, 0.0))


@pytest.fixture(autouse=True)
def _same_dice() -> None:
    random.seed(16)


def test_one_connection_reaches_the_whole_rate_of_its_fleet() -> None:
    workers = Workers(3, rate=100)
    workers.run(0.3, [500, 0, 0])
    assert workers.shares[0] > 0.98
    workers.run(5, [500, 0, 0])  # the burst is spent
    assert sum(workers.run(10, [500, 0, 0])) == pytest.approx(1000, rel=0.02)


def test_the_share_follows_a_caller_to_another_worker() -> None:
    workers = Workers(3, rate=100)
    workers.run(10, [500, 0, 0])
    workers.run(0.4, [0, 0, 500])
    assert workers.shares[2] > 0.9
    assert workers.shares[0] < 0.1
    assert workers.run(10, [0, 0, 500])[2] == pytest.approx(1000, rel=0.05)


@pytest.mark.parametrize("offered", [[500, 0, 0], [200, 200, 200], [1000, 50, 1], [30, 30, 30]])
def test_all_workers_together_keep_to_the_rate(offered: list[float]) -> None:
    workers = Workers(3, rate=100)
    admitted = sum(workers.run(20, offered))
    assert admitted <= 100 * (20 + BURST_SECONDS) * (1 + FLOORS)
    assert admitted >= min(sum(offered), 100) * 20 * 0.85


def test_hopping_from_worker_to_worker_gains_no_burst() -> None:
    workers = Workers(3, rate=100)
    admitted = 0
    for turn in range(60):
        admitted += sum(workers.run(0.5, [500 if number == turn % 3 else 0 for number in range(3)]))
    assert admitted <= 100 * (30 + BURST_SECONDS) * 1.1


def test_a_fleet_at_ten_times_its_rate_leaves_the_permits_of_another_untouched() -> None:
    workers = Workers(3, rate=100)
    quiet = Principal("quiet")
    refused = 0
    for _ in range(1000):  # 10 s, in which the quiet fleet plays half of its rate
        workers.offer(0.01, [400, 300, 300])
        asked = [workers.admits(random.randrange(3), quiet) for _ in range(random.random() < 0.5)]
        refused += asked.count(False)
    assert refused == 0
    assert not all(workers.admits(number) for number in range(3))


def test_a_demand_that_ended_is_forgotten() -> None:
    workers = Workers(2, rate=100)
    workers.run(1, [100_000, 10])
    workers.run(REPORTS_AFTER * PERIOD, [0, 0])
    workers.run(20, [0, 0])
    assert set(workers.shares.values()) == {0.0}
    assert len(workers.leases._demand) == 0


def test_a_worker_that_ended_leaves_its_share_to_the_others() -> None:
    leases = Leases(2)
    leases.note(0, {FLEET: 100}, 1.0)
    leases.note(1, {FLEET: 100}, 1.0)
    assert leases.changes() == {0: {FLEET: 0.5}, 1: {FLEET: 0.5}}
    leases.retire(0)
    changed = leases.changes()
    assert changed[1] == {FLEET: 1.0}
    assert changed[0] == {FLEET: FLOORS / 2}  # of the next worker of this number


def test_shares_that_a_worker_did_not_get_are_sent_anew() -> None:
    leases = Leases(1)
    leases.note(0, {FLEET: 100}, 1.0)
    missed = leases.changes()
    assert leases.changes() == {}
    leases.missed(0, missed[0])
    assert leases.changes() == missed


def test_a_part_of_the_whole_is_divided() -> None:
    leases = Leases(2, whole=0.5)
    leases.note(0, {FLEET: 100}, 1.0)
    assert leases.changes()[0] == {FLEET: 0.5}
    leases.learn({FLEET: 0.9})
    assert leases.changes()[0] == {FLEET: 0.9}
    leases.learn({})
    assert leases.changes()[0] == {FLEET: 0.5}
