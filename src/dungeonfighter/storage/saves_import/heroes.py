"""Maps a whole save to a state of the present rules: a casual run at the hub, or a finished one.

What the file has is kept, repaired or dropped, each with an entry of the ledger. What the file lacks is as in
a new run. Levels below the hero's count as cleared, without points: the score of the run counts only what is
done here.

Source: docs/import.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from dungeonfighter import hero_names, limits
from dungeonfighter.rules import GameOptions, Rules, State, tables
from dungeonfighter.rules.character import loot, prices, progress
from dungeonfighter.rules.character.hero import learn
from dungeonfighter.rules.journey import dungeon, hub
from dungeonfighter.rules.lists import changed
from dungeonfighter.rules.state import Ending, Item, Slot, Weapon
from dungeonfighter.rules.tables import LEVEL_MAX, STAT_MAX
from dungeonfighter.storage.saves_import import vocabulary
from dungeonfighter.storage.saves_import.fields import Field, elements, kept_as, number_of, text_of, whole
from dungeonfighter.storage.saves_import.hostile_json import Document
from dungeonfighter.storage.saves_import.items import Found, ItemReader
from dungeonfighter.storage.saves_import.ledger import Ledger
from dungeonfighter.storage.saves_import.vintages import Hero, recognise
from dungeonfighter.storage.saves_import.vocabulary import CONSUMABLE, letters

DEFAULT_NAME: Final = "Hero"
_STATS: Final = ("strength", "agility", "technique", "intelligence")
_POINTS: Final = ("barbarianPoints", "warriorPoints", "roguePoints", "wizardPoints")
_POINTS_MAX: Final = 1000
_NAME_CHARS_MAX: Final = 1000
"""The beginning of a name in which a legal one is looked for."""
_GOLD_MAX: Final = 1_000_000_000
_AS_NEW: Final = "the file has none; as in a new run"
_RULED: Final = "the present rules compute it from level and gear"


class MappedHero(Struct, frozen=True):
    """A hero of the original as a run of the present rules."""

    state: State
    ledger: Ledger
    vintage: str
    name: str
    """The name in the file, as it stands there."""
    is_dead: bool


def map_hero(rules: Rules, document: Document, seed: int, *, is_tombstone: bool = False) -> MappedHero:
    """Return the run of a save.

    Args:
        rules: The rules of new runs.
        document: The content of the file.
        seed: The seed of the run.
        is_tombstone: The name of the file says that the hero is dead.

    Raises:
        BadSave: The file holds no save.
    """
    ledger = Ledger()
    for repair in document.repairs:
        ledger.repair("$", None, None, repair)
    found = recognise(document.content, ledger)
    mapping = _Mapping(rules, ledger, found)
    spoken = mapping.name()
    mapping.make(seed)
    is_dead = mapping.finish(is_tombstone=is_tombstone)
    return MappedHero(mapping.state, ledger, found.vintage, spoken, is_dead)


class _Mapping:
    """The steps of the mapping of one save, in the order in which they need each other."""

    def __init__(self, rules: Rules, ledger: Ledger, found: Hero) -> None:
        self.rules = rules
        self.cat = rules.catalogue
        self.ledger = ledger
        self.found = found
        self.fields = found.fields
        self.hero_name = DEFAULT_NAME
        self.state: State

    def name(self) -> str:
        """Take the name; return it as the file has it."""
        path, field = self.fields.at("name"), self.fields.take("name")
        if field is None and self.found.wrapper is not None and "displayName" in self.found.wrapper:
            field = self.found.wrapper.take("displayName")
        given = text_of(field.value) if field is not None else ""
        self.hero_name = legal_name(given)
        if field is None:
            self.ledger.add(path, self.hero_name, _AS_NEW)
        elif field.value == self.hero_name:
            self.ledger.keep(field.path, field.value)
        else:
            self.ledger.repair(field.path, field.value, self.hero_name, f"a name has {hero_names.RULE}")
        return given

    def make(self, seed: int) -> None:
        """Make the state of a new run and give it all that the file has, at the hub."""
        options = GameOptions(seed=seed, name=self.hero_name)
        state = self.state = self.rules.new_game(options)
        hero = state.hero
        hero.level = whole(
            self.fields,
            self.ledger,
            "level",
            1,
            LEVEL_MAX,
            1,
            lack=_AS_NEW,
            over=f"levels are 1 to {LEVEL_MAX}",
        )
        needed = tables.xp_next(hero.level)
        hero.xp = whole(
            self.fields, self.ledger, "xp", 0, min(needed, _GOLD_MAX) - 1, 0, lack=_AS_NEW,
            over=f"level {hero.level} takes {needed} in these rules",
        )  # fmt: skip
        hero.stats = [
            whole(
                self.fields,
                self.ledger,
                stat,
                1,
                STAT_MAX,
                3,
                lack=_AS_NEW,
                over=f"stats are 1 to {STAT_MAX}",
            )
            for stat in _STATS
        ]
        hero.class_points = [
            whole(
                self.fields, self.ledger, points, 0, _POINTS_MAX, 0, lack=_AS_NEW, over=f"0 to {_POINTS_MAX}"
            )
            for points in _POINTS
        ]
        hero.gold = whole(
            self.fields, self.ledger, "gold", 0, _GOLD_MAX, hero.gold, lack=_AS_NEW, over=f"0 to {_GOLD_MAX}"
        )
        self.ledger.add("consumables", self._goods(), _AS_NEW)
        self._items()
        self._world()

    def _goods(self) -> str:
        """Return the words of the consumables that every hero begins with, for example "2 Potion, 1 Bomb"."""
        rows = zip(self.state.hero.consumables, self.cat.consumables, strict=True)
        return ", ".join(f"{count} {row.name}" for count, row in rows if count)

    def finish(self, *, is_tombstone: bool) -> bool:
        """Bring the run to the hub or to its end, and record what is left; return True for a dead hero."""
        is_dead = self._is_dead(is_tombstone=is_tombstone)
        state = self.state
        if is_dead and state.hero.kind < 0:
            state.hero.kind = _favourite(state.hero.stats)
        if state.hero.kind >= 0:
            learn(self.cat, state.hero)
            state.hero.health = state.hero.figures.health_max
            hub.arrive(self.cat, state)
        self._strip()
        self._health(is_dead=is_dead)
        self.fields.drop_rest(vocabulary.HERO_DROPS)
        if self.found.wrapper is not None:
            self.found.wrapper.drop_rest(vocabulary.LAB_DROPS)
        if is_dead:
            dungeon.die(state)
            dungeon.end(state, Ending.died)
        return is_dead

    def _items(self) -> None:
        """Take the worn items and the bag; what the bag does not hold becomes gold, as in the rules."""
        hero = self.state.hero
        points = hero.class_points
        reader = ItemReader(
            self.cat, self.ledger, hero.level, _favourite(points if any(points) else hero.stats)
        )
        worn: list[Item | None] = [None] * len(Slot)
        spare: list[tuple[Found, str]] = []
        for key, slot in vocabulary.WORN.items():
            field = self.fields.take(key)
            if field is None:
                continue
            found = reader.read(field, slot)
            if found is None:
                continue
            if found.slot == slot and worn[slot] is None:
                worn[slot] = found.item
            else:
                spare.append((found, f"it cannot be worn at {Slot(slot).name}"))
        for key in ("inventory", "bag", "items"):
            for each in elements(self.fields.take(key), self.ledger, "items"):
                found = reader.read(each)
                if found is not None:
                    spare.append((found, ""))
        for found, why in spare:
            self._stow(found, why)
        hero.worn = worn
        self._arm(has_spare_weapon=any(found.slot == Slot.weapon for found, _ in spare))

    def _stow(self, found: Found, why: str) -> None:
        """Put an item into the bag, or a consumable to the others."""
        hero = self.state.hero
        if found.slot == CONSUMABLE:
            name = self.cat.consumables[found.good].name
            if hero.consumables[found.good] >= progress.carried_max(self.cat, hero, found.good):
                self.ledger.drop(found.path, name, f"the hero carries no more of {name}")
            else:
                hero.consumables = changed(hero.consumables, found.good, 1)
                self.ledger.keep(found.path, name, f"one of {name}")
            return
        assert found.item is not None
        name = self.cat.items[found.item.base].name
        if len(hero.bag) < limits.bag_items_max:
            hero.bag = [*hero.bag, found.item]
            if why:
                self.ledger.repair(found.path, name, "in the bag", why)
            return
        gold = prices.scrap(found.item)
        hero.gold = min(hero.gold + gold, _GOLD_MAX)
        what = f"the bag holds {limits.bag_items_max} items; a full bag turns further ones into gold"
        self.ledger.repair(found.path, name, f"{gold} gold", what)

    def _arm(self, *, has_spare_weapon: bool) -> None:
        """Settle the class, which is that of the weapon in hand, and arm a hero without a weapon."""
        hero = self.state.hero
        weapon = hero.worn[Slot.weapon]
        path = self.fields.at("weapon")
        if weapon is not None:
            hero.kind = self.cat.item_weapon[weapon.base]
        elif any(hero.class_points):
            hero.kind = _favourite(hero.class_points)
            hero.worn = [loot.starting_weapon(self.cat, hero.kind), *hero.worn[1:]]
            self.ledger.add(path, Weapon(hero.kind).name, "the file has none; the first one of the class")
        else:
            more = "; the bag has one" if has_spare_weapon else ""
            self.ledger.add(path, "chosen at the first input", f"neither weapon nor class points{more}")

    def _world(self) -> None:
        state, ledger = self.state, self.ledger
        regions = self.cat.regions
        world = state.world
        world.frontier = min(state.hero.level, regions[-1].last_level + 1)
        ledger.add(
            "cleared levels", f"below {world.frontier}", "a hero of this level was there; they give no points"
        )
        field = self.fields.take("currentRegionId")
        if field is None:
            return
        now = regions[0].id
        if field.value == now:
            ledger.keep(field.path, field.value)
        elif any(field.value == region.id for region in regions):
            why = "a region opens when the boss of the one before is beaten, and no file knows bosses"
            ledger.repair(field.path, field.value, now, why)
        else:
            ledger.repair(field.path, field.value, now, "no region is called so")

    def _strip(self) -> None:
        """Take the strip of a lab file, as far as the hero knows its actions."""
        hero = self.state.hero
        wrapper = self.found.wrapper
        taken = wrapper.take("comboStripActionNames") if wrapper is not None else None
        if taken is None:
            return
        strip: list[int] = []
        losses: list[tuple[Field, str]] = []
        for each in elements(taken, self.ledger, "actions"):
            called = letters(text_of(each.value))
            action = next(
                (n for n in hero.figures.known if called and letters(self.cat.actions[n].name) == called),
                None,
            )
            if action is None or action in strip:
                losses.append(
                    (each, "the hero knows no such action" if action is None else "it is there twice")
                )
            elif len(strip) >= hero.figures.slots:
                losses.append((each, f"the strip has {hero.figures.slots} slots"))
            else:
                strip.append(action)
                self.ledger.keep(each.path, each.value, self.cat.actions[action].name)
        for field, why in losses:
            self.ledger.drop(field.path, field.value, why)
        if strip:
            hero.strip = strip
            learn(self.cat, hero)

    def _health(self, *, is_dead: bool) -> None:
        """Keep the share of the health that the hero had; the rules compute the maximum."""
        hero, ledger = self.state.hero, self.ledger
        highest, current = self.fields.take("maxHealth"), self.fields.take("currentHealth")
        most = number_of(highest.value) if highest is not None else None
        now_most = hero.figures.health_max
        if highest is not None:
            if most == now_most:
                ledger.keep(highest.path, highest.value, kept_as(highest.value, now_most))
            else:
                ledger.repair(highest.path, highest.value, now_most, _RULED)
        if current is None:
            return
        had = number_of(current.value)
        now = 0 if is_dead else _share(had, most, now_most)
        if not is_dead:
            hero.health = now
        if current.value == now:
            ledger.keep(current.path, current.value)
        else:
            why = "it is no number" if had is None else "the same share of the present maximum"
            ledger.repair(current.path, current.value, now, why)

    def _is_dead(self, *, is_tombstone: bool) -> bool:
        """Return True if the hero is dead by its flag, by the name of the file, or without health."""
        field = self.fields.take("isDead")
        health = number_of(self.fields.look("currentHealth"))
        flag = None if field is None else _flag(field.value)
        is_dead = flag is True or is_tombstone or (flag is not False and health is not None and health <= 0)
        if field is None:
            if is_dead:
                why = "the name of the file says it" if is_tombstone else "the hero has no health"
                self.ledger.add(self.fields.at("isDead"), True, why)
        elif flag is is_dead:
            self.ledger.keep(field.path, field.value, kept_as(field.value, is_dead))
        else:
            why = "the name of the file says it" if is_tombstone else "it is no flag; the health says it"
            self.ledger.repair(field.path, field.value, is_dead, why)
        return is_dead


def legal_name(given: str) -> str:
    """Return the nearest name that a hero may have; `DEFAULT_NAME` if no character of it is allowed."""
    if not hero_names.fault_in(given):
        return given
    shown = "".join(" " if char.isspace() else char for char in given[:_NAME_CHARS_MAX])
    allowed = "".join(char for char in shown if not hero_names.is_refused(ord(char)))
    name = " ".join(allowed.split())[: limits.hero_name_chars_max].strip()
    return name if not hero_names.fault_in(name) else DEFAULT_NAME


def _favourite(amounts: Sequence[int]) -> int:
    """Return the weapon kind with the highest of four amounts, the first of equal ones."""
    return amounts.index(max(amounts))


def _flag(value: Any) -> bool | None:
    """Return a value as a flag; None if it is none."""
    if type(value) is bool:
        return value
    spoken = str(value).strip().lower() if type(value) in {str, int} else ""
    return {"true": True, "1": True, "false": False, "0": False}.get(spoken)


def _share(had: float | None, most: float | None, now_most: int) -> int:
    """Return the health of a living hero: the same share of the maximum, at least 1."""
    if had is None or most is None or not 0 < most < float("inf") or had >= most:
        return now_most
    return max(1, int(now_most * max(had, 0.0) / most))
