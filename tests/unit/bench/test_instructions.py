"""The count of instructions: reading valgrind's logs, and the driver that plays under it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import in_process, instructions
from bench.instructions import Failed, per_turn
from tests.unit.house.sources import ROOT

LOG_3_19 = "==7== Command: python\n==7== \n==7== I   refs:      4,246,866,776\n"
LOG_3_22 = "==8== Cachegrind, a high-precision tracing profiler\n==8== \n==8== I refs:        4,397,941,853\n"


def test_the_figure_is_the_difference_of_two_children_for_each_turn() -> None:
    logs = {"6": "==6== I refs: 1\n", "7": LOG_3_19, "8": LOG_3_22}
    assert per_turn("7 30\n8 46\n", logs, 32) == (4_397_941_853 - 4_246_866_776) / (32 * 16)


@pytest.mark.parametrize(
    ("output", "logs"),
    [
        ("", {"7": LOG_3_19, "8": LOG_3_22}),
        ("7 30\n", {"7": LOG_3_19}),
        ("7 30\n8 46\n", {"7": LOG_3_19}),
        ("7 30\n8 30\n", {"7": LOG_3_19, "8": LOG_3_22}),
        ("7 30\n8 46\n", {"7": LOG_3_19, "8": "==8== Fatal error"}),
    ],
    ids=["nothing", "one child", "one log", "no turns", "no count"],
)
def test_incomplete_output_is_a_failure(output: str, logs: dict[str, str]) -> None:
    with pytest.raises(Failed):
        per_turn(output, logs, 32)


def test_without_valgrind_the_bench_ends_with_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["instructions"])
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert instructions.main() == 1
    assert "valgrind is not installed" in capsys.readouterr().err


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_the_driver_plays_each_length_in_a_child_of_its_own(store: str) -> None:
    command = [sys.executable, "-m", "bench.in_process", store, "2", "1", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (first, fewer), (last, more) = (line.split() for line in done.stdout.splitlines())
    assert first != last
    assert (fewer, more) == ("1", "3")


def test_the_driver_names_the_parts_that_it_does_not_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_process, "_NAMES", ("open_host", "NoSuchName"))
    with pytest.raises(LookupError, match="NoSuchName"):
        in_process.parts()


def test_a_folder_that_is_no_checkout_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["instructions", "--tree", str(tmp_path)])
    with pytest.raises(SystemExit):
        instructions.main()
    assert "is no checkout" in capsys.readouterr().err
