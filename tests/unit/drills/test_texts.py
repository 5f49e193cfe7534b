"""The texts of a drill."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from drills import texts
from drills.fault import fault_class, names


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 min 0 s"), (59.6, "1 min 0 s"), (83, "1 min 23 s")])
def test_a_span_is_in_minutes_and_seconds(seconds: float, text: str) -> None:
    assert texts.span(seconds) == text


def test_progress_names_the_time_the_turns_and_the_failures() -> None:
    line = texts.progress(texts.Moment(65.3, 12.4, bots=40, waiting=3, failed_attempts=7))
    assert line == "1:05  12 turns/s  37 of 40 bots play  7 failed attempts"


@pytest.mark.parametrize(
    ("wrong", "waiting", "text"),
    [
        ([], 0, ""),
        (["the disk is full"], 0, "the disk is full"),
        (["the disk is full"], 2, "the disk is full; 2 of 9 bots wait for an answer"),
        ([], 9, "9 of 9 bots wait for an answer"),
    ],
)
def test_the_result_names_all_that_is_wrong(wrong: list[str], waiting: int, text: str) -> None:
    assert texts.still_wrong(wrong, waiting, 9) == text


def test_a_shell_reads_the_variables(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    given = {"DB": "postgresql://a@b/c?x=1&y='2'", "SERVICE": "/a folder/service"}
    file.write_text(texts.environment(given, ["/one place", "/other"]))
    script = '. "$0"; printf "%s\\n" "$DB" "$SERVICE" "$PSQL_PAGER" "$PATH"'
    words = ["sh", "-c", script, str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"})
    assert done.stdout.splitlines() == [*given.values(), "cat", "/usr/bin:/bin:/one place:/other"]


def test_the_list_has_every_drill() -> None:
    shown = texts.list_of_drills()
    assert all(f"  {name} " in shown for name in [*names(), "random"])


@pytest.mark.parametrize("name", names())
def test_a_drill_names_its_alert_and_no_cause(name: str) -> None:
    kind = fault_class(name)
    shown = f"{kind.severity.upper()}  {kind.alert}"
    assert kind.summary not in kind.message
    assert shown.split("  ", maxsplit=1)[0] in {"PAGE", "TICKET"}
