"""The journal by bots: outcomes of calls, errors before and after a repeat, the first play after a fault."""

from __future__ import annotations

import pytest

from chaos.checker import Findings, check
from chaos.checker.calls import Calls
from chaos.checker.stored import Place
from chaos.journal import Answer, Begin, Event, Fault, JournalError

BOT = "a"


def begin(
    call: int, attempt: int, *, turn: int = 0, text: str = "1", at: float = 0.0, bot: str = BOT
) -> Begin:
    return Begin(at, bot, call, attempt, "input", 1, turn, text)


def ok(call: int, attempt: int, *, turn: int = 1, at: float = 0.0, bot: str = BOT) -> Answer:
    return Answer(at, bot, call, attempt, "ok", "", 1, turn, "")


def unknown(call: int, attempt: int, error: str = "timeout") -> Answer:
    return Answer(0.0, BOT, call, attempt, "unknown", error)


def refused(call: int, attempt: int, error: str) -> Answer:
    return Answer(0.0, BOT, call, attempt, "refused", error)


def read(*events: Event) -> Calls:
    calls = Calls()
    calls.add_all(events)
    return calls


def test_a_repeated_call_is_one_call() -> None:
    calls = read(begin(1, 1), unknown(1, 1), begin(1, 2), ok(1, 2))
    (call,) = calls.bots[BOT].calls
    assert (call.attempts, call.open_attempts, call.is_ok, call.leads_to) == (2, 1, True, Place(1, 1))


def test_an_attempt_without_an_answer_has_an_unknown_outcome() -> None:
    calls = read(begin(1, 1), begin(1, 2), begin(2, 1))
    assert [call.open_attempts for call in calls.bots[BOT].calls] == [2, 1]
    assert calls.first_errors == {"no_answer": 2}
    assert calls.repeated_errors == {"no_answer": 2}


def test_errors_are_counted_before_and_after_one_repeat() -> None:
    calls = read(
        begin(1, 1), unknown(1, 1), begin(1, 2), ok(1, 2),
        begin(2, 1, turn=1), unknown(2, 1), begin(2, 2, turn=1), unknown(2, 2, "reset"), begin(2, 3, turn=1),
        ok(2, 3, turn=2),
        begin(3, 1, turn=2), refused(3, 1, "stale_turn"),
        begin(4, 1, turn=2), ok(4, 1, turn=3),
    )  # fmt: skip
    assert calls.first_errors == {"timeout": 2, "stale_turn": 1}
    assert calls.repeated_errors == {"reset": 1, "stale_turn": 1}
    assert calls.last_errors == {"stale_turn": 1}


@pytest.mark.parametrize(
    "events",
    [
        [ok(1, 1)],
        [begin(1, 1), ok(1, 2)],
        [begin(1, 1), ok(2, 1)],
        [begin(1, 1), ok(1, 1), ok(1, 1)],
        [begin(2, 1), ok(2, 1), begin(1, 1)],
        [begin(1, 1), begin(1, 1)],
        [begin(1, 1), begin(1, 2, text="2")],
        [begin(1, 1), begin(1, 2, turn=1)],
        [begin(1, 1), ok(1, 1), begin(1, 2)],
    ],
)
def test_events_that_do_not_follow_from_each_other_are_no_journal(events: list[Event]) -> None:
    with pytest.raises(JournalError, match=f"event {len(events)}: a "):
        read(*events)


def played(*events: Event) -> Findings:
    return check(events, {})


def test_the_times_count_from_the_end_of_the_last_fault() -> None:
    findings = played(
        Fault(1.0, "kill-server", "begin"), Fault(2.0, "kill-server", "end"),
        begin(1, 1), ok(1, 1, at=2.5), begin(1, 1, bot="b"), ok(1, 1, at=2.5, bot="b"),
        Fault(3.0, "kill-server", "begin"), Fault(5.0, "kill-server", "end"),
        begin(2, 1, turn=1), ok(2, 1, turn=2, at=5.25), begin(2, 1, turn=1, bot="b"),
        ok(2, 1, turn=2, at=6.5, bot="b"), begin(3, 1, turn=2), ok(3, 1, turn=3, at=7.0),
    )  # fmt: skip
    assert (findings.first_seconds, findings.last_seconds, findings.silent) == (0.25, 1.5, [])
    assert "the first bot played in 0.25 s, the last in 1.50 s" in "\n".join(findings.lines())


def test_a_bot_that_does_not_play_after_the_fault_is_silent() -> None:
    findings = played(
        begin(1, 1), ok(1, 1), begin(1, 1, bot="b"), ok(1, 1, bot="b"), Fault(1.0, "x", "begin"),
        Fault(2.0, "x", "end"), begin(2, 1, turn=1), ok(2, 1, turn=2, at=3.0),
    )  # fmt: skip
    assert (findings.first_seconds, findings.silent) == (1.0, ["b"])
    assert "; 1 bots did not play any more" in "\n".join(findings.lines())


def test_without_a_fault_there_is_no_time() -> None:
    assert played(begin(1, 1), ok(1, 1)).first_seconds is None


def test_the_last_lines_are_the_sums() -> None:
    findings = played(
        begin(1, 1), unknown(1, 1), begin(1, 2), ok(1, 2), begin(2, 1, turn=1), refused(2, 1, "conflict")
    )
    lines = list(findings.lines())
    assert lines[-3:] == [
        "errors: 1 timeout, 1 conflict; after one repeat: 1 conflict",
        "no bot played after a fault",
        "acknowledged 1, lost 1, doubled 0",
    ]
    assert "violated: 1 lost" in lines
