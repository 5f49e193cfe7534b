"""Recognises the vintage of a save by its keys, because no vintage has a number, and unwraps the lab form.

Source: docs/import.md, "Vintages".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from dungeonfighter.storage.saves_import.fields import Fields
from dungeonfighter.storage.saves_import.hostile_json import BadSave, Pairs, parse_text
from dungeonfighter.storage.saves_import.ledger import Ledger

_MARKS: Final = (
    ("v6", "currentregionid"),
    ("v5", "pendingpreweapontrainingground"),
    ("v4", "legs"),
    ("v3", "isdead"),
)
"""The vintages from the newest on, each with the key that it has first."""
_HERO_KEYS: Final = frozenset((
    "name", "level", "xp", "currenthealth", "maxhealth", "strength", "agility", "technique", "intelligence",
    "inventory", "weapon", "head", "body", "feet", "barbarianpoints", "warriorpoints", "roguepoints",
    "wizardpoints", "isdead",
))  # fmt: skip
_KEYS_LEAST: Final = 3
"""With fewer of these keys an object is no hero."""
_WRAPPERS: Final = ("characterjson", "character", "player", "hero", "save", "savedata", "data")
REPORT_FORMAT: Final = "dungeonfighter-import-report"


class Hero(Struct, frozen=True):
    """The hero of a file, and what stands around it.

    Attributes:
        vintage: v1 to v6, or lab.
        fields: The fields of the hero.
        wrapper: The other fields of a lab file.
    """

    vintage: str
    fields: Fields
    wrapper: Fields | None = None


def recognise(content: Any, ledger: Ledger) -> Hero:
    """Return the hero of a file.

    Raises:
        BadSave: There is none in it.
    """
    if type(content) is not Pairs:
        what = "an array" if type(content) is list else "a single value"
        raise BadSave(f"no save: the file holds {what}, and a save is an object")
    if _is_hero(content):
        return Hero(_vintage(content), Fields(content, "", ledger))
    wrapper = Fields(content, "", ledger)
    for key in _WRAPPERS:
        if key not in wrapper:
            continue
        held, path = wrapper.look(key), wrapper.at(key)
        hero = parse_text(held) if type(held) is str and held.lstrip()[:1] == "{" else held
        if type(hero) is Pairs and _is_hero(hero):
            wrapper.take(key)
            return Hero("lab", Fields(hero, path, ledger), wrapper)
    raise BadSave("no save: it has too few of the fields of a hero, such as name, level, xp and inventory")


def _is_hero(content: Pairs) -> bool:
    return len({key.lower() for key, _ in content} & _HERO_KEYS) >= _KEYS_LEAST


def _vintage(content: Pairs) -> str:
    keys = [key for key, _ in content]
    folded = {key.lower() for key in keys}
    for vintage, mark in _MARKS:
        if mark in folded:
            return vintage
    if sum(key[:1].isupper() for key in keys) * 2 > len(keys):
        return "v1"
    return "v3" if any(key.lower() == "$itemtype" for item in _items(content) for key, _ in item) else "v2"


def _items(content: Pairs) -> Iterator[Pairs]:
    """Yield the items that are objects."""
    for _, value in content:
        if type(value) is Pairs:
            yield value
        elif type(value) is list:
            yield from (each for each in value if type(each) is Pairs)
