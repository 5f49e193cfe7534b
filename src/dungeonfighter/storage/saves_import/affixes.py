"""Maps what raises a stat in the original (suffixes, modifications, base stats) to affixes of the catalogue.

An affix of the catalogue has its value from the level and the rarity of its item. So a stat is kept, and its
amount becomes that of the closest affix.

Source: docs/import.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import AFFIX_STATS
from dungeonfighter.rules.character import loot
from dungeonfighter.storage.saves_import import vocabulary
from dungeonfighter.storage.saves_import.fields import Field, Fields, clamped, elements, number_of, text_of
from dungeonfighter.storage.saves_import.hostile_json import Pairs
from dungeonfighter.storage.saves_import.ledger import Ledger, is_empty
from dungeonfighter.storage.saves_import.vocabulary import letters

PREFIXES_MAX: Final = max(loot.PREFIXES)
SUFFIXES_MAX: Final = max(loot.SUFFIXES)
ACTIONS_MAX: Final = max(loot.GRANTED)
_QUALITY_MIN: Final = 0.1
_QUALITY_MAX: Final = 10.0
_PERCENT_MAX: Final = 1000
_DESCRIPTION_CHARS_MAX: Final = 200
_SPOKEN_NUMBER: Final = re.compile(r"\d{1,6}")


class Affixes:
    """The affixes and actions of one item.

    Args:
        cat: The catalogue of the present rules.
        ledger: Gets the entries.
        rarity, level: Those of the item.
        kind: The weapon kind of the item, -1 for a piece of armour.
    """

    def __init__(self, cat: Catalogue, ledger: Ledger, rarity: int, level: int, kind: int) -> None:
        self._cat = cat
        self._ledger = ledger
        self._rarity = rarity
        self._level = level
        self._is_weapon = kind >= 0
        self._grantable = cat.gear_actions[kind] if kind >= 0 else cat.any_actions
        self.numbers: list[int] = []
        self.actions: list[int] = []

    def read(self, fields: Fields, *, is_weapon: bool) -> float:
        """Take all fields of an item that raise stats or grant actions; return the factor of its value."""
        for each in elements(fields.take("statBonuses"), self._ledger, "affixes"):
            self._suffix(each)
        quality = 1.0
        for each in elements(fields.take("modifications"), self._ledger, "modifications"):
            quality *= self._modification(each)
        for key in vocabulary.ITEM_STATS if is_weapon else (*vocabulary.ITEM_STATS, "bonusDamage"):
            field = fields.take(key)
            if field is not None:
                self._raise(field, letters(key), field.value, is_suffix=False)
        for each in elements(fields.take("actionBonuses"), self._ledger, "actions"):
            self._granted(each)
        gear_action = fields.take("gearAction")
        if gear_action is not None:
            self._grant(gear_action, text_of(gear_action.value))
        return min(max(quality, _QUALITY_MIN), _QUALITY_MAX)

    def _suffix(self, field: Field) -> None:
        opened = self._opened(field)
        if opened is None:
            return
        mechanics = opened.look("mechanics")
        if type(mechanics) is list and len(mechanics) > 1:
            self._ledger.keep(field.path, opened.look("name"), "by its mechanics")
            for each in elements(opened.take("mechanics"), self._ledger, "mechanics"):
                part = self._opened(each)
                if part is not None:
                    self._raise(
                        each, letters(text_of(part.look("statType"))), part.look("value"), is_suffix=True
                    )
                    part.drop_rest({}, covered=vocabulary.PART_KEYS)
        else:
            self._raise(
                field, letters(text_of(opened.look("statType"))), opened.look("value"), is_suffix=True
            )
        opened.drop_rest({}, covered=vocabulary.PART_KEYS)

    def _modification(self, field: Field) -> float:
        """Map one modification; return its factor of the item's damage or armour."""
        opened = self._opened(field)
        if opened is None:
            return 1.0
        effect = letters(text_of(opened.look("effect")))
        amount = _rolled(opened)
        factor = 1.0
        if effect == vocabulary.QUALITY or (effect == vocabulary.DAMAGE_FACTOR and self._is_weapon):
            factor = amount or 1.0
            self._ledger.keep(field.path, field.value, f"x{factor:g} in the damage or armour of the item")
        elif effect in vocabulary.MULTIPLIERS:
            percent = clamped((amount or 1.0) * 100 + 0.5, 0, _PERCENT_MAX)
            self._raise(field, "speed", (percent - 100) * 10, is_suffix=False)
        else:
            self._raise(field, effect, amount or _spoken(opened) or amount, is_suffix=False)
        opened.drop_rest({}, covered=vocabulary.PART_KEYS)
        return factor

    def _granted(self, field: Field) -> None:
        opened = self._opened(field)
        if opened is not None:
            self._grant(field, text_of(opened.look("name")))
            opened.drop_rest({}, covered=vocabulary.PART_KEYS)

    def _opened(self, field: Field) -> Fields | None:
        """Return the fields of an affix; None, with an entry, for anything else and for an empty one."""
        if type(field.value) is not Pairs:
            self._ledger.drop(field.path, field.value, "it is no object")
            return None
        if all(is_empty(value) or key.lower() == "weight" for key, value in field.value):
            self._ledger.empty.append(field.path)
            return None
        return Fields(field.value, field.path, self._ledger)

    def _raise(self, field: Field, stat_name: str, amount: Any, *, is_suffix: bool) -> None:
        """Choose the affix for a stat, or one for each of the four, and record the entry."""
        number = number_of(amount)
        stat = vocabulary.STATS.get(stat_name)
        stats = vocabulary.ALL_STATS if stat_name in vocabulary.ALL_WORDS else () if stat is None else (stat,)
        if is_empty(field.value):
            self._ledger.empty.append(field.path)
        elif not stats:
            self._ledger.drop(field.path, field.value, "no affix of the catalogue does the same")
        elif number is None:
            self._ledger.drop(field.path, field.value, "it has no number")
        elif number <= 0:
            why = "its amount is 0" if number == 0 else "no affix of the catalogue lowers a stat"
            self._ledger.drop(field.path, field.value, why)
        else:
            for each in stats:
                self._choose(field, each, number, is_suffix=is_suffix)

    def _choose(self, field: Field, stat: int, number: float, *, is_suffix: bool) -> None:
        cat, ledger = self._cat, self._ledger
        open_kinds = (self._open(cat.prefixes, PREFIXES_MAX), self._open(cat.suffixes, SUFFIXES_MAX))
        preferred, other = open_kinds[is_suffix], open_kinds[not is_suffix]
        what = AFFIX_STATS[stat]
        affix = self._nearest(preferred, stat, number)
        if affix is None:
            affix = self._nearest(other, stat, number)
        if affix is None:
            is_full = not preferred and not other
            why = (
                "the item has all affixes that one can have" if is_full else f"no further affix raises {what}"
            )
            ledger.drop(field.path, field.value, why)
            return
        self.numbers.append(affix)
        worth = loot.affix_value(cat, affix, self._level, self._rarity)
        now = f"{cat.affixes[affix].name}: {what} {worth}"
        if worth == number:
            ledger.keep(field.path, field.value, now)
        else:
            why = f"the file says {number:g}; an affix has its amount from level and rarity"
            ledger.repair(field.path, field.value, now, why)

    def _open(self, kind: Sequence[int], most: int) -> list[int]:
        """Return the affixes of a kind that the item may still get."""
        used = sum(number in kind for number in self.numbers)
        return [number for number in kind if number not in self.numbers] if used < most else []

    def _nearest(self, numbers: Sequence[int], stat: int, wanted: float) -> int | None:
        cat, level, rarity = self._cat, self._level, self._rarity
        fitting = [number for number in numbers if cat.affix_stat[number] == stat]
        return min(
            fitting, key=lambda each: abs(loot.affix_value(cat, each, level, rarity) - wanted), default=None
        )

    def _grant(self, field: Field, name: str) -> None:
        """Add the action of a name, if items may grant it."""
        cat, ledger = self._cat, self._ledger
        if not name.strip():
            ledger.drop(field.path, field.value, "it has no name")
            return
        called = letters(name)
        action = next((n for n, row in enumerate(cat.actions) if letters(row.name) == called), None)
        if action is None:
            ledger.drop(field.path, field.value, "the catalogue has no action of this name")
        elif action not in self._grantable:
            ledger.drop(field.path, field.value, "no item grants this action; a class teaches it")
        elif action in self.actions:
            ledger.drop(field.path, field.value, "the item grants it already")
        elif len(self.actions) >= ACTIONS_MAX:
            ledger.drop(field.path, field.value, f"an item grants at most {ACTIONS_MAX} actions")
        else:
            self.actions.append(action)
            ledger.keep(field.path, field.value, cat.actions[action].name)


def _rolled(opened: Fields) -> float | None:
    """Return the rolled value of a modification; v1 has only its bounds, whose middle stands for it."""
    rolled = number_of(opened.look("rolledValue"))
    if rolled:
        return rolled
    low, high = number_of(opened.look("minValue")), number_of(opened.look("maxValue"))
    if low is None or high is None or not -math.inf < low <= high < math.inf:
        return rolled
    return (low + high) / 2


def _spoken(opened: Fields) -> float | None:
    """Return the first number of a description: some saves say `+1-2 STR` there, and 0 everywhere else."""
    found = _SPOKEN_NUMBER.search(text_of(opened.look("description"))[:_DESCRIPTION_CHARS_MAX])
    return None if found is None else float(found[0])
