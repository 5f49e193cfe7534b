"""Processes that perform jobs: their failures and their deaths reach the caller, and none is left behind."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.laboratory.processes import NICE, perform_all
from tests.unit.laboratory.made_up import AskTables, EndProcess, Fail, Niceness


def test_a_killed_process_is_an_error_and_no_endless_wait() -> None:
    with pytest.raises(DungeonFighterError, match="ended with code 7") as ended:
        list(perform_all([EndProcess(7)], 1))
    assert "goes on" in ended.value.hint


def test_a_failed_job_shows_its_traceback() -> None:
    with pytest.raises(RuntimeError, match="the tower is closed"):
        list(perform_all([Fail("the tower is closed")], 1))


def test_whoever_stops_early_leaves_no_process() -> None:
    playing = perform_all([AskTables(("HEALTH",))] * 3, 1)
    next(playing)
    assert multiprocessing.active_children()
    playing.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()


def test_processes_play_at_low_priority() -> None:
    (niceness,) = perform_all([Niceness()], 1)
    assert niceness == min(19, os.nice(0) + NICE)


def test_no_jobs_need_no_process() -> None:
    assert list(perform_all([], 2)) == []
