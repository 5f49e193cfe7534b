"""`play` in a real terminal: line editing, the question before a new run, colours, and ways to leave."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from testkit.server_process import ROOT

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals", allow_module_level=True)

import pty

pytest.importorskip("readline")

WAIT_SECONDS: Final = 60
PROMPT: Final = "\n> "
UP: Final = "\x1b[A"
LEFT: Final = "\x1b[D"
CONTROL_C: Final = "\x03"
CONTROL_D: Final = "\x04"
TAKE_TERMINAL: Final = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the controlling terminal, so that Ctrl-C becomes a signal; then runs the command."""
COLOR: Final = re.compile(r"\x1b\[[0-9;]+m")
BARS: Final = re.compile("[\u2588\u2591]{10}")


def plain_input(folder: Path) -> Path:
    """Write a configuration for GNU readline under which a prompt is nothing but its text."""
    (folder / "inputrc").write_text("set enable-bracketed-paste off\n")
    return folder / "inputrc"


def environment(folder: Path, **changes: str) -> dict[str, str]:
    plain = {
        name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "DB_CONNECTION_STRING"}
    }
    return {
        **plain, "PYTHONPATH": str(ROOT / "src"), "XDG_DATA_HOME": str(folder / "data"), "TERM": "xterm",
        "PYTHONUTF8": "1", "COLUMNS": "100", "INPUTRC": str(plain_input(folder)), **changes,
    }  # fmt: skip


class Terminal:
    """A process on a terminal of its own; `shown` holds all of its output so far."""

    def __init__(self, folder: Path, *words: str, **changes: str) -> None:
        self._own, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, sys.executable, "-m", "dungeonfighter", "play", *words],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder,
            env=environment(folder, **changes), start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""
        self._seen = 0

    def wait_for(self, text: str) -> None:
        """Wait for a text that comes after the last one waited for."""
        end = time.monotonic() + WAIT_SECONDS
        while (found := self.shown.find(text, self._seen)) < 0:
            assert self._read_more(end), f"no {text!r} in {self.shown[self._seen :]!r}"
        self._seen = found + len(text)

    def type(self, text: str) -> None:
        os.write(self._own, text.encode())

    def interrupt(self) -> None:
        """Type Ctrl-C, and Enter: right behind the prompt Python delays a Ctrl-C to the end of the line."""
        self.type(f"{CONTROL_C}\r")

    def end_input(self) -> None:
        self.type(CONTROL_D)

    def end(self) -> int:
        """Read the rest of the output; return the exit code."""
        end = time.monotonic() + WAIT_SECONDS
        while self._read_more(end):
            pass
        return self.process.wait(WAIT_SECONDS)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._own)

    def _read_more(self, end: float) -> bool:
        """Wait for output until `end`; return False at the end of the output."""
        left = end - time.monotonic()
        is_there = left > 0 and select.select([self._own], [], [], left)[0]
        assert is_there, f"the program went silent after {self.shown[-300:]!r}"
        try:
            data = os.read(self._own, 65_536)
        except OSError:  # Linux reports the end of a terminal so
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


@contextlib.contextmanager
def playing(folder: Path, *words: str, **changes: str) -> Iterator[Terminal]:
    """Run the game, and wait for its first prompt."""
    terminal = Terminal(folder, *words, **changes)
    try:
        terminal.wait_for("q to leave)")
        terminal.wait_for(PROMPT)
        yield terminal
    finally:
        terminal.close()


def test_the_arrow_up_brings_the_last_input_back(tmp_path: Path) -> None:
    with playing(tmp_path) as terminal:
        terminal.type("1\r")
        terminal.wait_for("run 1, turn 1")
        terminal.wait_for(PROMPT)
        terminal.type(f"{UP}\r")
        terminal.wait_for("run 1, turn 2")
        assert "^[[A" not in terminal.shown


def test_the_arrow_left_moves_in_the_line(tmp_path: Path) -> None:
    with playing(tmp_path) as terminal:
        terminal.type(f"no{LEFT}{LEFT}xy\r")
        terminal.wait_for("'xyno' is not legal now")


def test_the_history_comes_back_in_the_next_game_and_is_private(tmp_path: Path) -> None:
    with playing(tmp_path) as terminal:
        terminal.type("2\r")
        terminal.wait_for("run 1, turn 1")
        terminal.type("q\r")
        assert terminal.end() == 0
    history = tmp_path / "data" / "dungeonfighter" / "play_history"
    assert history.read_text() == "2\nq\n"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    with playing(tmp_path, "--bot", "ada") as terminal:
        terminal.type(f"{UP}{UP}\r")
        terminal.wait_for("run 1, turn 1")


def test_new_asks_and_a_no_keeps_the_run(tmp_path: Path) -> None:
    with playing(tmp_path) as terminal:
        terminal.type("1\r")
        terminal.wait_for("run 1, turn 1")
        terminal.type("new\r")
        terminal.wait_for("[y/N] ")
        terminal.type("\r")
        terminal.wait_for("The run is kept.")
        terminal.type("new\r")
        terminal.wait_for("[y/N] ")
        terminal.end_input()
        terminal.wait_for("The run is kept.")
        terminal.type("new\r")
        terminal.wait_for("[y/N] ")
        terminal.interrupt()
        terminal.wait_for("The run is kept.")
        terminal.type("new\r")
        terminal.wait_for("[y/N] ")
        terminal.type("y\r")
        terminal.wait_for("run 2, turn 0")
    assert "y" not in (tmp_path / "data" / "dungeonfighter" / "play_history").read_text().split()


def fight(terminal: Terminal) -> str:
    """Choose a weapon and look for a fight; return the output."""
    for turn in range(1, 40):
        terminal.type("1\r")
        terminal.wait_for(f"run 1, turn {turn}")
        terminal.wait_for(PROMPT)
        if "it: then " in terminal.shown:
            return terminal.shown
    raise AssertionError("no fight began")


def test_a_terminal_gets_colours_and_bars(tmp_path: Path) -> None:
    with playing(tmp_path) as terminal:
        shown = fight(terminal)
        assert COLOR.search(shown)
        assert len(BARS.findall(shown)) >= 2
        assert "\x1b[1;36m  1\x1b[0m  attack" in shown


@pytest.mark.parametrize(
    ("words", "changes"),
    [((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"}), (("--color", "never"), {}), (("--no-color",), {})],
    ids=["NO_COLOR", "dumb", "never", "no-color"],
)
def test_whoever_wants_no_colours_gets_none(
    tmp_path: Path, words: tuple[str, ...], changes: dict[str, str]
) -> None:
    with playing(tmp_path, *words, **changes) as terminal:
        shown = fight(terminal)
        assert not COLOR.search(shown)
        assert len(BARS.findall(shown)) >= 2


@pytest.mark.parametrize("leave", [Terminal.interrupt, Terminal.end_input], ids=["Ctrl-C", "Ctrl-D"])
def test_both_keys_leave_quietly_and_say_how_to_come_back(
    tmp_path: Path, leave: Callable[[Terminal], None]
) -> None:
    words = ("--bot", "ada", "--db", "sqlite:///my games.db")
    with playing(tmp_path, *words) as terminal:
        terminal.type("1\r")
        terminal.wait_for("run 1, turn 1")
        terminal.wait_for(PROMPT)
        leave(terminal)
        assert terminal.end() == 0
        rest = terminal.shown.rpartition("> ")[2]
        assert f"The game is saved in {tmp_path}/my games.db\r\n" in rest
        assert "play --bot ada --db 'sqlite:///my games.db'\r\n" in rest
        assert "Ctrl-C" not in rest
        assert "Traceback" not in terminal.shown
    with playing(tmp_path, *words) as terminal:
        assert "run 1, turn 1" in terminal.shown


def test_a_game_in_memory_is_not_called_saved(tmp_path: Path) -> None:
    with playing(tmp_path, "--db", "memory://") as terminal:
        terminal.interrupt()
        assert terminal.end() == 0
        assert "The game was in memory only and is gone" in terminal.shown
        assert "saved" not in terminal.shown


def piped(folder: Path, lines: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "dungeonfighter", "play", *words],
        input=lines, cwd=folder, env=environment(folder), capture_output=True, check=True,
        timeout=WAIT_SECONDS,
    )  # fmt: skip


def test_a_pipe_gets_a_plain_transcript(tmp_path: Path) -> None:
    done = piped(tmp_path, b"1\n\xff\xfe\n\x1b[A\nnew\n")
    shown = done.stdout.decode()
    assert "\n> 1\n\nHero, Barbarian level 1 " in shown
    assert "[y/N] \nThe run is kept.\n> \n" in shown
    assert not COLOR.search(shown)
    assert max(map(len, shown.splitlines()[:-2])) <= 80
    assert done.stderr == b""
    assert not (tmp_path / "data" / "dungeonfighter" / "play_history").exists()


def test_colours_can_be_asked_for_in_a_pipe(tmp_path: Path) -> None:
    assert COLOR.search(piped(tmp_path, b"", "--color", "always").stdout.decode())


def test_an_end_of_the_terminal_ends_the_game(tmp_path: Path) -> None:
    with playing(tmp_path) as terminal:
        terminal.type("1\r")
        terminal.wait_for("run 1, turn 1")
        terminal.process.send_signal(signal.SIGHUP)
        assert terminal.end() == -signal.SIGHUP
    with playing(tmp_path) as terminal:
        assert "run 1, turn 1" in terminal.shown
