"""The limit on failed log-ins of each address."""

from __future__ import annotations

import pytest

from dungeonfighter.access import failed_log_ins
from dungeonfighter.access.failed_log_ins import FAILURES_MAX, WINDOW_SECONDS, FailedLogIns
from dungeonfighter.errors import RateLimited


class Desk:
    def __init__(self, parts: int = 1) -> None:
        self.seconds = 50.0
        self.failures = FailedLogIns(lambda: self.seconds, parts)

    def fail(self, address: str, times: int) -> None:
        for _ in range(times):
            self.failures.check(address)
            self.failures.note(address)

    def is_refused(self, address: str) -> bool:
        try:
            self.failures.check(address)
        except RateLimited:
            return True
        return False


def test_an_address_waits_until_its_first_failure_is_a_minute_old() -> None:
    desk = Desk()
    desk.fail("10.0.0.1", 1)
    desk.seconds += 20
    desk.fail("10.0.0.1", FAILURES_MAX - 1)
    with pytest.raises(RateLimited) as caught:
        desk.failures.check("10.0.0.1")
    assert caught.value.retry_after_seconds == WINDOW_SECONDS - 20
    desk.seconds += WINDOW_SECONDS - 20
    desk.fail("10.0.0.1", 1)
    assert desk.is_refused("10.0.0.1")


def test_other_addresses_are_not_concerned() -> None:
    desk = Desk()
    desk.fail("10.0.0.1", FAILURES_MAX)
    assert desk.is_refused("10.0.0.1")
    assert not desk.is_refused("10.0.0.2")


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8::1", "2001:db8::ffff:1"), ("10.0.0.1", "::ffff:10.0.0.1"), ("fe80::1%eth0", "fe80::1%eth0")],
)
def test_the_addresses_of_one_client_count_together(one: str, other: str) -> None:
    desk = Desk()
    desk.fail(one, FAILURES_MAX)
    assert desk.is_refused(other)
    assert not desk.is_refused("2001:db8:0:1::1")


def test_each_worker_has_its_part_and_a_person_a_few_tries() -> None:
    for parts, most in ((1, 10), (2, 5), (4, 3), (64, 3)):
        desk = Desk(parts)
        desk.fail("10.0.0.1", most)
        assert desk.is_refused("10.0.0.1")


def test_the_addresses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_log_ins, "ADDRESSES_MAX", 3)
    desk = Desk()
    for number in range(10):
        desk.fail(f"10.0.0.{number}", FAILURES_MAX)
    assert [desk.is_refused(f"10.0.0.{number}") for number in range(10)] == 7 * [False] + 3 * [True]


def test_an_address_that_is_none_counts_too() -> None:
    desk = Desk()
    desk.fail("", FAILURES_MAX)
    assert desk.is_refused("")
