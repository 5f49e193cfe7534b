"""The presentation of the game in a terminal: one option a line, broken lines, health bars, colours.

The words are those of the text view, which agents see too; this module arranges and decorates them. Without
decoration (`NO_COLOR`, `TERM=dumb`, a pipe) there are no bars and no escape codes.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Mapping
from typing import Final, TextIO

COLORS: Final = ("auto", "always", "never")
COLUMNS_MIN: Final = 20
BAR_CELLS: Final = 10

_BETWEEN: Final = " | "
_BETWEEN_IN_FIGHT: Final = re.compile(r" (?<!item )(?=(?:item )?\d{1,3} [a-z])")
_OPTION: Final = re.compile(r"(item \d{1,3}|\d{1,3}) (.+)")
_HANGING: Final = re.compile(r" *(?:(?:item )?\d{1,3} {2})?")
_HEALTH: Final = re.compile(r"(\d{1,9})/(\d{1,9}) hp")
_BLOCKS, _PLAIN = "\u2588\u2591", "#-"
"""The full and the empty cell of a bar, and those for an output whose encoding lacks them."""
_HEALTH_AND_BAR: Final = re.compile(rf"{_HEALTH.pattern}(?: [{_BLOCKS}{_PLAIN}]{{{BAR_CELLS}}})?")

_BOLD, _DIM, _RED, _GREEN, _YELLOW, _CYAN = "1", "2", "31", "32", "33", "36"
_PAINTS: Final = (
    (re.compile(r"^e\d{1,9} t\d{1,9}\b"), _DIM),
    (re.compile(r"^ +(?:(?:item )?\d{1,3}(?= {2})|(?:un)?equip |strip |drop |trade )"), f"{_BOLD};{_CYAN}"),
    (re.compile(r"(?:(?<=; )|^ +)shows [^;]+"), _YELLOW),
)


def with_options(view: str, *, in_fight: bool) -> str:
    """Return the text view of a live run with the parts of its last line, the legal inputs, line by line."""
    situation, _, line = view.rpartition("\n")
    has_bars = _BETWEEN in line or not in_fight
    parts = line.split(_BETWEEN) if has_bars else _BETWEEN_IN_FIGHT.split(line)
    return "\n".join([situation, *map(_option, parts)])


def _option(part: str) -> str:
    found = _OPTION.fullmatch(part)
    return f"  {found[1]:>2}  {found[2]}" if found else f"      {part}"


def wrapped(text: str, columns: int) -> str:
    """Break lines longer than `columns` between words; an option continues below its words."""
    lines = []
    for line in text.splitlines():
        hanging = _HANGING.match(line)
        assert hanging is not None
        indent = hanging.end() if hanging[0].strip() else hanging.end() + 2
        lines += textwrap.wrap(
            line,
            max(columns, COLUMNS_MIN),
            subsequent_indent=" " * indent,
            replace_whitespace=False,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(lines)


def is_decorated(color: str, output: TextIO, environ: Mapping[str, str]) -> bool:
    """Return True if the output gets colours and bars; `color` is one of `COLORS`."""
    if color != "auto":
        return color == "always"
    terminal = environ.get("TERM") or environ.get("WT_SESSION") or environ.get("ANSICON") or "dumb"
    return output.isatty() and not environ.get("NO_COLOR") and terminal != "dumb"


class Screen:
    """Prints texts; on a terminal no line is wider than it.

    Args:
        output: Standard output.
        is_decorated: Add colours and health bars.
    """

    def __init__(self, output: TextIO, *, is_decorated: bool) -> None:
        self._output = output
        self._is_decorated = is_decorated
        self._cells = _cells(output)

    def say(self, text: str) -> None:
        if self._is_decorated:
            text = _HEALTH.sub(self._bar, text)
        if self._output.isatty():
            text = wrapped(text, shutil.get_terminal_size().columns)
        if self._is_decorated:
            text = "\n".join(map(_painted, text.split("\n")))
        print(text, file=self._output, flush=True)

    def _bar(self, found: re.Match[str]) -> str:
        full, empty = tuple(self._cells)
        count = _share(int(found[1]), int(found[2]))
        return f"{found[0]} {full * count}{empty * (BAR_CELLS - count)}"


def _cells(output: TextIO) -> str:
    try:
        _BLOCKS.encode(output.encoding or "ascii")
    except (LookupError, UnicodeError):
        return _PLAIN
    return _BLOCKS


def _share(health: int, most: int) -> int:
    """Return the number of full cells; it is 0 only for no health, and all only for full health."""
    if health >= most:
        return BAR_CELLS
    return min(BAR_CELLS - 1, max(1, health * BAR_CELLS // most)) if health > 0 else 0


def _painted(line: str) -> str:
    for pattern, code in _PAINTS:
        line = pattern.sub(f"\x1b[{code}m\\g<0>\x1b[0m", line)
    return _HEALTH_AND_BAR.sub(_painted_health, line)


def _painted_health(found: re.Match[str]) -> str:
    count = _share(int(found[1]), int(found[2]))
    code = _GREEN if count > BAR_CELLS // 2 else _YELLOW if count > BAR_CELLS // 4 else _RED
    return f"\x1b[{code}m{found[0]}\x1b[0m"
