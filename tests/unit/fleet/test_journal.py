"""The journal records repeated and skipped turns of the server as faults."""

from __future__ import annotations

from dungeonfighter.fleet.journal import Journal, Run


def begun() -> Journal:
    journal = Journal("a")
    journal.starting(Run(episode=1, seed=7, name="a"))
    assert journal.unanswered_start is not None
    journal.started(journal.unanswered_start, "d0")
    return journal


def test_consecutive_turns_are_no_fault() -> None:
    journal = begun()
    for turn in (1, 2):
        journal.playing("1")
        journal.played("1", 1, turn, f"d{turn}")
    assert (journal.turn, journal.digest, journal.faults) == (2, "d2", [])
    assert journal.run is not None
    assert journal.run.inputs == ["1", "1"]


def test_a_turn_left_out_is_a_fault() -> None:
    journal = begun()
    journal.played("1", 1, 2, "d")
    assert len(journal.faults) == 1


def test_a_turn_given_twice_is_a_fault() -> None:
    journal = begun()
    journal.played("1", 1, 1, "d")
    journal.played("1", 1, 1, "d")
    assert len(journal.faults) == 1


def test_an_answer_from_another_run_is_a_fault() -> None:
    journal = begun()
    journal.played("1", 2, 1, "d")
    assert len(journal.faults) == 1


def test_turns_recorded_together_equal_turns_recorded_one_by_one() -> None:
    one_by_one, together = begun(), begun()
    for turn in (1, 2, 3):
        one_by_one.played("1", 1, turn, "")
    together.played_up_to("1", 2)
    together.played_up_to("1", 2)
    together.played_up_to("1", 3)
    assert together == one_by_one


def test_an_unanswered_input_is_kept_until_its_answer_comes() -> None:
    journal = begun()
    journal.playing("4")
    assert journal.unanswered == "4"
    journal.played("4", 1, 1, "d")
    assert journal.unanswered is None
