"""The account of one file: each of its fields is kept, repaired, dropped or empty, by its JSON path."""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from dungeonfighter.storage.saves_import.hostile_json import OddNumber, Pairs

SHOWN_CHARS_MAX: Final = 300
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_USUAL_CHARS_MAX: Final = 64
_EMPTY_TEXTS: Final = frozenset(("", "none"))

Shown = str | int | float | bool | None


class Entry(Struct, frozen=True, gc=False, omit_defaults=True):
    """One field of the file, or one thing that the file lacks.

    Attributes:
        path: Its place in the file, for example `inventory[3].rarity`.
        was: Its value in the file; an object or a long text is cut off.
        now: The thing in the run that it became; None if it is as it was.
        why: The reason of a repair or a loss.
    """

    path: str
    was: Shown = None
    now: Shown = None
    why: str = ""


class Ledger:
    """Collects the entries of one file.

    An entry covers everything below its path that has no entry of its own.
    """

    def __init__(self) -> None:
        self.kept: list[Entry] = []
        self.repaired: list[Entry] = []
        self.dropped: list[Entry] = []
        self.added: list[Entry] = []
        self.empty: list[str] = []
        """Fields whose value says nothing: null, false, 0, "", [] or {}."""

    def keep(self, path: str, was: Any, now: Shown = None) -> None:
        self.kept.append(Entry(path, shown(was), now))

    def repair(self, path: str, was: Any, now: Shown, why: str) -> None:
        self.repaired.append(Entry(path, shown(was), now, why))

    def drop(self, path: str, was: Any, why: str) -> None:
        """Record a loss; the loss of an empty value counts as empty."""
        if is_empty(was):
            self.empty.append(path)
        else:
            self.dropped.append(Entry(path, shown(was), None, why))

    def add(self, path: str, now: Shown, why: str) -> None:
        """Record a thing that the file lacks and the run has."""
        self.added.append(Entry(path, None, now, why))


def is_empty(value: Any) -> bool:
    if type(value) is str:
        return value.strip().lower() in _EMPTY_TEXTS
    return type(value) is not OddNumber and not value


def shown(value: Any) -> Shown:
    """Return a value in a form that any JSON reader accepts, and not too long."""
    if value is None or type(value) in {bool, int}:
        return value  # type: ignore[no-any-return]
    if type(value) is float and math.isfinite(value):
        return value
    text = str(value) if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[: SHOWN_CHARS_MAX - 1]}…"


def _plain(value: Any) -> Any:
    """Return objects as dictionaries; the depth is bounded by the reader."""
    if type(value) is Pairs:
        return {key: _plain(each) for key, each in value}
    if type(value) is list:
        return [_plain(each) for each in value]
    return str(value) if type(value) is OddNumber else value


def child_path(path: str, key: str) -> str:
    """Return the path of a field of an object; a key that is no plain word stands in brackets."""
    step = _step(key) if len(key) <= _USUAL_CHARS_MAX else f"[{json.dumps(key)}]"
    return f"{path}{step}" if path else step.removeprefix(".")


@lru_cache(4096)
def _step(key: str) -> str:
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{json.dumps(key)}]"
