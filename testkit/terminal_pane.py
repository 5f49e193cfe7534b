"""A program in a pane of tmux, a real terminal: keys go in, and the screen comes out as text."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self

from testkit import parts

WAIT_SECONDS: Final = 60
PAUSE_SECONDS: Final = 0.02
"""The time between two looks at a pane."""
PROMPT: Final = "\n> "
ROWS: Final = 60
_SETTINGS: Final = "set -g remain-on-exit on\nset -g status off\nset -g default-terminal screen\n"


class Pane:
    """One program in a tmux server of its own, which ends with the block.

    Args:
        folder: The working folder of the command.
        words: The command.
        environ: The whole environment of the command.
    """

    def __init__(
        self,
        folder: Path,
        words: list[str],
        environ: Mapping[str, str],
        *,
        columns: int = 80,
        rows: int = ROWS,
    ) -> None:
        program = parts.program("tmux", part="tmux")
        self._place = tempfile.TemporaryDirectory(prefix="pane-")  # the path of a socket has 107 characters
        settings = Path(self._place.name) / "tmux.conf"
        settings.write_text(_SETTINGS, encoding="utf-8")
        self._tmux = [program, "-u", "-S", str(settings.with_name("socket")), "-f", str(settings)]
        self._environ = {**environ, "LANG": environ.get("LANG", "C.UTF-8")}
        command = shlex.join(["env", *(f"{name}={value}" for name, value in environ.items()), *words])
        self._run("new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", str(folder), command)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run("kill-server")
        self._place.cleanup()

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words],
            env=self._environ,
            capture_output=True,
            text=True,
            check=True,
            timeout=WAIT_SECONDS,
        )
        return done.stdout

    def press(self, *keys: str) -> None:
        """Press keys by their names in tmux: `Enter`, `C-c`, `Up`."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type a text and Enter."""
        self._run("send-keys", "-l", text)
        self.press("Enter")

    def resize(self, columns: int, rows: int = ROWS) -> None:
        """Change the size, and wait until the program can see it: tmux collects changes for a while."""
        self._run("resize-window", "-x", str(columns), "-y", str(rows))
        terminal = os.open(self._run("display", "-p", "#{pane_tty}").strip(), os.O_RDONLY | os.O_NOCTTY)
        try:
            end = time.monotonic() + WAIT_SECONDS
            while os.get_terminal_size(terminal) != (columns, rows):
                assert time.monotonic() < end, f"the terminal never got {columns} columns"
                time.sleep(PAUSE_SECONDS)
        finally:
            os.close(terminal)

    def text(self) -> str:
        """Return what the pane shows, without colours and without spaces at the ends of lines."""
        return self._run("capture-pane", "-p").rstrip("\n")

    def colored(self) -> str:
        """Return what the pane shows, with its escape codes."""
        return self._run("capture-pane", "-p", "-e").rstrip("\n")

    def wait_for(self, is_there: str | Callable[[str], bool]) -> str:
        """Wait until the pane shows a text or fulfils a condition; return what it shows."""
        end = time.monotonic() + WAIT_SECONDS
        while True:
            shown = self.text()
            if is_there in shown if isinstance(is_there, str) else is_there(shown):
                return shown
            assert time.monotonic() < end, f"never {is_there!r} in\n{shown}"
            time.sleep(PAUSE_SECONDS)

    def wait_for_turn(self, turn: int) -> str:
        """Wait for the view of a turn with the prompt below it; return what the pane shows."""
        return self.wait_for(lambda shown: f", turn {turn}\n" in shown and shown.endswith(PROMPT.rstrip()))
