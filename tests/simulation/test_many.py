"""Many seeds: the file of their results, the marks of branches, and the report."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from tests.mutants.commit_faults import FAULTS
from tests.mutants.test_mutants import copied, plant, run
from tests.simulation.branches import Branch, branches_of, marked
from tests.simulation.many_results import Head, ManyResults, SeedResult
from tests.simulation.sightings import AFTER, HEADS, IDLE, Sightings
from tests.simulation.unreached import UNREACHED
from tests.simulation.visited import packed, reason_of, report, seeds_of_branches
from tests.simulation.watched import PACKAGE, WATCHED

HEAD = Head("abc", 60)
SOURCE = '''
class Thing:
    def stub(self):
        """Do nothing."""

    def go(self, number):
        """Go."""
        for one in range(number):
            if one == 2:
                return "two"
        try:
            return 1 // number
        except ZeroDivisionError:
            return "none"
'''


def executed(source: str) -> tuple[ModuleType, bytearray, list[Branch]]:
    """Execute a source with marks."""
    tree, branches = marked(source, "thing.py", 0)
    spec = importlib.util.spec_from_loader("thing", None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    marks = bytearray(len(branches))
    module.__dict__["__marks__"] = marks
    exec(compile(tree, "thing.py", "exec"), module.__dict__)
    return module, marks, branches


@pytest.mark.parametrize(
    ("number", "found", "reached"),
    [
        (0, "none", {"begins", "except ZeroDivisionError:"}),
        (1, 1, {"begins", "for one in range(number):", "not: if one == 2:"}),
        (9, "two", {"begins", "for one in range(number):", "not: if one == 2:", "if one == 2:"}),
    ],
)
def test_the_reached_branches_are_marked_and_no_others(number: int, found: object, reached: set[str]) -> None:
    module, marks, branches = executed(SOURCE)
    assert module.Thing().go(number) == found
    assert {branch.text for branch, mark in zip(branches, marks, strict=True) if mark} == reached
    assert {branch.function for branch in branches} == {"Thing.go"}
    assert module.Thing.go.__doc__ == "Go."


def test_marks_become_bits_and_are_counted_by_branch() -> None:
    results = [SeedResult(seed, 0.1, marks=packed(bytes(marks))) for seed, marks in enumerate(
        ([1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0])
    )]  # fmt: skip
    assert seeds_of_branches(results, 4) == [2, 0, 0, 1]


def test_a_fault_counts_for_each_phase_under_way() -> None:
    seen = Sightings()
    seen.fault("crash")
    with seen.phase(HEADS), seen.phase(AFTER):
        seen.fault("crash")
    seen.fault("crash")
    assert seen.faults == {f"crash: {IDLE}": 2, f"crash: {HEADS}": 1, f"crash: {AFTER}": 1}


def test_a_repeat_goes_on_behind_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "many.jsonl"
    with ManyResults(path, HEAD) as results:
        results.add(SeedResult(3, 0.5, broken="a turn was lost"))
        results.add(SeedResult(4, 0.5))
    path.write_bytes(path.read_bytes()[:-7])
    with ManyResults(path, HEAD) as results:
        assert [one.seed for one in results.results.values()] == [3]
        results.add(SeedResult(4, 0.7))
    with ManyResults(path, HEAD) as results:
        assert results.results[3].broken == "a turn was lost"
        assert results.results[4].seconds == 0.7


def test_results_of_other_sources_are_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    with ManyResults(path, HEAD) as results:
        results.add(SeedResult(3, 0.5))
    with ManyResults(path, msgspec.structs.replace(HEAD, sources="other")) as results:
        assert results.is_anew
        assert not results.results
    former = (tmp_path / "many.jsonl.former").read_bytes().splitlines()
    assert msgspec.json.decode(former[1], type=SeedResult).seed == 3


def test_two_runs_do_not_write_to_one_file(tmp_path: Path) -> None:
    with ManyResults(tmp_path / "many.jsonl", HEAD), pytest.raises(BlockingIOError):
        ManyResults(tmp_path / "many.jsonl", HEAD).__enter__()


def test_the_report_names_what_was_never_visited() -> None:
    branches = [Branch("a.py", 1, "f", "begins"), Branch("a.py", 2, "f", "if x:")]
    result = SeedResult(
        7, 60.0, "AssertionError: lost", packed(b"\1\0"), {"turns": 5}, {f"crash: {HEADS}": 3},
        {"input: ok": 4, "input: lost": 9},
    )  # fmt: skip
    text = report([result], branches)
    assert "make sim SEED=7" in text
    assert "lost 9, ok 4" in text
    assert "1 of 2 reached" in text
    assert text.endswith("Never reached, and not expected: 1\n  a.py:2 f: if x:")


def test_each_explained_branch_is_one_of_today() -> None:
    branches = branches_of(PACKAGE, WATCHED)
    names = [branch.name for branch in branches]
    assert not [beginning for beginning in UNREACHED if not any(one.startswith(beginning) for one in names)]
    assert sum(bool(reason_of(branch)) for branch in branches) < len(branches) / 3


def test_seeds_are_run_and_the_report_is_made(tmp_path: Path) -> None:
    words = ("-m", "tests.simulation.many", "--processes", "1", "--acts", "5", "--file", tmp_path / "many")
    command = [sys.executable, *map(str, words), "--seeds"]
    first = subprocess.run([*command, "2"], capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("2 seeds")
    second = subprocess.run([*command, "3"], capture_output=True, text=True, check=False)
    assert second.stdout.startswith("3 seeds")
    assert "2 seeds were run before" in second.stderr


@pytest.mark.long
def test_a_broken_seed_is_named_with_the_command_that_repeats_it(tmp_path: Path) -> None:
    sources = copied(tmp_path)
    plant(FAULTS["a row is in memory before its commit"], sources)
    words = ("--seeds", "8", "--processes", "2", "--file", str(tmp_path / "many"))
    code, output = run(sources, "tests.simulation.many", *words)
    assert code == 1, output
    assert "repeat it with: make sim SEED=" in output
