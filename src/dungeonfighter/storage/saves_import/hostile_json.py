"""Reads JSON that may be damaged, edited by hand or made to do harm; every cost is bounded.

Objects become `Pairs`, which keep their order and each repeated key. Numbers that have no plain value (NaN,
infinity, more digits than a number of the game needs) become `OddNumber`.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import BadArgument

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DIGITS_MAX: Final = 15
_FLOAT_CHARS_MAX: Final = 64
_BLANK: Final = " \t\r\n\0"


class BadSave(BadArgument):
    """The file holds no save of the original game that can be imported."""


class Pairs(list[tuple[str, Any]]):
    """An object as its pairs of key and value, in the order of the file."""


class OddNumber(str):
    """The text of a number without a plain value."""

    __slots__ = ()


class Document(Struct, frozen=True):
    """The content of a file; `repairs` has one sentence for each repair of its bytes."""

    content: Any
    repairs: tuple[str, ...] = ()


def parse(raw: bytes) -> Document:
    """Read the JSON of a file.

    Raises:
        BadSave: It is no JSON, or too deep.
    """
    text, repairs = _text_of(raw)
    end = len(text.rstrip(_BLANK))
    if not end:
        raise BadSave("the file is empty")
    if "\0" in text[end:]:
        repairs.append("NUL characters at the end of the file were cut off")
    return Document(parse_text(text[:end]), tuple(repairs))


def parse_text(text: str) -> Any:
    """Read a JSON text.

    Raises:
        BadSave: It is no JSON, or too deep.
    """
    try:
        content = json.loads(
            text, strict=False, object_pairs_hook=Pairs, parse_int=_whole, parse_float=_fraction,
            parse_constant=OddNumber,
        )  # fmt: skip
    except json.JSONDecodeError as error:
        raise BadSave(f"no JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except RecursionError:
        raise _too_deep() from None
    if _is_too_deep(content):
        raise _too_deep()
    return content


def _text_of(raw: bytes) -> tuple[str, list[str]]:
    encoding, start = "utf-8", 0
    for mark, name in _BOMS:
        if raw.startswith(mark):
            encoding, start = name, len(mark)
            break
    try:
        return raw[start:].decode(encoding), []
    except UnicodeDecodeError as error:
        repair = f"bytes that are no {encoding.upper()}, from byte {start + error.start} on, became U+FFFD"
        return raw[start:].decode(encoding, "replace"), [repair]


def _whole(text: str) -> int | OddNumber:
    return int(text) if len(text) <= _DIGITS_MAX else OddNumber(text)


def _fraction(text: str) -> float | OddNumber:
    number = float(text) if len(text) <= _FLOAT_CHARS_MAX else float("inf")
    return number if abs(number) < 10**_DIGITS_MAX else OddNumber(text)


def _is_too_deep(content: Any) -> bool:
    level: list[Any] = [content]
    for _ in range(limits.json_depth_max):
        level = [child for one in level for child in _children(one)]
        if not level:
            return False
    return True


def _children(value: Any) -> Sequence[Any]:
    """Return the objects and arrays in a value."""
    if type(value) is Pairs:
        return [child for _, child in value if type(child) is Pairs or type(child) is list]
    if type(value) is list:
        return [child for child in value if type(child) is Pairs or type(child) is list]
    return ()


def _too_deep() -> BadSave:
    return BadSave(f"more than {limits.json_depth_max} arrays and objects within each other")
