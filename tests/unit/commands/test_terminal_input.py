"""The history of typed lines: bounded, private, and never in the way."""

from __future__ import annotations

import io
import stat
import sys
from pathlib import Path

import pytest

from dungeonfighter.commands.terminal_input import (
    HISTORY_LINES_MAX,
    LINE_CHARS_MAX,
    ConsoleReader,
    append,
    recall,
)


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    for line in ("1", "equip 3", "new"):
        append(tmp_path / "history", line)
    assert recall(tmp_path / "history") == ["1", "equip 3", "new"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_the_file_is_private_even_if_it_was_not(tmp_path: Path) -> None:
    file = tmp_path / "history"
    append(file, "1")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    append(file, "2")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_long_history_is_cut_to_its_newest_lines(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_text("".join(f"{n}\n" for n in range(HISTORY_LINES_MAX + 100)))
    expected = [str(n) for n in range(100, HISTORY_LINES_MAX + 100)]
    assert recall(file) == expected
    assert file.read_text().splitlines() == expected
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_bytes(b"x" * 3_000_000 + b"\nnew\n")
    assert recall(file) == ["new"]
    assert file.read_text() == "new\n"


def test_lines_that_no_person_typed_are_dropped(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_bytes(b"\x1b[31m1\n\xff\xfe\n\n" + b"2" * (LINE_CHARS_MAX + 1) + b"\nok\n")
    assert recall(file)[-1] == "ok"
    assert not any("\x1b" in line or len(line) > LINE_CHARS_MAX for line in recall(file))


@pytest.mark.parametrize("place", ["missing/history", "."])
def test_a_file_that_cannot_be_used_is_no_error(tmp_path: Path, place: str) -> None:
    append(tmp_path / place, "1")
    assert recall(tmp_path / place) == []


def test_a_pipe_has_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"1\r\n\xff\n2")))
    reader = ConsoleReader(tmp_path / "history")
    lines = [reader.ask("> ") for _ in range(3)]
    for line in lines:
        reader.remember(line)
    assert lines == ["1", "\ufffd", "2"]
    with pytest.raises(EOFError):
        reader.ask("> ")
    assert not (tmp_path / "history").exists()


def test_a_closed_standard_input_is_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(EOFError):
        ConsoleReader(None).ask("> ")
