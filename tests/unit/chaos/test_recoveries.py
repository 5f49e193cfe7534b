"""Play must go on after each fault of a scenario, not only after the last one."""

from __future__ import annotations

import pytest

from chaos.journal import Answer, Event, Fault
from chaos.recoveries import late, recoveries


def ok(at: float) -> Answer:
    return Answer(at, "ada", 1, 1, "ok", "", 1, 1, "d")


def unknown(at: float) -> Answer:
    return Answer(at, "ada", 1, 1, "unknown", "timeout")


CUT, HEALED = Fault(1.0, "partition", "begin"), Fault(5.0, "partition", "end")


def test_the_first_answer_after_the_end_counts() -> None:
    events: list[Event] = [ok(0.5), CUT, ok(2.0), HEALED, unknown(5.5), ok(6.5), ok(7.0)]
    (one,) = recoveries(events)
    assert (one.fault, one.at, one.first_seconds, one.end_seconds) == ("partition", 5.0, 1.5, 2.0)
    assert list(late([one], 1.5)) == []
    assert list(late([one], 1.0)) == [
        "the first bot played 1.50 s after the end of partition, not within 1 s"
    ]


def test_each_end_counts_for_itself() -> None:
    second: list[Event] = [Fault(9.0, "freeze", "begin"), Fault(10.0, "freeze", "end"), ok(10.25)]
    found = recoveries([CUT, HEALED, unknown(8.5), *second])
    assert [one.first_seconds for one in found] == [None, 0.25]
    assert list(late(found, 2.0)) == ["no bot played within 4.00 s after the end of partition"]


@pytest.mark.parametrize("next_event", [Fault(6.0, "freeze", "begin"), unknown(6.0)])
def test_a_pause_shorter_than_the_limit_says_little(next_event: Event) -> None:
    assert list(late(recoveries([CUT, HEALED, next_event]), 2.0)) == []


def test_while_one_fault_is_left_no_bot_must_play() -> None:
    first, last = Fault(0.5, "freeze", "begin"), Fault(21.0, "freeze", "end")
    events: list[Event] = [first, CUT, HEALED, unknown(20.0), last, ok(21.5)]
    assert [(one.fault, one.first_seconds) for one in recoveries(events)] == [("freeze", 0.5)]
