"""Other spellings of arguments whose meaning is certain: `"5"` and 5.0 for 5, 1 for `"1"`, lists as JSON.

Models and command lines send them. `arguments.decode` reads the strict form first and asks this module only
after that has failed. A value without a certain meaning stays as it is, for the message about it: booleans,
fractions, `"5x"`, `" "`.

Source: docs/tools.md, "Accepted spellings".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, Final

import msgspec
from msgspec import Struct, inspect

from dungeonfighter.mcp import wire

_EXACT_MAX: Final = 2**53
"""Beyond this a decoder may have rounded a number."""
_DIGITS_MAX: Final = 40

Mend = Callable[[object], object]


def mended(kind: type[Struct], given: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments of a struct, each in its strict form where its meaning is certain."""
    mends = _mends_of(kind)
    return {name: mends[name](value) if name in mends else value for name, value in given.items()}


def as_integer(given: object) -> object:
    """Return a whole number that was given as a float or as its digits as an integer."""
    if type(given) is float and abs(given) <= _EXACT_MAX and given.is_integer():
        return int(given)
    return int(given) if isinstance(given, str) and _is_digits(given) else given


def as_text(given: object) -> object:
    """Return a whole number that was given for a string as its digits."""
    number = as_integer(given) if type(given) is float else given
    return str(number) if type(number) is int and abs(number) <= _EXACT_MAX else given


def as_object(given: object) -> object:
    """Return an object that was given as JSON in a string as the object."""
    return _parsed(given, dict)


def _as_list(given: object, mend_item: Mend, *, of_integers: bool) -> object:
    values = _parsed(given, list)
    if of_integers and isinstance(values, str):
        parts = values.split(",", _DIGITS_MAX)
        if all(map(_is_digits, parts)):
            values = parts
    return [mend_item(value) for value in values] if isinstance(values, list) else given


def _parsed(given: object, kind: type[list[Any]] | type[dict[str, Any]]) -> object:
    if not isinstance(given, str):
        return given
    try:
        parsed = msgspec.json.decode(given)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return given
    return parsed if isinstance(parsed, kind) and not wire.is_deep(parsed) else given


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX


def _as_is(given: object) -> object:
    return given


@cache
def _mends_of(kind: type[Struct]) -> dict[str, Mend]:
    struct = inspect.type_info(kind)
    assert isinstance(struct, inspect.StructType)
    return {field.encode_name: _mend_of(field.type) for field in struct.fields}


def _mend_of(kind: inspect.Type) -> Mend:
    match kind:
        case inspect.UnionType():
            return _mend_of(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
        case inspect.IntType():
            return as_integer
        case inspect.StrType():
            return as_text
        case inspect.DictType():
            return as_object
        case inspect.ListType(item_type=item):
            of_integers = isinstance(item, inspect.IntType)
            return partial(_as_list, mend_item=_mend_of(item), of_integers=of_integers)
        case _:
            return _as_is
