"""The screen: colours by the environment, characters by the locale, the width of the terminal."""

from __future__ import annotations

import io
import re
from typing import Final

import pytest

from dungeonfighter.terminal.canvas import ASCII, COLUMNS_MAX, DRAWN, glyphs_of
from dungeonfighter.terminal.screen import CODES, Screen, is_colored
from dungeonfighter.terminal.spans import Meaning, Span, spans

CODE: Final = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.TextIOWrapper):
    """A terminal with an encoding, as far as a program can see."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.raw_bytes = io.BytesIO()
        super().__init__(self.raw_bytes, encoding=encoding)

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        self.flush()
        return self.raw_bytes.getvalue().decode(self.encoding)


@pytest.mark.parametrize(
    ("color", "environ", "expected"),
    [
        ("auto", {"TERM": "xterm"}, True),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1"}, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": ""}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("auto", {}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {"TERM": "xterm"}, False),
    ],
)
def test_the_environment_decides_about_colours(color: str, environ: dict[str, str], expected: bool) -> None:
    assert is_colored(color, Terminal(), environ) is expected


def test_a_pipe_gets_no_colours_unless_they_are_asked_for() -> None:
    assert not is_colored("auto", io.StringIO(), {"TERM": "xterm"})
    assert is_colored("always", io.StringIO(), {})


@pytest.mark.parametrize("meaning", CODES)
def test_colours_change_no_character(meaning: Meaning) -> None:
    line = spans("lost ", Span("9 hp", meaning))
    shown = []
    for colors in (True, False):
        terminal = Terminal()
        Screen(terminal, is_colored=colors, environ={}).show([line])
        shown.append(terminal.shown())
    assert CODE.search(shown[0])
    assert CODE.sub("", shown[0]) == shown[1] == "lost 9 hp\n"


@pytest.mark.parametrize(
    ("encoding", "environ", "expected"),
    [
        ("utf-8", {"LANG": "de_DE.UTF-8"}, DRAWN),
        ("utf-8", {"LC_ALL": "en_US.utf8"}, DRAWN),
        ("utf-8", {"LC_CTYPE": "C.UTF-8", "LANG": "en_US.UTF-8"}, DRAWN),
        ("utf-8", {"PYTHONUTF8": "1"}, DRAWN),
        ("utf-8", {"OS": "Windows_NT"}, DRAWN),
        ("utf-8", {"LC_ALL": "C", "LANG": "en_US.UTF-8"}, ASCII),
        ("utf-8", {"LC_CTYPE": "C.UTF-8"}, ASCII),  # Python sets it so if no locale is set
        ("utf-8", {"LC_CTYPE": "C.UTF-8", "LANG": "de_DE.ISO-8859-1"}, ASCII),
        ("utf-8", {}, ASCII),
        ("iso-8859-1", {"LANG": "de_DE.ISO-8859-1"}, ASCII),
        ("ascii", {"LANG": "en_US.UTF-8"}, ASCII),
    ],
)
def test_the_locale_decides_about_the_characters(
    encoding: str, environ: dict[str, str], expected: object
) -> None:
    assert glyphs_of(Terminal(encoding), environ) is expected


@pytest.mark.parametrize(("columns", "expected"), [("40", 40), ("9", 20), ("500", COLUMNS_MAX)])
def test_the_width_is_that_of_the_terminal_within_limits(
    columns: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    terminal = Terminal()
    screen = Screen(terminal, is_colored=False, environ={})
    assert screen.canvas.columns == expected
    screen.say("one two three four five six seven eight nine ten eleven twelve\n\nend")
    assert max(map(len, terminal.shown().splitlines())) <= expected
    assert terminal.shown().endswith("\n\nend\n")


def test_a_terminal_has_rows_and_a_pipe_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "33")
    assert Screen(Terminal(), is_colored=False, environ={}).canvas.rows == 33
    assert Screen(io.StringIO(), is_colored=False, environ={}).canvas.rows == 0


def test_a_pipe_has_the_width_of_an_ordinary_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert Screen(io.StringIO(), is_colored=False, environ={}).canvas.columns == 80
