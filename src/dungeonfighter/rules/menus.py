"""The menus: the legal inputs of a state, and the function that plays each of them.

A menu depends on a few facts: the phase, the usable consumables, the affordable wares, the worn items, the
open trades. These facts are the key of the menu, so all states with equal facts share one. Building a menu is
rare; a turn looks it up.

Source: docs/rules.md, "Inputs".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.rules import plays, tables
from dungeonfighter.rules.catalog.catalogue import OPTIONS_MAX
from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.character import inventory
from dungeonfighter.rules.inputs import item_input
from dungeonfighter.rules.journey import choices, hub, road, rooms, world
from dungeonfighter.rules.state import Phase, Rank, RoomKind, RoomPhase, Slot, State
from dungeonfighter.rules.views import labels
from dungeonfighter.rules.views.observation import Choice

_DUNGEON_SELECTION = int(Phase.DungeonSelection)
_REGION_TRAVEL = int(Phase.RegionTravel)
_LEVEL_UP = int(Phase.LevelUp)

Play = Callable[[Catalogue, State, int], None]
Entry = tuple[str, str, Play, int]
"""One input of a menu: its text, its label, the function that plays it, and the argument of that function."""
Key = tuple[int | str | Sequence[int], ...]

# The module holds plain numbers, because a turn makes the key twice.
_COMBAT, _DUNGEON, _GAME_LOOP, _INVENTORY = (
    int(phase) for phase in (Phase.Combat, Phase.Dungeon, Phase.GameLoop, Phase.Inventory)
)
_BOSS = int(Rank.boss)
_RATION: Final = 7
"""The consumable of a rest, which a fight has no time for; its number is that of no input."""
_ON_THE_ROAD: Final = -1
"""The first fact of the menu of an event on the road, where that of the regions has a region."""
_WARES_OF_A_SLOT: Final = 32 << 2
"""The bit of `hub.wares_open` for it, at its place in the key of the hub."""
_DOORS, _OFFER = int(RoomPhase.doors), int(RoomPhase.offer)

_FIGHT: Final[tuple[Entry, ...]] = (
    ("1", "attack", plays.strike, 1),
    ("2", "precise: roll +3, damage x0.75", plays.strike, 2),
    ("3", "power: roll -3, damage x1.75, exposed", plays.strike, 3),
    ("4", "guard: act right after it; heavy x0.4, all else x0.6", plays.guard, 0),
)
_AUTO: Final[Entry] = (
    "9",
    "auto: attack until it ends or health < 30 %; each attack is a turn",
    plays.auto,
    0,
)
_HUB: Final[tuple[Entry, ...]] = (
    ("1", "dungeons", plays.to_phase, _DUNGEON_SELECTION),
    ("2", "inventory", plays.to_inventory, 0),
)
_DRINK: Final[tuple[Entry, ...]] = (("5", "drink a potion", plays.drink, 5),)
_WAYS_OUT: Final[tuple[Entry, ...]] = (
    ("4", "inventory", plays.to_inventory, 0),
    ("9", "leave the dungeon", plays.leave, 0),
)
_DONE: Final[Entry] = ("1", "done", plays.back, 0)
_BACK: Final[Entry] = ("0", "back", plays.back, 0)
"""The same as `_DONE`: accepted, because `0` goes back elsewhere, but not listed."""

ALWAYS: Final[tuple[dict[str, tuple[Play, int]], ...]] = tuple(
    {
        text: (play, argument)
        for text, _, play, argument in {
            _COMBAT: (*_FIGHT, _AUTO),
            _GAME_LOOP: _HUB,
            _INVENTORY: (_DONE, _BACK),
        }.get(phase, ())
    }
    for phase in Phase
)
"""By phase, the inputs that are legal in each state of it. Most inputs are among them and need no key."""

EQUIP: Final = {f"equip {number}": number for number in range(1, limits.bag_items_max + 1)}
"""The number of the bag item by input. Where the hero may change gear, these inputs are legal as far as the
bag has items; to look up the menu, too, took an eighth of such a turn (counted)."""

MENUS_MAX = 8192
"""The greatest number of menus that a table keeps; beyond that it evicts all of them."""


class Menu(Struct, frozen=True, gc=False):
    """The legal inputs as shown, the calls that play them by input, and their line for the text view."""

    choices: tuple[Choice, ...]
    table: dict[str, tuple[Play, int]]
    outline: labels.Outline


class Menus:
    """The menus of one catalogue.

    The menus of fights have tables of their own, so that the counts of the consumables are the whole key. A
    turn looks it up twice, and with the counts as a part of the key a look-up takes half as long again.
    """

    def __init__(self, cat: Catalogue) -> None:
        self._cat = cat
        self._menus: dict[Key, Menu] = {}
        self._fights: dict[Key, Menu] = {}
        self._bosses: dict[Key, Menu] = {}
        self._potion, self._bomb, self._ration = (cat.consumable_at[n] for n in (5, 6, 7))
        self._roads = len(cat.regions) > 1
        self._empty = Menu((), {}, labels.Outline((), ""))
        keys = {
            _COMBAT: self._fight_key, _DUNGEON: self._dungeon_key, _GAME_LOOP: self._hub_key,
            _INVENTORY: self._inventory_key, _DUNGEON_SELECTION: self._selection_key,
            _REGION_TRAVEL: self._travel_key, _LEVEL_UP: self._level_key,
        }  # fmt: skip
        self._keys = tuple(keys.get(phase, self._phase_key) for phase in Phase)

    def of(self, state: State) -> Menu:
        """Return the menu of a state; that of an ended run is empty."""
        if state.over:
            return self._empty
        phase = state.phase
        if phase == _COMBAT:
            fight = state.fight
            assert fight is not None
            known = self._bosses if fight.rank == _BOSS else self._fights
            key: Key = tuple(state.hero.consumables)
        else:
            known = self._menus
            key = self._keys[phase](state)
        menu = known.get(key)
        if menu is None:
            facts = self._keys[phase](state)
            menu = _build(self._cat, _ENTRIES[phase](self._cat, facts), phase, facts)
            if len(known) >= MENUS_MAX:
                known.clear()
            known[key] = menu
        return menu

    # Each function returns the facts that decide which inputs are legal in its phase; the phase comes first.
    def _phase_key(self, state: State) -> Key:
        return (state.phase,)

    def _fight_key(self, state: State) -> Key:
        assert state.fight is not None
        return (_COMBAT, tuple(state.hero.consumables), state.fight.rank != _BOSS)

    def _inventory_key(self, state: State) -> Key:
        hero = state.hero
        weapon, head, chest, legs, feet = hero.worn
        return (
            _INVENTORY, len(hero.bag),
            weapon is not None, head is not None, chest is not None, legs is not None, feet is not None,
            inventory.other_strip(hero), inventory.possible_trade(hero),
        )  # fmt: skip

    def _selection_key(self, state: State) -> Key:
        return (_DUNGEON_SELECTION, len(state.world.offers))

    def _travel_key(self, state: State) -> Key:
        number = road.event_of(state)
        if number >= 0:
            mask = choices.options_open(self._cat, state, number, road.level_of(state))
            return (_REGION_TRAVEL, _ON_THE_ROAD, mask)
        return (_REGION_TRAVEL, *world.open_regions(self._cat, state.world))

    def _level_key(self, state: State) -> Key:
        return (_LEVEL_UP, len(state.talent_offer))

    def _dungeon_key(self, state: State) -> Key:
        dungeon = state.dungeon
        assert dungeon is not None
        if dungeon.phase == _DOORS:
            return (_DUNGEON, 0, len(dungeon.doors), self._may_drink(state))
        if dungeon.phase == _OFFER:
            return (_DUNGEON, 1, dungeon.kind, rooms.trades_open(self._cat, state, dungeon))
        hero = state.hero
        goods = hero.consumables
        facts = (
            (not dungeon.searched)
            | (not dungeon.rested and goods[self._ration] > 0) << 1
            | self._may_drink(state) << 2
            | (not dungeon.rested and not dungeon.omen and goods[self._ration] > 0) << 3
        )
        return (_DUNGEON, 2, facts, len(hero.bag))

    def _may_drink(self, state: State) -> bool:
        hero = state.hero
        return hero.health < hero.figures.health_max and hero.consumables[self._potion] > 0

    def _hub_key(self, state: State) -> Key:
        hero = state.hero
        facts = (
            (state.world.bosses > 0 and self._roads)
            | (hero.health < hero.figures.health_max and not state.world.camped) << 1
            | hub.wares_open(self._cat, state) << 2
        )
        return (_GAME_LOOP, facts, len(hero.bag))


def _build(cat: Catalogue, entries: list[Entry], phase: int, key: Key) -> Menu:
    choices = [Choice(text, label) for text, label, _, _ in entries]
    table = {text: (play, argument) for text, _, play, argument in entries}
    if phase == _INVENTORY:
        choices += _patterns(key)
    if phase == _GAME_LOOP:
        choices += _chosen_wares(key)
    if phase == _COMBAT:
        goods = key[1]
        assert not isinstance(goods, int | str)
        return Menu(tuple(choices), table, labels.fight_outline(cat, goods, choices))
    return Menu(tuple(choices), table, labels.outline(phase, choices))


def _patterns(key: Key) -> list[Choice]:
    """Return one example of each kind of input that takes numbers; every example applies."""
    bag, strip, trade = key[1], key[-2], key[-1]
    assert isinstance(strip, str)
    assert isinstance(trade, str)
    listed = []
    if bag:
        listed.append(Choice("drop 1", "drop a bag item for scrap gold", "drop n"))
    if strip:
        pattern = "strip " + ",".join("abcdefgh"[: strip.count(",") + 1])
        listed.append(Choice(strip, "order the strip by the numbers of the actions", pattern))
    if trade:
        listed.append(Choice(trade, "five bag items of one rarity for one better", "trade a,b,c,d,e"))
    return listed


def _chosen_wares(key: Key) -> list[Choice]:
    facts = key[1]
    assert isinstance(facts, int)
    if not facts & _WARES_OF_A_SLOT:
        return []
    return [Choice("wares weapon", "new wares of one slot, for twice the price", "wares slot")]


def _equip(bag: int | str | Sequence[int]) -> list[Entry]:
    assert isinstance(bag, int)
    return [(f"equip {n}", f"wear bag item {n}", plays.equip, n) for n in range(1, bag + 1)]


def _weapon_selection(cat: Catalogue, key: Key) -> list[Entry]:
    words = ("mace: Barbarian, STR", "sword: Warrior, AGI", "dagger: Rogue, TEC", "wand: Wizard, INT")
    return [(str(kind + 1), word, plays.choose_weapon, kind) for kind, word in enumerate(words)]


def _game_loop(cat: Catalogue, key: Key) -> list[Entry]:
    facts = key[1]
    assert isinstance(facts, int)
    entries = list(_HUB)
    more: tuple[Entry, ...] = (
        ("3", labels.TRAVEL, plays.to_phase, _REGION_TRAVEL),
        ("4", f"camp: {tables.CAMP // 10} % health, {1 + tables.CAMP_TURNS} turns", plays.camp, 0),
        ("5", "buy a potion", plays.buy_good, 5),
        ("6", "buy the item on sale", plays.buy_item, 0),
        ("7", "other wares", plays.reroll, 0),
        ("8", "buy a bomb", plays.buy_good, 6),
        ("9", "buy a ration", plays.buy_good, 7),
    )
    entries += [entry for bit, entry in enumerate(more) if facts >> bit & 1]
    return entries + _equip(key[2])


def _dungeon_selection(cat: Catalogue, key: Key) -> list[Entry]:
    count = key[1]
    assert isinstance(count, int)
    entries: list[Entry] = [(str(n + 1), f"enter dungeon {n + 1}", plays.enter, n) for n in range(count)]
    return [*entries, ("0", "back", plays.to_phase, _GAME_LOOP)]


def _dungeon(cat: Catalogue, key: Key) -> list[Entry]:
    if key[1] == _DOORS:
        doors = key[2]
        assert isinstance(doors, int)
        entries: list[Entry] = [(str(n + 1), f"door {n + 1}", plays.take_door, n) for n in range(doors)]
        entries += _DRINK if key[3] else ()
        return [
            *entries,
            ("4", "inventory", plays.to_inventory, 0),
            ("9", "leave the dungeon", plays.leave, 0),
        ]
    if key[1] == _OFFER:
        kind, mask = key[2], key[3]
        assert isinstance(kind, int)
        assert isinstance(mask, int)
        return _answers(_OFFERS[kind], mask, plays.answer)
    return _cleared(key)


def _answers(words: Sequence[str], mask: int, play: Play) -> list[Entry]:
    """Return the entries of an offer or event: 1 is always there, bit n of the mask opens the input n + 2."""
    entries: list[Entry] = [("1", words[0], play, 1)]
    return entries + [(str(n + 2), words[n + 1], play, n + 2) for n in range(len(words) - 1) if mask >> n & 1]


def _cleared(key: Key) -> list[Entry]:
    facts = key[2]
    assert isinstance(facts, int)
    entries: list[Entry] = [("1", "doors", plays.go_on, 0)]
    more: tuple[Entry, ...] = (
        ("2", "search the room", plays.search, 0),
        ("3", f"rest: a ration, {tables.REST // 10} % health", plays.rest, 0),
        *_DRINK,
        ("6", f"prepare: a ration, shield {tables.PREPARED} in the next fight", plays.prepare, 0),
    )
    entries += [entry for bit, entry in enumerate(more) if facts >> bit & 1]
    entries += _WAYS_OUT
    return entries + _equip(key[3])


def _combat(cat: Catalogue, key: Key) -> list[Entry]:
    goods = key[1]
    assert not isinstance(goods, int)
    entries = list(_FIGHT)
    numbered = sorted((text, number) for text, number in cat.consumable_at.items() if text != _RATION)
    entries += [
        (str(text), cat.consumables[number].name.lower(), plays.use, number)
        for text, number in numbered
        if goods[number]
    ]
    entries += [
        (item_input(number), labels.good(cat, number), plays.use, number)
        for number in cat.other_consumables
        if goods[number] and (key[2] or cat.consumables[number].effect != "escape")
    ]
    if key[2]:
        entries.append(("8", "flee", plays.flee, 0))
    return [*entries, _AUTO]


def _inventory(cat: Catalogue, key: Key) -> list[Entry]:
    bag, worn = key[1], key[2:]
    assert isinstance(bag, int)
    entries = [_DONE, *_equip(bag)]
    if bag < limits.bag_items_max:
        entries += [
            (f"unequip {slot.name}", f"take off {slot.name}", plays.unequip, int(slot))
            for slot in Slot
            if worn[slot]
        ]
    return entries


def _region_travel(cat: Catalogue, key: Key) -> list[Entry]:
    if key[1] == _ON_THE_ROAD:
        mask = key[2]
        assert isinstance(mask, int)
        return _answers(("pass by", *_OPTIONS), mask, plays.answer_road)
    entries: list[Entry] = []
    for number, region in enumerate(key[1:], 1):
        assert isinstance(region, int)
        entries.append(
            (
                str(number),
                f"{cat.regions[region].name}: {1 + tables.TRAVEL_TURNS} turns",
                plays.travel,
                region,
            )
        )
    return [*entries, ("0", "back", plays.to_phase, _GAME_LOOP)]


def _level_up(cat: Catalogue, key: Key) -> list[Entry]:
    count = key[1]
    assert isinstance(count, int)
    entries: list[Entry] = [(str(n + 1), f"talent {n + 1}", plays.take_talent, n) for n in range(count)]
    return [*entries, (str(count + 1), "train instead", plays.train, 0)]


def _completion(cat: Catalogue, key: Key) -> list[Entry]:
    return [("1", "back to the hub", plays.to_hub, 0), ("2", "inventory", plays.to_inventory, 0)]


def _death(cat: Catalogue, key: Key) -> list[Entry]:
    return [
        ("1", "clone: keeps level, loses worn gear", plays.clone, 0),
        ("2", "end the run", plays.end_dead, 0),
    ]


def _victory(cat: Catalogue, key: Key) -> list[Entry]:
    return [("1", "go on without end", plays.endless, 0), ("2", "end the run", plays.end_won, 0)]


_OPTIONS: Final = tuple(f"option {n}" for n in range(1, OPTIONS_MAX + 1))
_OFFERS = {
    int(RoomKind.elite): ("take item 1", "take item 2", "take item 3"),
    int(RoomKind.treasure): ("take what lies open", "force the inner lock", "fight its guard"),
    int(RoomKind.shrine): ("go on", *_OPTIONS),
    int(RoomKind.trap): ("go through", *_OPTIONS),
    int(RoomKind.merchant): ("go on", "buy item 1", "buy item 2", "buy good 1", "buy good 2"),
    int(RoomKind.rest): ("sleep: 40 % health", "study: experience", "mend a scar"),
}
_ENTRIES: dict[int, Callable[[Catalogue, Key], list[Entry]]] = {
    Phase.WeaponSelection: _weapon_selection,
    Phase.GameLoop: _game_loop,
    Phase.DungeonSelection: _dungeon_selection,
    Phase.Dungeon: _dungeon,
    Phase.Combat: _combat,
    Phase.Inventory: _inventory,
    Phase.RegionTravel: _region_travel,
    Phase.LevelUp: _level_up,
    Phase.DungeonCompletion: _completion,
    Phase.Death: _death,
    Phase.Victory: _victory,
}
