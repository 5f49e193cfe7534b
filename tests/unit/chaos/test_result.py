"""The words about a result: a violation names the command that repeats it."""

from __future__ import annotations

from chaos.result import Outcome, Result, Verdict, clock, table

HELD = Verdict((), ("errors: none", "acknowledged 1,200, lost 0, doubled 0"), 1200, 0, 0, 0.51, 1.24)
LOST = Verdict(("lost ada: e1 t5",), ("acknowledged 1, lost 1, doubled 0",), 1, 1, 0, None, None)


def test_the_last_line_has_the_counts() -> None:
    result = Result("kill-server", 3, Outcome.HELD, (), ("kill-process: 1 killed",), 31.4, HELD)
    assert result.lines() == [
        "  kill-process: 1 killed",
        "errors: none",
        "acknowledged 1,200, lost 0, doubled 0",
    ]


def test_a_violation_names_the_command_that_repeats_it() -> None:
    lines = Result("kill-server", 3, Outcome.VIOLATED, LOST.problems, (), 31.4, LOST).lines()
    assert lines == [
        "  violated: lost ada: e1 t5",
        "  repeat it with: make chaos SCENARIO=kill-server SEED=3",
        "acknowledged 1, lost 1, doubled 0",
    ]


def test_the_table_has_a_row_for_each_result() -> None:
    results = [
        Result("kill-server", 3, Outcome.HELD, (), (), 31.4, HELD),
        Result("clock", 3, Outcome.NOT_STAGED, ("no faketime",), (), 0.0),
    ]
    assert table(results) == [
        "scenario     seed  outcome     acknowledged  lost  doubled  first s  last s  seconds",
        "kill-server     3  held                1200     0        0      0.5     1.2       31",
        "clock           3  not staged             -     -        -        -       -        0",
    ]


def test_a_time_is_minutes_and_seconds() -> None:
    assert (clock(0), clock(65.9), clock(600)) == ("0:00", "1:05", "10:00")
