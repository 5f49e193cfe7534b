"""Text with meanings, as lines of a terminal: its width, its line breaks, and columns side by side.

A line is a tuple of spans and holds no escape codes; `screen` paints it. Every line reads the same without
colours, because a meaning only repeats what a sign, a bar or the words say.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple


class Meaning(Enum):
    """The meaning of a piece of text; `screen.CODES` has the colour of each."""

    neutral = "neutral"
    gain = "gain"
    harm = "harm"
    warning = "warning"
    choice = "choice"
    title = "title"
    quiet = "quiet"


class Span(NamedTuple):
    """A piece of one line with one meaning."""

    text: str
    meaning: Meaning = Meaning.neutral


Spans = tuple[Span, ...]
"""One line."""
_NO_BREAK: Final = "\u00a0"
_SPACES: Final = (" ", _NO_BREAK)
_Cells = list[tuple[str, Meaning]]


def spans(*parts: str | Span) -> Spans:
    """Return a line of its parts; a text without a meaning is neutral."""
    return tuple(Span(part) if isinstance(part, str) else part for part in parts)


def plain(line: Spans) -> str:
    return "".join(span.text for span in line)


def width(text: str) -> int:
    """Return the columns that a text takes: 2 for a wide character, 0 for a combining one."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(char) for char in text)


def _columns_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def held(text: str) -> str:
    """Return the text so that `wrapped` breaks within it only if it is longer than a line."""
    return text.replace(" ", _NO_BREAK)


def cut(text: str, columns: int) -> str:
    """Return the beginning of a text that fits, with a full stop for what is missing."""
    if width(text) <= columns:
        return text
    kept = ""
    for char in text:
        if width(kept) + _columns_of(char) > columns - 1:
            break
        kept += char
    return f"{kept}."


def padded(line: Spans, columns: int) -> Spans:
    """Return the line, filled up with spaces to a width."""
    missing = columns - width(plain(line))
    return (*line, Span(" " * missing)) if missing > 0 else line


def wrapped(line: Spans, columns: int, hanging: int = 0) -> list[Spans]:
    """Break a line between words, or within a word that is longer than the whole width.

    Args:
        columns: The width of the result, at least 2.
        hanging: The spaces before each line but the first; none if they would leave no room for words.
    """
    if width(plain(line)) <= columns:
        return [tuple(Span(span.text.replace(_NO_BREAK, " "), span.meaning) for span in line)]
    cells: _Cells = [(char, span.meaning) for span in line for char in span.text]
    indent = hanging if columns - hanging >= max(2, columns // 2) else 0
    lines: list[Spans] = []
    while cells:
        margin = indent if lines else 0
        taken = _fitting(cells, columns - margin)
        lines.append((Span(" " * margin), *_joined(cells[:taken])) if margin else _joined(cells[:taken]))
        while taken < len(cells) and cells[taken][0] in _SPACES:
            taken += 1
        cells = cells[taken:]
    return lines


def _fitting(cells: _Cells, columns: int) -> int:
    """Return the number of cells of the next line: to the last space that fits, or as many as fit."""
    used = space = held_space = 0
    has_word = False
    for place, (char, _) in enumerate(cells):
        if has_word and used <= columns:
            space = place if char == " " else space
            held_space = place if char == _NO_BREAK else held_space
        used += _columns_of(char)
        if used > columns:
            return space or held_space or max(1, place)
        has_word = has_word or char not in _SPACES
    return len(cells)


def _joined(cells: Sequence[tuple[str, Meaning]]) -> Spans:
    joined: list[Span] = []
    for cell, meaning in cells:
        char = " " if cell == _NO_BREAK else cell
        if joined and joined[-1].meaning is meaning:
            joined[-1] = Span(joined[-1].text + char, meaning)
        else:
            joined.append(Span(char, meaning))
    return tuple(joined)


def beside(left: Sequence[Spans], right: Sequence[Spans], columns: int, gap: int = 2) -> list[Spans]:
    """Put two blocks side by side.

    Args:
        columns: The width of the left block; its lines are not wider.
        gap: The spaces between them.
    """
    lines = []
    for place in range(max(len(left), len(right))):
        first = left[place] if place < len(left) else ()
        if place < len(right):
            lines.append((*padded(first, columns + gap), *right[place]))
        else:
            lines.append(first)
    return lines
