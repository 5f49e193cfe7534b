"""The findings of the checker are compared with the expectations of a scenario."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from chaos.checker.findings import Findings, Kind, Violation
from chaos.judge import problems
from chaos.scenario import Expect


def findings(**more: object) -> Findings:
    usual: dict[str, Any] = {"acknowledged": 9, "first_seconds": 0.5, "last_seconds": 1.5}
    return Findings(**{**usual, **more})


def test_kept_promises_are_no_problem() -> None:
    assert list(problems(findings(), Expect())) == []


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ({"violations": [Violation(Kind.DOUBLED, "ada", "e1 t5")]}, "doubled ada: e1 t5"),
        ({"first_seconds": None}, "no bot played after the last fault"),
        ({"silent": ["ada", "bob"]}, "2 bots did not play after the last fault, ada for example"),
        ({"last_seconds": 25.0}, "the last bot played 25.00 s after the last fault, not within 20 s"),
        ({"last_errors": Counter(stale_turn=3)}, "3 calls were refused as stale_turn; 0 may be"),
    ],
)
def test_a_broken_promise_is_named(found: dict[str, object], problem: str) -> None:
    assert list(problems(findings(**found), Expect())) == [problem]


def test_expected_refusals_and_open_calls_are_no_problem() -> None:
    found = findings(last_errors=Counter(stale_turn=3, future_turn=2, timeout=4, http_502=1, overloaded=1))
    assert list(problems(found, Expect(errors={"stale_turn": 3, "future_turn": None}))) == []
    assert list(problems(found, Expect(errors={"stale_turn": 2, "future_turn": None}))) == [
        "3 calls were refused as stale_turn; 2 may be"
    ]


def test_a_promotion_that_lacked_no_call_is_no_proof() -> None:
    expect = Expect(lost="what-the-promoted-server-lacks")
    assert list(problems(findings(lacking=3), expect)) == []
    assert list(problems(findings(), expect)) == [
        "the promoted server lacked no acknowledged call, so this proves nothing"
    ]


def test_of_many_violations_the_first_are_shown() -> None:
    many = [Violation(Kind.LOST, f"bot-{number}", "e1 t5") for number in range(9)]
    assert list(problems(findings(violations=many), Expect()))[-1] == "and 4 more violations"
