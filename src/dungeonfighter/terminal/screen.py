"""Prints lines on a terminal or into a pipe: the width, the colours by meaning, the characters.

Without colours (`NO_COLOR`, `TERM=dumb`, a pipe) the text is the same, without escape codes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from typing import Final, TextIO

from dungeonfighter.terminal.canvas import COLUMNS_MAX, COLUMNS_MIN, PIPE_COLUMNS, Canvas, glyphs_of
from dungeonfighter.terminal.spans import Meaning, Span, Spans, spans, wrapped

COLORS: Final = ("auto", "always", "never")
CODES: Final = {
    Meaning.gain: "32",
    Meaning.harm: "1;31",
    Meaning.warning: "33",
    Meaning.choice: "1;36",
    Meaning.title: "1",
    Meaning.quiet: "2",
}
"""The codes of `SGR` for each meaning but the neutral one, which is the terminal's own colour."""


def is_colored(color: str, output: TextIO, environ: Mapping[str, str]) -> bool:
    """Return True if the output gets colours; `color` is one of `COLORS`."""
    if color != "auto":
        return color == "always"
    terminal = environ.get("TERM") or environ.get("WT_SESSION") or environ.get("ANSICON") or "dumb"
    return output.isatty() and not environ.get("NO_COLOR") and terminal != "dumb"


class Screen:
    """Prints on one output; on a terminal no line is wider than it.

    Args:
        output: Standard output.
        is_colored: Paint the meanings.
        environ: The environment, which names the locale.
    """

    def __init__(self, output: TextIO, *, is_colored: bool, environ: Mapping[str, str]) -> None:
        self._output = output
        self._is_colored = is_colored
        self._glyphs = glyphs_of(output, environ)

    @property
    def canvas(self) -> Canvas:
        """The canvas of now; a terminal may have changed its size."""
        columns, rows = self._size()
        return Canvas(min(max(columns, COLUMNS_MIN), COLUMNS_MAX), self._glyphs, rows)

    def show(self, lines: Iterable[Spans]) -> None:
        """Print lines that fit the canvas."""
        text = "\n".join("".join(map(self._painted, line)).rstrip() for line in lines)
        print(text, file=self._output, flush=True)

    def say(self, text: str, meaning: Meaning = Meaning.neutral) -> None:
        """Print a text, broken to the width."""
        columns = self.canvas.columns
        given = [spans(Span(line, meaning)) for line in text.split("\n")]
        self.show(part for line in given for part in wrapped(line, columns, _indent(line) + 2))

    def _size(self) -> tuple[int, int]:
        if not self._output.isatty():
            return PIPE_COLUMNS, 0
        try:
            columns, rows = os.get_terminal_size(self._output.fileno())
        except (OSError, ValueError):
            columns = rows = 0
        usual = shutil.get_terminal_size()
        return columns or usual.columns, rows or usual.lines

    def _painted(self, span: Span) -> str:
        code = CODES.get(span.meaning) if self._is_colored and span.text.strip() else None
        return f"\x1b[{code}m{span.text}\x1b[0m" if code else span.text


def _indent(line: Spans) -> int:
    text = line[0].text
    return len(text) - len(text.lstrip(" "))
