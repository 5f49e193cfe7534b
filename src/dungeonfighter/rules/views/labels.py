"""The words for a bot's choices and its situation outside of fights: doors, offers, wares, items, talents.

`phrase` returns the full words of one legal input. The text view joins them to one line, and the snapshot
has them as labels. A menu's own label is a cheap constant, and it is used wherever the state adds nothing.

Source: docs/tools.md, "Views"; docs/rules.md, "Dungeons", "Items", "World and score".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import Consumable
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import potions_max, rested
from dungeonfighter.rules.fighting import combat
from dungeonfighter.rules.journey import wares
from dungeonfighter.rules.journey.world import allowance_left, gathered, leads_to_last, resumed, stirring
from dungeonfighter.rules.state import (
    Door,
    Dungeon,
    Hero,
    Offer,
    Phase,
    Rank,
    RoomKind,
    RoomPhase,
    Slot,
    State,
    Weapon,
)
from dungeonfighter.rules.talents import Perk
from dungeonfighter.rules.views import event_words, item_lines
from dungeonfighter.rules.views.amounts import gained_health, healed
from dungeonfighter.rules.views.classes import CLASSES, STATS, wheel_side
from dungeonfighter.rules.views.comparison import Comparison
from dungeonfighter.rules.views.door_words import clear_worth, door_words
from dungeonfighter.rules.views.inventory_lines import inventory_lines
from dungeonfighter.rules.views.level_lines import level_lines
from dungeonfighter.rules.views.numerals import NUMERALS, NUMERALS_MAX
from dungeonfighter.rules.views.observation import Choice
from dungeonfighter.rules.views.pattern_words import pattern_label, pattern_text, with_gold
from dungeonfighter.rules.views.room_words import (
    cleared_words,
    drink_words,
    room_words,
    several,
    trade_offer,
    treasure_words,
)

KINDS: Final = tuple(kind.name for kind in RoomKind)
DARK: Final = "dark"
STIRS_SOON: Final = 10
"""The turns of the allowance that are left when the views of a fight begin to show them."""
_BEATS: Final = f" (you +{(tables.WHEEL - 1000) // 10}%)"
_BEATEN: Final = f" (it +{(tables.WHEEL - 1000) // 10}%)"

_ELITE: Final = int(RoomKind.elite)
_TREASURE: Final = int(RoomKind.treasure)
_SHRINE: Final = int(RoomKind.shrine)
_MERCHANT: Final = int(RoomKind.merchant)
_REST: Final = int(RoomKind.rest)
_TRAP: Final = int(RoomKind.trap)
_PATTERNS_COST: Final = (int(Phase.GameLoop), int(Phase.Inventory))
_OFFER_MADE = int(RoomPhase.offer)
_DOORS = int(RoomPhase.doors)
_CLEARED = int(RoomPhase.cleared)


def dungeon_name(cat: Catalogue, theme: int, name: int) -> str:
    return cat.themes[theme].dungeons[name]


def door(
    cat: Catalogue, hero: Hero, dungeon: Dungeon, behind: Door, *, ahead: bool = False
) -> tuple[str, str]:
    """Return the kind of the room behind a door (or "dark") and the words at the door.

    Args:
        ahead: The door is one room further on than the next.
    """
    if behind.hint == 0:
        return DARK, ""
    hint = cat.place_rows[behind.theme_room].hint
    if behind.enemy >= 0:
        rank = guardian(dungeon) if leads_to_last(dungeon, ahead=ahead) else ""
        hint = f"{rank}{cat.enemies[behind.enemy].name}{wheel(cat, hero, behind.enemy)}; {hint}"
    return KINDS[behind.kind], hint


def guardian(dungeon: Dungeon) -> str:
    """Return "guardian " or "boss ", with the strength it has gathered: "guardian +27 % "."""
    rank = "boss " if dungeon.boss else "guardian "
    grown = gathered(dungeon)
    return f"{rank}+{grown // 10}% " if grown else rank


def clock(state: State) -> str:
    """Return the words about the allowance of turns: the rest of it, or how much stronger enemies are."""
    left = allowance_left(state)
    if left >= 0:
        return f"Stirs in {left}."
    grown = stirring(state)
    much = f"{grown // 10}%" if grown else f"{tables.STALE_STEP // 10}% every {tables.STALE_EVERY} turns"
    return f"The dungeons stir: enemies +{much} until a new level is cleared."


def stirs(state: State, left: int) -> str:
    """Return the same as briefly as a status line needs it; `left` is the rest of the allowance."""
    if left >= 0:
        return f"stirs in {NUMERALS[left]}"
    grown = stirring(state) // 10
    return f"stirred +{grown}%" if grown else "stirring"


def wheel(cat: Catalogue, hero: Hero, enemy: int) -> str:
    """Return " (you +20%)" if the hero's class beats the enemy's, " (it +20%)" if it is beaten, else ""."""
    return ("", _BEATS, _BEATEN)[wheel_side(cat, hero, enemy)]


def edge(cat: Catalogue, hero: Hero, enemy: int) -> str:
    """Return the same in a fight, whose figures have it: "weak " or "strong " before the kind."""
    return ("", "weak ", "strong ")[wheel_side(cat, hero, enemy)]


def reward(state: State, offer: Offer) -> str:
    return f"item L{NUMERALS[loot.reward_level(offer.level, state.hero.level)]}"


def room_text(cat: Catalogue, state: State, dungeon: Dungeon) -> str:
    """Return the event that waits for an answer, the gold of a treasure, or the wares that are too dear."""
    if dungeon.phase != _OFFER_MADE:
        return ""
    if _is_event(dungeon):
        return event_words.event_text(cat, state, dungeon.offer[0], dungeon.level)
    if dungeon.kind == _TREASURE:
        return treasure_words(state.hero, dungeon)
    return wares.lacking(wares.in_room(cat, state, dungeon)).rstrip(".")


def _is_event(dungeon: Dungeon) -> bool:
    return dungeon.phase == _OFFER_MADE and dungeon.kind in (_SHRINE, _TRAP)


def rich(cat: Catalogue, state: State, comparison: Comparison, choice: Choice) -> Choice:
    label = phrase(cat, state, comparison, choice)
    return choice if label == choice.label else Choice(choice.input, label, choice.pattern)


def phrase(cat: Catalogue, state: State, comparison: Comparison, choice: Choice) -> str:
    text = choice.input
    if text.startswith("equip ") and not choice.pattern:
        item = state.hero.bag[int(text[6:]) - 1]
        more = item_lines.grants(cat, state.hero, item, briefly=True)
        return f"{loot.name(cat, item)}: {comparison.change(item).text}{more}"
    if choice.pattern:
        return pattern_label(state.hero, choice)
    words = _PHRASES.get(state.phase)
    if words is None or not text.isdigit():
        return choice.label
    return words(cat, state, comparison, int(text)) or choice.label


def situation(cat: Catalogue, state: State, comparison: Comparison) -> list[str]:
    """Return the lines between the events and the inputs, outside of fights."""
    lines = item_lines.found_lines(cat, state, comparison)
    lines_of_phase = _SITUATIONS.get(state.phase)
    if lines_of_phase is not None:
        lines.extend(lines_of_phase(cat, state, comparison))
    return lines


class Outline(Struct, frozen=True, gc=False):
    """The part of the line of inputs that depends on the menu alone; a menu makes it once.

    In a fight `whole` has the consumables. Elsewhere the line has `parts`: (input, its number, label). The
    state gives the words of a part; a part with number -1 is its label.
    """

    parts: tuple[tuple[str, int, str], ...]
    whole: str


def fight_outline(cat: Catalogue, goods: Sequence[int], choices: Sequence[Choice]) -> Outline:
    """Return the outline of a fight: the consumables alone, because `fight_lines` writes the other inputs."""
    return Outline((), "".join([f" |{_counted(cat, goods, c)}" for c in choices if _is_good(c.input)]))


def _is_good(text: str) -> bool:
    return text.startswith("item ") or text in _GOODS


def outline(phase: int, choices: Sequence[Choice]) -> Outline:
    """Return the outline outside of fights.

    The inputs that take a number, a slot or a list come last, each as one pattern with its values in
    brackets; where only one value is legal, as the input itself.
    """
    worded = phase in _PHRASES
    parts: list[tuple[str, int, str]] = []
    bag = 0
    worn = []
    patterns = []
    for choice in choices:
        text = choice.input
        if choice.pattern:
            patterns.append(choice)
        elif text.startswith("equip "):
            bag += 1
        elif text.startswith("unequip "):
            worn.append(text[8:])
        elif choice.label in _BRIEF:
            _add(parts, f"{text} {_BRIEF[choice.label]}")
        elif worded and text.isdigit() and choice.label not in _PLAIN:
            parts.append((text, int(text), choice.label))
        else:
            _add(parts, f"{text} {choice.label}")
    if bag:
        _add(parts, f"equip {_numbers(bag)}")
    if worn:
        slots = "" if len(worn) == len(Slot) else f" ({', '.join(worn)})"
        _add(parts, f"unequip {worn[0]}" if len(worn) == 1 else f"unequip slot{slots}")
    for choice in patterns:
        _add(parts, pattern_text(choice))
    return Outline(tuple(parts), "")


def _numbers(bag: int) -> str:
    return "1" if bag == 1 else f"1-{bag}"


def _add(parts: list[tuple[str, int, str]], label: str) -> None:
    """Append a constant label; adjacent constant labels become one part."""
    if parts and parts[-1][1] < 0:
        label = f"{parts.pop()[2]} |{label}"
    parts.append(("", -1, label))


def inputs_line(cat: Catalogue, state: State, line: Outline, comparison: Comparison) -> str:
    words = _PHRASES.get(state.phase)
    whole = " |".join([
        label
        if number < 0 or words is None
        else f"{text} {words(cat, state, comparison, number).removeprefix(_VERBS.get(label, '')) or label}"
        for text, number, label in line.parts
    ])  # fmt: skip
    return with_gold(state, whole) if state.phase in _PATTERNS_COST else whole


_PRICE_WITHOUT_SCAR: Final = f"{1 + tables.LEAVE_TURNS} turns"
_PRICE: Final = f"{_PRICE_WITHOUT_SCAR} + scar"
_LEAVE_WITHOUT_SCAR: Final = f"leave {_PRICE_WITHOUT_SCAR}"
_LEAVE: Final = f"leave {_PRICE}"
TRAVEL: Final = f"travel: {1 + tables.TRAVEL_TURNS} turns"
_VERBS: Final = {"drink a potion": "drink "} | dict.fromkeys(
    ("buy a potion", "buy a bomb", "buy a ration", "buy good 1", "buy good 2"), "buy "
)
"""By label of the menu, the verb that the line leaves out, because the health or the price makes it plain."""
_BRIEF: Final = {"back to the hub": "hub"}
"""Shorter words than those of the menu, for frequent inputs."""
_PLAIN: Final = frozenset(("dungeons", "inventory", TRAVEL, "back", "doors", "go on", "mend a scar"))
"""The labels of the menu that are the full words in every state."""
_GOODS: Final = ("5", "6")
"""The inputs of a fight that use a consumable, beside `item n`."""


def _counted(cat: Catalogue, goods: Sequence[int], choice: Choice) -> str:
    text = choice.input
    if text.isdigit():
        number = cat.consumable_at[int(text)]
        return f"{text} {several(cat.consumables[number].name, goods[number])}"
    number = int(text[5:]) - 1
    row = cat.consumables[number]
    return f"{text} {several(_effect(row), goods[number])}"


def good(cat: Catalogue, number: int) -> str:
    """Return the label of a consumable that `item n` uses: name and effect."""
    row = cat.consumables[number]
    return f"{row.name.lower()}: {row.text}"


def _effect(row: Consumable) -> str:
    """Return the effect in as few words as a line of inputs has room for."""
    if row.effect == "status":
        return f"{row.status.replace('_', ' ')} {row.amount}"
    if row.effect in ("heal", "cleanse"):
        return f"{'cures, ' if row.effect == 'cleanse' else ''}+{row.amount // 10}%"
    return f"{row.effect}{f' {row.amount}' if row.amount > 1 else ''}"


def _weapon_words(cat: Catalogue, state: State, comparison: Comparison, number: int) -> str:
    kind = number - 1
    if not 0 <= kind < len(CLASSES):
        return ""
    basic = cat.actions[cat.basic[kind]]
    return f"{Weapon(kind).name}: {CLASSES[kind]}, {STATS[kind]}; {basic.name}: {basic.text.lower()}"


_SOLD: Final = {5: 5, 8: 6, 9: 7}
"""The fight input of the consumable that an input at the hub buys."""


def _hub_words(cat: Catalogue, state: State, comparison: Comparison, number: int) -> str:
    hero = state.hero
    if number == 4:
        gain = healed(hero, rested(hero, tables.CAMP))
        room = potions_max(hero) > hero.consumables[cat.consumable_at[_SOLD[5]]]
        stock = f", shop +{tables.CAMP_POTIONS} potion{'s'[: tables.CAMP_POTIONS > 1]}" if room else ""
        return f"camp{gained_health(gain)}{stock}, {1 + tables.CAMP_TURNS} turns"
    if number in _SOLD:
        good = cat.consumable_at[_SOLD[number]]
        price = prices.good(cat, hero, good)
        return (
            f"buy {cat.consumables[good].name.lower()} {NUMERALS[price] if price < NUMERALS_MAX else price} "
            f"gold, have {NUMERALS[hero.consumables[good]]}"
        )
    if number == 6 and state.world.shop:
        item = state.world.shop[0]
        price = prices.item(hero, item)
        return item_lines.ware(cat, hero, item, price, comparison)
    if number == 7:
        price = prices.reroll(hero, state.world)
        return f"new wares {NUMERALS[price] if price < NUMERALS_MAX else price} gold"
    return ""


def _offer_words(cat: Catalogue, state: State, comparison: Comparison, number: int) -> str:
    world = state.world
    offers = world.offers
    if not 1 <= number <= len(offers):
        return ""
    offer = offers[number - 1]
    kinds = ", ".join(
        [f"{cat.enemies[enemy].archetype}{wheel(cat, state.hero, enemy)}" for enemy in offer.enemies]
    )
    level, more = offer.level, ""
    if offer.boss:
        boss = cat.boss_of_region[world.region]
        more = f" BOSS {cat.names['enemy'][boss]}{wheel(cat, state.hero, boss)}"
    held = resumed(world, offer)
    if held is not None:
        grown = f", guardian +{gathered(held) // 10}%" if gathered(held) else ""
        more += f" (you left it in room {max(1, held.room)}{grown})"
    name = f"{dungeon_name(cat, offer.theme, offer.name)} ({cat.names['theme'][offer.theme]})"
    rooms = NUMERALS[tables.rooms_of(level)]
    first, gained, gold = clear_worth(cat, state, offer)
    worth = f"{'first clear' if first else 'repeat'} {gained} xp, {gold} gold, {reward(state, offer)}"
    return f"{name} L{NUMERALS[level]}{more}, {rooms} rooms: {kinds}; {worth}"


def _dungeon_words(cat: Catalogue, state: State, comparison: Comparison, number: int) -> str:
    dungeon = state.dungeon
    if dungeon is None:
        return ""
    if dungeon.phase == _DOORS and 1 <= number <= len(dungeon.doors):
        behind = dungeon.doors[number - 1]
        kind, hint = door(cat, state.hero, dungeon, behind)
        return door_words(cat, state, dungeon, behind, hint) if hint else f"{kind}: any room"
    if number == 9:
        return _LEAVE_WITHOUT_SCAR if state.hero.figures.perks[Perk.escape_artist] else _LEAVE
    if dungeon.phase != _OFFER_MADE and number == 5:
        return drink_words(cat, state)
    if dungeon.phase == _OFFER_MADE and dungeon.kind in (_TREASURE, _ELITE):
        return item_lines.one_of(cat, state, dungeon, comparison, number)
    if dungeon.phase == _OFFER_MADE and dungeon.kind == _REST:
        return room_words(state, dungeon, number)
    if _is_event(dungeon):
        return event_words.offer_words(cat, state, dungeon, number)
    if dungeon.phase == _OFFER_MADE and number >= 2:
        return trade_offer(cat, state, dungeon, comparison, number - 2)
    if dungeon.phase == _CLEARED:
        return cleared_words(cat, state, number)
    return ""


def _fight_words(cat: Catalogue, state: State, comparison: Comparison, number: int) -> str:
    if number != 8 or state.fight is None:
        return ""
    free = state.hero.figures.perks[Perk.escape_artist]
    first = "the enemy acts first; " if combat.enemy_first(state) and not free else ""
    if state.fight.rank < Rank.guardian:
        return f"flee: {first}past it, {1 + tables.SLIP_TURNS} turns"
    return f"flee: {first}{_PRICE_WITHOUT_SCAR if free else _PRICE}, the guardian is then fresh"


def _road_words(cat: Catalogue, state: State, comparison: Comparison, number: int) -> str:
    return event_words.road_words(cat, state, number)


def _talent_words(cat: Catalogue, state: State, comparison: Comparison, number: int) -> str:
    if number == len(state.talent_offer) + 1:
        return f"train: {STATS[state.hero.kind]} +{tables.TRAINED}"
    if not 1 <= number <= len(state.talent_offer):
        return ""
    row = cat.talents[state.talent_offer[number - 1]]
    return f"{row.name}: {row.text}"


def _hub_lines(cat: Catalogue, state: State, comparison: Comparison) -> list[str]:
    world = state.world
    lines = [f"{cat.regions[world.region].name}. {clock(state)}"]
    if lacks := wares.lacking(wares.at_hub(cat, state)):
        lines[0] += f" {lacks}"
    hero = state.hero
    scores = [(comparison.score(comparison.wearing(item)), -place) for place, item in enumerate(hero.bag)]
    best, place = max(scores, default=(0, 0))
    old = len(hero.bag) - item_lines.found_now(state)  # new items have lines of their own
    if best > 0 and -place < old:
        words = item_lines.briefly(cat, hero, hero.bag[-place], comparison)
        lines.append(f"Best of the bag: {NUMERALS[1 - place]} {words}")
    return lines


def _selection_lines(cat: Catalogue, state: State, comparison: Comparison) -> list[str]:
    return [clock(state)]


def _dungeon_lines(cat: Catalogue, state: State, comparison: Comparison) -> list[str]:
    dungeon = state.dungeon
    if dungeon is None:
        return []
    if dungeon.phase != _OFFER_MADE:
        return _ahead_lines(cat, state, dungeon)
    if _is_event(dungeon):
        return event_words.event_lines(cat, state, dungeon.offer[0], dungeon.level)
    if dungeon.kind == _TREASURE:
        return [f"{treasure_words(state.hero, dungeon)}."]
    lacks = wares.lacking(wares.in_room(cat, state, dungeon))
    return [lacks] if lacks else []


def _ahead_lines(cat: Catalogue, state: State, dungeon: Dungeon) -> list[str]:
    """Return the doors ahead, and what makes the enemies ahead stronger, if anything does or soon will."""
    parts = []
    grown = f" +{gathered(dungeon) // 10}%" if gathered(dungeon) else ""
    last = leads_to_last(dungeon, ahead=True)
    if dungeon.ahead:
        shown = ", ".join(door(cat, state.hero, dungeon, behind, ahead=True)[0] for behind in dungeon.ahead)
        where = "Behind" if dungeon.phase == _DOORS else "Doors"
        parts.append(f"{where}: {f'guardian{grown}' if last else shown}.")
    if grown and not last:
        parts.append(f"{'Boss' if dungeon.boss else 'Guardian'}{grown}.")
    return [" ".join(parts)] if parts else []


def _road_lines(cat: Catalogue, state: State, comparison: Comparison) -> list[str]:
    return event_words.road_lines(cat, state)


def _talent_lines(cat: Catalogue, state: State, comparison: Comparison) -> list[str]:
    return level_lines(cat, state.hero)


def _inventory_lines(cat: Catalogue, state: State, comparison: Comparison) -> list[str]:
    return inventory_lines(cat, state.hero, comparison, item_lines.found_now(state))


_Phrase = Callable[[Catalogue, State, Comparison, int], str]
_PHRASES: Final[dict[int, _Phrase]] = {
    Phase.WeaponSelection: _weapon_words,
    Phase.GameLoop: _hub_words,
    Phase.DungeonSelection: _offer_words,
    Phase.Dungeon: _dungeon_words,
    Phase.Combat: _fight_words,
    Phase.RegionTravel: _road_words,
    Phase.LevelUp: _talent_words,
}
_SITUATIONS: Final[dict[int, Callable[[Catalogue, State, Comparison], list[str]]]] = {
    Phase.GameLoop: _hub_lines,
    Phase.DungeonSelection: _selection_lines,
    Phase.Dungeon: _dungeon_lines,
    Phase.Inventory: _inventory_lines,
    Phase.RegionTravel: _road_lines,
    Phase.LevelUp: _talent_lines,
}
