"""Inputs as text: each has one canonical spelling of at most 48 printable ASCII characters.

An input is the number of a choice, or a verb with arguments: `equip 3`, `unequip head`, `strip 2,0,1`,
`trade 1,2,3,4,5`, `item 4`. Bag numbers count from 1, known actions from 0. The number of `item n` is the
consumable's number in the catalogue plus 1.

Source: docs/rules.md, "Inputs".
"""

from __future__ import annotations

from dungeonfighter import limits
from dungeonfighter.errors import BadInput

LIST_MAX = limits.input_chars_max // 2
_DIGITS = frozenset("0123456789")


def canonical(text: str) -> str:
    """Return the canonical spelling of an input: trimmed, lower case, single spaces, none around commas.

    Raises:
        BadInput: bad_argument: the input is empty, too long or not printable ASCII.
    """
    if text in _DIGITS:  # nearly every input is one of these
        return text
    if len(text) > limits.input_chars_max:
        raise BadInput(f"an input has at most {limits.input_chars_max} characters, this one {len(text)}")
    if not (text.isascii() and text.isprintable()):
        raise BadInput("an input is printable ASCII text, for example: 1")
    words = text.lower().replace(",", " , ").split()
    if not words:
        raise BadInput("an input is not empty, for example: 1")
    return " ".join(words).replace(" , ", ",").replace(" ,", ",").replace(", ", ",")


def numbers(text: str, most: int = LIST_MAX) -> list[int] | None:
    """Parse a list like `2,0,1`; None if `text` is not 1 to `most` numbers below 1,000."""
    parts = text.split(",")
    if len(parts) > most or not all(part.isdigit() and len(part) <= 3 for part in parts):
        return None
    return [int(part) for part in parts]


def item_input(consumable: int) -> str:
    """Return the input that uses a consumable without a fight input of its own."""
    return f"item {consumable + 1}"
