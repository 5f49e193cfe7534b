"""Maps an item of a save to an item of the catalogue: slot, kind, tier, level, rarity and value.

The slot comes from `$itemType`, else from `type`, else from the words of the name, else from the place at
which the item is worn. An item without damage or armour, as the first vintages have it, gets the middle of
what such an item rolls.

Source: docs/import.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from dungeonfighter.rules.catalog.catalogue import RARITY_BONUS, TIERS, Catalogue
from dungeonfighter.rules.character import loot
from dungeonfighter.rules.character.loot import ARMOUR_PER_LEVEL, RARITIES, TIER_TOPS
from dungeonfighter.rules.state import Item, Slot, Weapon
from dungeonfighter.rules.tables import LEVEL_MAX
from dungeonfighter.storage.saves_import import vocabulary
from dungeonfighter.storage.saves_import.affixes import Affixes
from dungeonfighter.storage.saves_import.fields import (
    Field,
    Fields,
    clamped,
    kept_as,
    number_of,
    text_of,
    whole,
)
from dungeonfighter.storage.saves_import.hostile_json import Pairs
from dungeonfighter.storage.saves_import.ledger import Ledger
from dungeonfighter.storage.saves_import.vocabulary import CONSUMABLE, by_word, letters

_WEAPON: Final = int(Slot.weapon)
_NO_ITEM: Final = "it is no item"
_NO_SLOT: Final = "neither its type nor its name says which kind of item it is"
_MOST: Final = "no item of this kind and level rolls so much or so little"
_FIGURE_MAX: Final = 1_000_000_000


class Found(Struct, frozen=True):
    """One item of a save: an item of the present rules for a slot, or a consumable.

    Attributes:
        path: Its place in the file.
        slot: One of `Slot`, or `vocabulary.CONSUMABLE`.
        item: None for a consumable.
        good: The number of a consumable; -1 for an item.
    """

    path: str
    slot: int
    item: Item | None = None
    good: int = -1


class ItemReader:
    """Reads the items of one save.

    Args:
        cat: The catalogue of the present rules.
        ledger: Gets the entries of the items.
        hero_level: The level of items that have none.
        kind: The weapon kind of weapons that have none.
    """

    def __init__(self, cat: Catalogue, ledger: Ledger, hero_level: int, kind: int) -> None:
        self._cat = cat
        self._ledger = ledger
        self._hero_level = hero_level
        self._kind = kind

    def read(self, field: Field, worn_at: int | None = None) -> Found | None:
        """Return the item of a field, or None if it holds none; `worn_at` is the slot that holds it."""
        path, value = field
        if type(value) is not Pairs or not value:
            self._ledger.drop(path, value, _NO_ITEM)
            return None
        fields = Fields(value, path, self._ledger)
        name = text_of(fields.look("name"))
        slot = self._slot(fields, name, worn_at)
        if slot is None:
            self._ledger.drop(path, value, _NO_SLOT)
            return None
        if slot == CONSUMABLE:
            return self._good(fields, name, value)
        return self._item(fields, name, slot)

    def _item(self, fields: Fields, name: str, slot: int) -> Found:
        cat, ledger = self._cat, self._ledger
        rarity = self._rarity(fields, name)
        tier = whole(
            fields, ledger, "tier", 1, TIERS, 1, lack="the file has none", over=f"tiers are 1 to {TIERS}"
        )
        level = self._level(fields, tier)
        kind = self._weapon_kind(fields, name) if slot == _WEAPON else -1
        affixes = Affixes(cat, ledger, rarity, level, kind)
        quality = affixes.read(fields, is_weapon=slot == _WEAPON)
        figures = self._figures(fields, slot)
        pool = cat.weapons[kind][tier - 1] if slot == _WEAPON else cat.armours[slot][tier - 1]
        total = sum(number for _, number in figures) * quality
        base = _closest(cat, pool, name, level, rarity, total if figures else None)
        value = self._value(fields.path, slot, _rolls(cat, base, level, rarity), figures, total)
        item = Item(base, level, rarity, value, affixes.numbers, affixes.actions)
        self._name(fields, loot.name(cat, item))
        fields.drop_rest(vocabulary.ITEM_DROPS)
        return Found(fields.path, slot, item)

    def _slot(self, fields: Fields, name: str, worn_at: int | None) -> int | None:
        """Return the slot, and record the fields that say it."""
        found: int | None = None
        for key in ("$itemType", "$type", "itemType", "type"):
            field = fields.take(key)
            if field is None:
                continue
            slot = _typed(field.value)
            if slot is None:
                self._ledger.drop(field.path, field.value, "no kind of item is called so")
            elif found is None or slot == found:
                found = slot
                self._ledger.keep(field.path, field.value, _slot_name(slot))
            else:
                self._ledger.drop(field.path, field.value, f"another field says {_slot_name(found)}")
        if found is None and not is_blank(fields.look("roomSearchConsumableKind")):
            found = CONSUMABLE
        return found if found is not None else worn_at if worn_at is not None else _named(name)

    def _rarity(self, fields: Fields, name: str) -> int:
        """Return the rarity; in early vintages the first word of the name says more than the field."""
        path = fields.at("rarity")
        field = fields.take("rarity")
        first = (vocabulary.words(name) or [""])[0]
        in_name = vocabulary.RARITIES.get(first, 0)
        value = None if field is None else field.value
        word = dict(value).get("name", dict(value).get("Name")) if type(value) is Pairs else value
        number = number_of(word)
        if number is not None:
            rarity: int | None = clamped(number, 0, len(RARITIES) - 1) if 0 <= number < 10 else None
        else:
            rarity = vocabulary.RARITIES.get(letters(text_of(word)))
        now = max(rarity or 0, in_name)
        if field is None:
            self._ledger.add(path, RARITIES[now], "the name says it" if in_name else "the file has none")
        elif in_name > (rarity or 0):
            self._ledger.repair(path, value, RARITIES[now], "the name says it")
        elif rarity is None:
            self._ledger.repair(path, value, RARITIES[now], "no rarity is called so")
        elif letters(text_of(word)) == RARITIES[now].lower():
            self._ledger.keep(path, value, kept_as(value, RARITIES[now]))
        else:
            self._ledger.repair(path, value, RARITIES[now], "the rules have six rarities")
        return now

    def _level(self, fields: Fields, tier: int) -> int:
        low = 1 if tier == 1 else TIER_TOPS[tier - 2] + 1
        high = TIER_TOPS[tier - 1] if tier <= len(TIER_TOPS) else LEVEL_MAX
        default = min(max(self._hero_level, low), high)
        return whole(
            fields, self._ledger, "level", 1, LEVEL_MAX, default,
            lack="the file has none; the hero's level, within those of the tier",
            over=f"levels are 1 to {LEVEL_MAX}",
        )  # fmt: skip

    def _weapon_kind(self, fields: Fields, name: str) -> int:
        path = fields.at("weaponType")
        field = fields.take("weaponType")
        if field is not None:
            kind = _kind_of(field.value)
            if kind is not None:
                self._ledger.keep(path, field.value, Weapon(kind).name)
                return kind
        kind = by_word(name, vocabulary.KIND_BY_WORD)
        why = "the name says it"
        if kind is None:
            kind, why = self._kind, "neither a field nor the name says it; the hero's class does"
        if field is None:
            self._ledger.add(path, Weapon(kind).name, f"the file has no weaponType; {why}")
        else:
            self._ledger.repair(
                path, field.value, Weapon(kind).name, f"no weapon kind has this number; {why}"
            )
        return kind

    def _figures(self, fields: Fields, slot: int) -> list[tuple[Field, float]]:
        """Take the fields that make up the damage or the armour."""
        keys = ("baseDamage", "rolledDamageBonus", "bonusDamage") if slot == _WEAPON else ("armor", "armour")
        taken = [(key, fields.take(key)) for key in keys]
        figures: list[tuple[Field, float]] = []
        for _, field in taken:
            if field is None:
                continue
            number = number_of(field.value)
            if number is None:
                self._ledger.drop(field.path, field.value, "it is no number")
            elif slot == _WEAPON and taken[0][1] is None:
                self._ledger.drop(field.path, field.value, "a bonus to a damage that the file does not have")
            else:
                figures.append((field, float(clamped(number, -_FIGURE_MAX, _FIGURE_MAX))))
        return figures

    def _value(
        self,
        path: str,
        slot: int,
        bounds: tuple[int, int],
        figures: Sequence[tuple[Field, float]],
        total: float,
    ) -> int:
        what = "damage" if slot == _WEAPON else "armour"
        low, high = bounds
        if not figures:
            middle = (low + high) // 2
            self._ledger.add(
                f"{path}.{what}", middle, "the file has none; the middle of what such an item rolls"
            )
            return middle
        wanted = clamped(total, -_FIGURE_MAX, _FIGURE_MAX)
        value = min(max(wanted, low), high)
        for field, _ in figures:
            if value == wanted and len(figures) == 1 and field.value == value:
                self._ledger.keep(field.path, field.value)
            elif value == wanted:
                self._ledger.keep(field.path, field.value, f"a part of {what} {value}")
            else:
                why = f"{_MOST}: {what} {low} to {high}, and the file makes {wanted}"
                self._ledger.repair(field.path, field.value, f"a part of {what} {value}", why)
        return value

    def _name(self, fields: Fields, now: str) -> None:
        path = fields.at("name")
        field = fields.take("name")
        if field is None:
            self._ledger.add(path, now, "the file has none")
        elif field.value == now:
            self._ledger.keep(path, now)
        else:
            self._ledger.repair(path, field.value, now, "an item has the name of the catalogue")

    def _good(self, fields: Fields, name: str, value: Pairs) -> Found | None:
        """Return the consumable of an item of that type; the entry of the whole covers its fields."""
        kind = text_of(fields.look("roomSearchConsumableKind"))
        heals = number_of(fields.look("consumableHealAmount"))
        good = _good_of(self._cat, f"{name} {kind}", heals=bool(heals and heals > 0))
        if good is None:
            self._ledger.drop(fields.path, value, "no consumable of the catalogue does the same")
            return None
        return Found(fields.path, CONSUMABLE, good=good)


def is_blank(value: Any) -> bool:
    """Return True for a value that names nothing: absent, null, empty or none."""
    return value is None or (type(value) is str and value.strip().lower() in {"", "none"}) or value == 0


def _typed(value: Any) -> int | None:
    number = number_of(value)
    if number is not None:
        numbers = vocabulary.TYPE_NUMBERS
        return numbers[int(number)] if 0 <= number < len(numbers) and number == int(number) else None
    text = letters(text_of(value))
    return next((slot for word, slot in vocabulary.TYPE_WORDS.items() if word in text), None)


def _named(name: str) -> int | None:
    return by_word(name, vocabulary.SLOT_BY_WORD)


def _kind_of(value: Any) -> int | None:
    number = number_of(value)
    if number is not None:
        numbers = vocabulary.WEAPON_NUMBERS
        return numbers[int(number)] if 0 <= number < len(numbers) and number == int(number) else None
    return by_word(text_of(value), vocabulary.KIND_BY_WORD)


def _slot_name(slot: int) -> str:
    return "consumable" if slot == CONSUMABLE else Slot(slot).name


def _rolls(cat: Catalogue, base: int, level: int, rarity: int) -> tuple[int, int]:
    """Return the least and the greatest value that such an item rolls (`loot.roll_item`)."""
    row = cat.items[base]
    grown = level - 1 if cat.item_slot[base] == _WEAPON else level * ARMOUR_PER_LEVEL // 1000
    low, high = ((rolled + grown) * (1000 + RARITY_BONUS * rarity) // 1000 for rolled in (row.low, row.high))
    return low, high


def _closest(
    cat: Catalogue, pool: Sequence[int], name: str, level: int, rarity: int, total: float | None
) -> int:
    """Return the base item that shares the most words with a name, and then has the closest value."""
    spoken = set(vocabulary.words(name))

    def distance(base: int) -> tuple[int, float]:
        low, high = _rolls(cat, base, level, rarity)
        shared = len(spoken & set(vocabulary.words(cat.items[base].name)))
        return -shared, 0.0 if total is None else max(low - total, total - high, 0.0)

    return min(pool, key=distance)


def _good_of(cat: Catalogue, text: str, *, heals: bool) -> int | None:
    """Return the consumable whose effect the words of a name or kind mean."""
    spoken = vocabulary.words(text)
    numbers = {good.id: number for number, good in enumerate(cat.consumables)}
    for word in spoken:
        if word in vocabulary.FOOD_WORDS:
            return cat.consumable_at.get(7)
        if word in vocabulary.GOODS:
            return numbers.get(vocabulary.GOODS[word])
    return cat.consumable_at.get(5 if "potion" in spoken else 7) if heals else None
