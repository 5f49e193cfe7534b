"""Lines that a person types: with line editing and history in a terminal, read plainly from a pipe."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol

HISTORY_LINES_MAX: Final = 500
LINE_CHARS_MAX: Final = 200
"""Longer lines are not kept; no input of the game has so many characters."""


class Reader(Protocol):
    """Reads lines. `ask` raises EOFError at the end of the input, and KeyboardInterrupt at Ctrl-C.

    `is_typed` is True if a person types the lines, who can turn a page.
    """

    @property
    def is_typed(self) -> bool: ...

    def ask(self, prompt: str) -> str: ...

    def remember(self, line: str) -> None: ...


def is_terminal() -> bool:
    """Return True if a person types and reads: standard input and output are both a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


class ConsoleReader:
    """Reads from standard input; in a terminal the arrow keys edit the line and bring former lines back.

    Args:
        history: The file of the former lines, readable by its owner only; without one, or without access to
            it, the history ends with the process.
    """

    def __init__(self, history: Path | None) -> None:
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")  # bytes that are no text are no input either
        self._readline = _readline() if is_terminal() else None
        self._history = history
        self._last = ""
        self.lacks_editing = is_terminal() and self._readline is None and sys.platform != "win32"
        if self._readline is not None:
            self._readline.set_auto_history(False)
            for line in recall(history) if history else []:
                self._readline.add_history(line)
                self._last = line

    @property
    def is_typed(self) -> bool:
        return is_terminal()

    def ask(self, prompt: str) -> str:
        """Return one line; a line from a pipe is printed behind the prompt, as a terminal would show it."""
        if sys.stdin is None:
            raise EOFError
        if sys.stdin.isatty():
            return input(prompt)
        print(prompt, end="", flush=True)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        line = line.rstrip("\r\n")
        print(line, flush=True)
        return line

    def remember(self, line: str) -> None:
        """Add a line to the history, unless it is the same as the one before."""
        line = line.strip()
        if self._readline is None or line in {"", self._last} or not is_kept(line):
            return
        self._last = line
        self._readline.add_history(line)
        if self._history is not None:
            append(self._history, line)


def is_kept(line: str) -> bool:
    return len(line) <= LINE_CHARS_MAX and line.isprintable()


def recall(file: Path) -> list[str]:
    """Return the newest lines of a history, and remove the others from the file if there are many."""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - HISTORY_LINES_MAX * LINE_CHARS_MAX))
            found = opened.read(HISTORY_LINES_MAX * LINE_CHARS_MAX).decode(errors="replace").splitlines()
    except OSError:
        return []
    lines = [line for line in found if line and is_kept(line)][-HISTORY_LINES_MAX:]
    if len(found) > HISTORY_LINES_MAX or size > HISTORY_LINES_MAX * LINE_CHARS_MAX:
        with contextlib.suppress(OSError):
            fresh = file.with_name(f"{file.name}.{os.getpid()}")
            _write(fresh, "".join(f"{line}\n" for line in lines), os.O_TRUNC)
            fresh.replace(file)
    return lines


def append(file: Path, line: str) -> None:
    """Append a line to a history; a file that cannot be written is left alone."""
    with contextlib.suppress(OSError):
        _write(file, f"{line}\n", os.O_APPEND)


def _write(file: Path, text: str, flag: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | flag, 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _readline() -> ModuleType | None:
    """Return the module `readline`, whose import adds line editing to `input`; None where Python lacks it."""
    try:
        return importlib.import_module("readline")
    except ImportError:
        return None
