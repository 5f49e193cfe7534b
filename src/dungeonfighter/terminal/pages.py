"""Long texts as pages of a low terminal: a page ends before a heading where there is one near its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dungeonfighter.terminal.bars import NARROW
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.spans import Spans, plain

PAGED_FROM: Final = 8
"""The rows of a terminal from which a long text is shown in pages."""
_ENTRY: Final = 2
"""The most indent of a line that begins an entry; a deeper one goes on with the entry above it."""


def pages(lines: Sequence[Spans], canvas: Canvas, other_rows: int) -> list[list[Spans]]:
    """Return the lines in pages that fit; all in one page if there is no terminal, or a very low one.

    Args:
        other_rows: The rows that a page leaves for the prompt and for the line of the command.
    """
    room = canvas.rows - other_rows
    left = list(lines)
    found: list[list[Spans]] = []
    while canvas.rows >= PAGED_FROM and len(left) > room:
        end = _end(left, room)
        found.append(left[:end])
        left = left[end:]
        while left and not left[0]:  # an empty line only parts what is on one page
            del left[0]
    return [*found, left] if left else found


def page_prompt(number: int, count: int, canvas: Canvas) -> str:
    """Return the prompt below a page that is not the last one, in one row of the terminal."""
    if canvas.columns < NARROW:
        return f"({number}/{count}: Enter, q) > "
    return f"(page {number} of {count}: Enter shows more, q stops) > "


def _end(lines: Sequence[Spans], room: int) -> int:
    """Return the number of lines of the first page: up to a heading near its end, or as many as fit."""
    indents = [_indent(line) for line in lines[: room + 1]]

    def begins(end: int) -> bool:
        heads_before = indents[end - 1] < indents[end] and bool(lines[end - 1])
        return indents[end] <= _ENTRY and not heads_before

    late = [end for end in range(room - room // 2, room + 1) if begins(end)]
    early = [end for end in range(room // 4, room - room // 2) if begins(end)]
    return min(late, key=lambda end: (indents[end], -end)) if late else max(early, default=room)


def _indent(line: Spans) -> int:
    """Return the spaces before a line, which are few for a heading; -1 for an empty line."""
    text = plain(line)
    return len(text) - len(text.lstrip(" ")) if text.strip() else -1
