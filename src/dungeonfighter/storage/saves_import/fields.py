"""Takes the fields of an object one by one, and knows those that nobody took.

The original game reads keys without regard to case, and of a repeated key the last value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from dungeonfighter.storage.saves_import.hostile_json import OddNumber, Pairs
from dungeonfighter.storage.saves_import.ledger import Ledger, Shown, child_path

ELEMENTS_MAX: Final = 2000
"""The elements of an array that are looked at: a bound on the work for one file."""
UNKNOWN: Final = "no vintage of the original game has this field"
_REPEATED: Final = "the key is repeated; the last value counts, as in the original game"
_NUMBER_CHARS_MAX: Final = 64
_NUMBER: Final = re.compile(r"\s*[+-]?\d{1,15}(?:\.\d{1,15})?\s*")


class Field(NamedTuple):
    """One field: its path in the file, and its value."""

    path: str
    value: Any


class Fields:
    """The fields of one object.

    Args:
        content: The object.
        path: Its path in the file.
        ledger: Records repeated keys, and what nobody took.
    """

    def __init__(self, content: Pairs, path: str, ledger: Ledger) -> None:
        self.path = path
        self._ledger = ledger
        self._left: dict[str, tuple[str, Any]] = {}
        for key, value in content:
            folded = key.lower()
            if folded in self._left:
                former, lost = self._left.pop(folded)
                ledger.drop(child_path(path, former), lost, _REPEATED)
            self._left[folded] = key, value

    def __contains__(self, key: str) -> bool:
        return key.lower() in self._left

    def at(self, key: str) -> str:
        """Return the path of a field, as the file spells it."""
        spelled = self._left.get(key.lower(), (key, None))[0]
        return child_path(self.path, spelled)

    def look(self, key: str) -> Any:
        """Return the value of a field without taking it; None if there is no such field."""
        return self._left.get(key.lower(), ("", None))[1]

    def take(self, key: str) -> Field | None:
        """Take a field, which makes the caller responsible for its entry."""
        found = self._left.pop(key.lower(), None)
        return None if found is None else Field(child_path(self.path, found[0]), found[1])

    def drop_rest(self, reasons: Mapping[str, str], *, covered: frozenset[str] = frozenset()) -> None:
        """Record every field that nobody took as dropped.

        Args:
            reasons: The reason by key in lower case; any other field is unknown.
            covered: Keys in lower case that an entry of the object itself covers.
        """
        for folded, (key, value) in self._left.items():
            if folded not in covered:
                self._ledger.drop(child_path(self.path, key), value, reasons.get(folded, UNKNOWN))
        self._left.clear()


def number_of(value: Any) -> float | None:
    """Return a value as a number, infinity for one that is too large; None if it is no number."""
    if type(value) is int or type(value) is float:
        return value
    if type(value) is OddNumber:
        number = float(value)
        return None if math.isnan(number) else math.copysign(math.inf, number)
    if type(value) is str and len(value) <= _NUMBER_CHARS_MAX and _NUMBER.fullmatch(value):
        return float(value)
    return None


def clamped(value: float, low: int, high: int) -> int:
    """Return the whole number next to a value, rounded down, within bounds."""
    return int(min(max(value, low), high))


def whole(
    fields: Fields, ledger: Ledger, key: str, low: int, high: int, default: int, *, lack: str = "", over: str
) -> int:
    """Take a whole number and record its entry.

    Args:
        low, high: The bounds; a value beyond them is repaired.
        default: The number if the file has none.
        lack: The reason of that number; "" records nothing then.
        over: The reason why a value beyond a bound is repaired.
    """
    path = fields.at(key)
    field = fields.take(key)
    if field is None:
        if lack:
            ledger.add(path, default, lack)
        return default
    number = number_of(field.value)
    if number is None:
        ledger.repair(path, field.value, default, "it is no number")
        return default
    now = clamped(number, low, high)
    if type(field.value) is int and field.value == now:
        ledger.keep(path, field.value)
    elif number == now:
        ledger.keep(path, field.value, now)
    else:
        ledger.repair(path, field.value, now, over if not low <= number <= high else "it is a whole number")
    return now


def text_of(value: Any) -> str:
    """Return a value as a text; empty if it is none."""
    return value if type(value) is str else ""


def elements(field: Field | None, ledger: Ledger, what: str) -> Iterator[Field]:
    """Yield the elements of an array; also of `$values`, where .NET keeps an array with references.

    Anything else is recorded as dropped.
    """
    if field is None:
        return
    path, value = field
    if type(value) is Pairs:
        inner = Fields(value, path, ledger)
        held = inner.take("$values")
        if held is not None:
            inner.drop_rest({"$id": "a reference of .NET's serializer"})
            path, value = held
    if type(value) is not list:
        ledger.drop(path, value, f"it is no list of {what}")
        return
    if not value:
        ledger.empty.append(path)
    for place, each in enumerate(value[:ELEMENTS_MAX]):
        yield Field(f"{path}[{place}]", each)
    further = value[ELEMENTS_MAX:]
    if further:
        why = f"this and all {len(further)} from here on: no hero has so many {what}"
        ledger.drop(f"{path}[{ELEMENTS_MAX}]", further, why)


def kept_as(was: Any, now: Shown) -> Shown:
    """Return `now`, or None if a value became exactly itself."""
    return None if was == now and type(was) is type(now) else now
