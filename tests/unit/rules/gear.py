"""Gear for tests: a hero who wears an item with the wanted affixes, or a unique item."""

from __future__ import annotations

from dungeonfighter.rules import State
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.lists import replaced
from dungeonfighter.rules.state import Item, Slot, Weapon
from tests.unit.rules.position import rules


def wear_affixes(state: State, *names: str) -> None:
    """Give the hero a cap without armour that has these affixes, at level 1 and Common."""
    cat = rules().catalogue
    affixes = [next(n for n, row in enumerate(cat.affixes) if row.id == name) for name in names]
    cap = next(n for n, row in enumerate(cat.items) if row.id == "cloth_cap")
    _wear(state, Item(base=cap, level=1, rarity=0, value=0, affixes=affixes))


def wear_unique(state: State, name: str) -> None:
    """Give the hero a unique item; a weapon deals what the plain weapon dealt."""
    cat = rules().catalogue
    base = next(n for n, row in enumerate(cat.items) if row.id == name)
    worn = state.hero.worn[cat.item_slot[base]]
    _wear(state, Item(base=base, level=1, rarity=2, value=worn.value if worn is not None else 0))


def weapon_of(name: str) -> Weapon:
    """Return the weapon kind of a unique item; mace for armour."""
    kind = next(row.weapon for row in rules().catalogue.items if row.id == name)
    return Weapon[kind] if kind else Weapon.mace


def _wear(state: State, item: Item) -> None:
    cat = rules().catalogue
    state.hero.worn = replaced(state.hero.worn, Slot(cat.item_slot[item.base]), item)
    refresh(cat, state.hero)
