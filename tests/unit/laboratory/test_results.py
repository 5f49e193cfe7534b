"""The file of results: an interrupted measurement goes on, and only comparable runs count."""

from __future__ import annotations

from pathlib import Path

import pytest

from dungeonfighter.errors import SettingsError
from dungeonfighter.laboratory.figures import Figures
from dungeonfighter.laboratory.measuring import jobs_of, measure
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.result_files import Origin
from dungeonfighter.laboratory.results import Results, origin_of
from dungeonfighter.laboratory.runs import RunJob

PLAYERS = [Player("attack"), Player("attack", ("guard",))]


def opened(path: Path, origin: Origin | None = None) -> Results:
    return Results(path, origin or origin_of(Figures()))


def played(path: Path, seeds: int) -> int:
    """Measure and return how many runs had to be played."""
    results = opened(path)
    jobs = jobs_of(PLAYERS, range(seeds), inputs_max=60)
    left = sum(results.find(job) is None for job in jobs)
    assert len(list(measure(jobs, results, processes=0))) == len(jobs)
    results.close()
    return left


def test_a_larger_measurement_plays_only_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "runs.jsonl"
    assert played(path, 2) == 4
    assert played(path, 3) == 2
    assert played(path, 3) == 0
    assert len(path.read_text(encoding="utf-8").splitlines()) == 6


def test_an_interruption_loses_no_finished_run(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    results = opened(path)
    jobs = jobs_of(PLAYERS, range(3), inputs_max=60)
    playing = measure(jobs, results, processes=0)
    next(playing)
    next(playing)
    results.close()
    assert played(path, 3) == 4


def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    played(path, 2)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    assert played(path, 2) == 1
    assert path.read_bytes().count(b"\n") == 4
    assert played(path, 2) == 0
    assert all(line.endswith(b"}") for line in path.read_bytes().splitlines())


def test_runs_of_other_rules_figures_code_or_limits_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    played(path, 1)
    job = RunJob(PLAYERS[0], 0, 60)
    origin = origin_of(Figures())
    assert opened(path).find(job) is not None
    for other in (
        Origin("2-00000000", origin.code, ""),
        Origin(origin.rules, "00000000", ""),
        Origin(origin.rules, origin.code, "00000000"),
    ):
        assert opened(path, other).find(job) is None
    assert opened(path).find(RunJob(PLAYERS[0], 0, 61)) is None
    assert opened(path).find(RunJob(PLAYERS[0], 0, 60, counts_options=True)) is None


def test_a_file_of_something_else_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy milk\nwithout an end", encoding="utf-8")
    with pytest.raises(SettingsError, match="line 1"):
        opened(path)
    assert path.read_text(encoding="utf-8") == "buy milk\nwithout an end"
    with pytest.raises(SettingsError, match="cannot be used"):
        opened(tmp_path)
