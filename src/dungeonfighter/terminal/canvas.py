"""The properties of a terminal that a view depends on: its width, and the characters that it can draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TextIO

from dungeonfighter.terminal.spans import Meaning, Span, Spans, held, spans, wrapped

COLUMNS_MIN: Final = 20
COLUMNS_MAX: Final = 110
"""Wider lines are hard to read, so a wider terminal stays empty at its right."""
PIPE_COLUMNS: Final = 80
_LOCALE: Final = ("LC_ALL", "LC_CTYPE", "LANG")
_COERCED: Final = frozenset(("C.UTF-8", "C.utf8"))
"""The values that Python itself gives `LC_CTYPE` if the system has no locale of the name that is set."""


class Glyphs(NamedTuple):
    """The characters of bars and lines, each one column wide."""

    full: str
    empty: str
    dash: str
    dot: str
    begin: str
    mark: str
    guide: str
    rule: str
    arrow: str


DRAWN: Final = Glyphs(
    "\u2588", "\u2591", "\u2500", "\u00b7", "\u251c", "\u25b2", "\u2502", "\u2500", "\u2192"
)
ASCII: Final = Glyphs("#", "-", "-", ".", "|", "^", ":", "-", "->")


class Canvas(NamedTuple):
    """The width of the text in columns, from `COLUMNS_MIN` to `COLUMNS_MAX`, and the characters.

    `rows` is the height of the terminal, 0 where there is none.
    """

    columns: int
    glyphs: Glyphs
    rows: int = 0

    def text(self, *parts: str | Span, hanging: int = 2) -> list[Spans]:
        """Return one line, broken to the width."""
        return wrapped(spans(*parts), self.columns, hanging)

    def listed(self, parts: Iterable[str], meaning: Meaning = Meaning.neutral) -> list[Spans]:
        """Return the parts that are not empty as a list, which is broken between two parts."""
        return self.text(Span(", ".join(map(held, filter(None, parts))), meaning))

    def fitted(self, lines: Iterable[Spans], hanging: int = 2) -> list[Spans]:
        """Return the lines, each broken to the width."""
        return [part for line in lines for part in wrapped(line, self.columns, hanging)]


def glyphs_of(output: TextIO, environ: Mapping[str, str]) -> Glyphs:
    """Return the characters that the output can encode and the terminal of this locale can draw.

    Python writes UTF-8 under the locale C, too, where a terminal may show other characters for it. So the
    locale has to name UTF-8, unless the user has told Python to write it.
    """
    try:
        "".join(DRAWN).encode(output.encoding or "ascii")
    except (LookupError, UnicodeError):
        return ASCII
    encoding = (output.encoding or "").lower().replace("-", "").replace("_", "")
    if encoding != "utf8" or environ.get("PYTHONUTF8") == "1" or environ.get("PYTHONIOENCODING"):
        return DRAWN
    return DRAWN if _is_utf8(environ) else ASCII


def _is_utf8(environ: Mapping[str, str]) -> bool:
    if environ.get("OS") == "Windows_NT":
        return True
    given = (
        environ.get(name, "") for name in _LOCALE if environ.get(name) not in _COERCED or name != "LC_CTYPE"
    )
    named = next(filter(None, given), "")
    return "utf8" in named.lower().replace("-", "")
