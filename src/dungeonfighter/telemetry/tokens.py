"""An estimate of the tokens that a text costs a model: cl100k's way of counting, without its vocabulary.

The text is cut the way cl100k cuts it before it looks anything up (words with the space before them, numbers
of up to three digits, runs of punctuation, line ends), and each piece costs what such pieces cost on average
in this game's own texts: a common short word one token, a capitalised or rare longer one more. Costs are
hundredths of a token, tuned so that the sum errs upwards by a few percent; docs/tools.md has the measured
error.
"""

from __future__ import annotations

import re
from typing import Final

_PIECE: Final = re.compile(
    r"(?P<short>'(?i:[sdmt]|ll|ve|re))"
    r"|(?P<word>(?:[^\r\n\w]|_)?[^\W\d_]+)"
    r"|(?P<number>\d{1,3})"
    r"|(?P<signs> ?(?:[^\s\w]|_)+[\r\n]*)"
    r"|(?P<line>\s*[\r\n])"
    r"|(?P<space>\s+(?!\S)|\s+)"
)
_ONE: Final = 100
_SPACED: Final = (100, 100, 100, 102, 106, 110, 110, 122, 135, 140)
"""The cost of a lower-case word after a space, by length. A word longer than the table costs the last entry
and `_EACH_FURTHER` for each further letter."""
_SPACED_CAPITAL: Final = (100, 100, 105, 110, 120, 125, 140, 160, 180, 200)
_BARE: Final = (100, 100, 102, 105, 115, 122, 125, 140, 180, 190)
_BARE_CAPITAL: Final = (100, 100, 102, 110, 145, 155, 190, 240, 245, 260)
_EACH_FURTHER: Final = 15
_EACH_FOREIGN: Final = 130
"""Letters and signs outside ASCII cost about a token each; rare scripts more."""
_SIGNS_FREE: Final = 4
_EACH_FURTHER_SIGN: Final = 45
_MARGIN: Final = 102
_ONE_MARGINED: Final = 10_000
"""`_MARGIN` adds two percent to the measured costs, so that the estimate is seldom too low."""


def count_tokens(text: str) -> int:
    """The estimated number of cl100k tokens of a text; linear in its length."""
    hundredths = 0
    for match in _PIECE.finditer(text):
        kind, piece = match.lastgroup, match[0]
        if kind == "word":
            hundredths += _word_cost(piece)
        elif kind == "signs":
            hundredths += _signs_cost(piece)
        else:
            hundredths += _ONE
    return -(-hundredths * _MARGIN // _ONE_MARGINED)


def _word_cost(piece: str) -> int:
    first = piece[0]
    letters = piece if len(piece) == 1 or first.isalpha() else piece[1:]
    foreign = 0 if piece.isascii() else sum(not letter.isascii() for letter in piece)
    capital = letters[0].isupper()
    tables = (_SPACED, _SPACED_CAPITAL) if first == " " else (_BARE, _BARE_CAPITAL)
    table = tables[capital]
    length = len(letters) - foreign
    last = len(table) - 1
    cost = table[length] if length <= last else table[last] + (length - last) * _EACH_FURTHER
    return cost + foreign * _EACH_FOREIGN


def _signs_cost(piece: str) -> int:
    foreign = 0 if piece.isascii() else sum(not sign.isascii() for sign in piece)
    further = max(0, len(piece) - foreign - _SIGNS_FREE)
    return _ONE + further * _EACH_FURTHER_SIGN + foreign * _EACH_FOREIGN
