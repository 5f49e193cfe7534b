"""Reads a JSON file into a struct; each problem is one sentence that names the field and the way out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from dungeonfighter.errors import SettingsError

_FILE_BYTES_MAX: Final = 1 << 20
_Kind = TypeVar("_Kind", bound=Struct)


def read_struct(path: Path, kind: type[_Kind], option: str, way_out: str) -> _Kind:
    """Read a file.

    Args:
        path: The file.
        kind: The struct that it holds.
        option: The option that named the file, for the texts of errors.
        way_out: What makes a right file.

    Raises:
        SettingsError: There is no such file, it is no JSON, or a field is missing or wrong.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError([f"{option}: {path} cannot be read: {error.strerror}; {way_out}"]) from error
    if len(content) > _FILE_BYTES_MAX:
        raise SettingsError([f"{option}: {path} has {len(content):,} bytes, which is too many; {way_out}"])
    return decode_struct(content, kind, f"{option}: {path}", way_out)


def decode_struct(content: bytes, kind: type[_Kind], name: str, way_out: str) -> _Kind:
    """Decode the content of a file; see `read_struct`."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise SettingsError([f"{name}: {error}; {way_out}"]) from error
    except msgspec.DecodeError as error:
        raise SettingsError([f"{name} is no JSON ({error}); {way_out}"]) from error


def numbers_of(value: object, place: str = "") -> Iterator[tuple[str, float]]:
    """Yield each number in a struct, with the names of the fields that lead to it."""
    if isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from numbers_of(getattr(value, name), f"{place}.{name}" if place else name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place, float(value)


def check_numbers(value: Struct, name: str, way_out: str, *, may_be_zero: frozenset[str]) -> None:
    """Check that each number is finite and above zero.

    Raises:
        SettingsError: Some are not; one problem for each.
    """
    problems = [
        f"{name}: {place} is {number:g}, which must be {'at least' if place in may_be_zero else 'above'} 0; "
        f"{way_out}"
        for place, number in numbers_of(value)
        if not math.isfinite(number) or number < 0 or (number == 0 and place not in may_be_zero)
    ]
    if problems:
        raise SettingsError(problems)
