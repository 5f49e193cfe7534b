"""The inputs of words and lists: `unequip head`, `drop 2`, `strip 2,0,1`, `trade 1,2,3,4,5`, `dungeon 2`,
`wares head`.

Each is checked before it changes the state, and a refusal says exactly what is wrong. A verb without its
number is refused with a list of what it can take; `talents` is always refused with the hero's talents. The
module also explains why a number or a consumable is not legal now.

Source: docs/rules.md, "Inputs".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import inventory, prices
from dungeonfighter.rules.inputs import numbers
from dungeonfighter.rules.journey import choices, hub, road, wares
from dungeonfighter.rules.journey.dungeon import enter
from dungeonfighter.rules.state import Dungeon, Phase, Rank, RoomKind, RoomPhase, Slot, State
from dungeonfighter.rules.views.inventory_lines import (
    all_actions,
    all_goods,
    all_items,
    all_talents,
    all_worn,
)

_INVENTORY = int(Phase.Inventory)
_GAME_LOOP = int(Phase.GameLoop)
_DUNGEON_SELECTION = int(Phase.DungeonSelection)
_DUNGEON = int(Phase.Dungeon)
_COMBAT = int(Phase.Combat)
_CLEARED = int(RoomPhase.cleared)
_OFFER = int(RoomPhase.offer)
_BOSS = int(Rank.boss)
_EVENTS: Final = (int(RoomKind.shrine), int(RoomKind.trap))
_REST, _PREPARE = 3, 6
"""The inputs of a cleared room that eat a ration."""
_TRAVEL, _CAMP, _POTION = 3, 4, 5
_WHERE: Final = {
    Phase.WeaponSelection: "the choice of a weapon", Phase.GameLoop: "the hub",
    Phase.DungeonSelection: "the list of dungeons", Phase.Dungeon: "this room", Phase.Combat: "a fight",
    Phase.Inventory: "the inventory", Phase.LevelUp: "the choice at a new level",
    Phase.RegionTravel: "the road", Phase.DungeonCompletion: "a cleared dungeon",
    Phase.Death: "the choice after a death", Phase.Victory: "the choice after the victory",
}  # fmt: skip

DONE: Final = ""
GEAR: Final = "gear changes at the hub, in the inventory and in a cleared room"


def play(cat: Catalogue, state: State, text: str) -> str:
    """Play an input that no menu lists as it stands, if it is legal.

    `dungeon n` enters an offered dungeon from the hub or the list in one input (the tool `select_dungeon`).
    No menu lists it, because `1` and then the number do the same.

    Returns:
        `DONE`; or, with the state unchanged, the reason why the input is not legal now.
    """
    word, _, rest = text.partition(" ")
    verb = _VERBS.get(word)
    if verb is None:
        return _lacking(cat, state, text)
    if word in _ANYWHERE or at_leisure(state):
        return verb(cat, state, rest)
    return GEAR if rest or word not in _LISTS else f"{verb(cat, state, rest)}; {GEAR}"


def at_leisure(state: State) -> bool:
    """Return True in the inventory, at the hub and in a cleared room, where the hero may change gear."""
    if state.phase in (_INVENTORY, _GAME_LOOP):
        return True
    return state.phase == _DUNGEON and state.dungeon is not None and state.dungeon.phase == _CLEARED


def _equip(cat: Catalogue, state: State, rest: str) -> str:
    listed = numbers(rest)
    if listed is None or len(listed) != 1:
        return f"it needs a bag number: {all_items(cat, state.hero) or 'the bag is empty'}"
    return inventory.equip(cat, state, listed[0])


def _unequip(cat: Catalogue, state: State, rest: str) -> str:
    if rest not in Slot.__members__:
        return f"it needs a slot: {all_worn(cat, state.hero)}"
    return inventory.unequip(cat, state, Slot[rest])


def _drop(cat: Catalogue, state: State, rest: str) -> str:
    listed = numbers(rest)
    if listed is None or len(listed) != 1:
        return f"it needs a bag number: {all_items(cat, state.hero, scrap=True) or 'the bag is empty'}"
    return inventory.drop(cat, state, listed[0])


def _strip(cat: Catalogue, state: State, rest: str) -> str:
    listed = numbers(rest)
    if listed is None:
        return f"it needs action numbers: {all_actions(cat, state.hero.figures.known)}"
    return inventory.set_strip(cat, state, listed)


def _trade(cat: Catalogue, state: State, rest: str) -> str:
    listed = numbers(rest)
    if state.phase != _INVENTORY:
        return "a trade needs the inventory"
    if listed is None:
        return "it needs five bag numbers"
    return inventory.trade(cat, state, listed)


def _talents(cat: Catalogue, state: State, rest: str) -> str:
    return f"it only lists your talents: {all_talents(cat, state.hero) or 'none'}"


def _enter(cat: Catalogue, state: State, rest: str) -> str:
    if state.phase not in (_GAME_LOOP, _DUNGEON_SELECTION):
        return "a dungeon is entered from the hub"
    listed = numbers(rest)
    if listed is None or len(listed) != 1:
        return "it needs the number of a dungeon, for example dungeon 1"
    offers = state.world.offers
    if not 1 <= listed[0] <= len(offers):
        return f"the hub offers 1 to {len(offers)}"
    enter(cat, state, offers[listed[0] - 1])
    return DONE


def _wares(cat: Catalogue, state: State, rest: str) -> str:
    if state.phase != _GAME_LOOP:
        return "the hub sells wares"
    price = prices.reroll(state.hero, state.world, chosen=True)
    if rest not in Slot.__members__:
        return f"it needs a slot, {', '.join(Slot.__members__)}, and {price} gold"
    if price > state.hero.gold:
        return f"it costs {price} gold, and you have {state.hero.gold}"
    hub.reroll(cat, state, Slot[rest])
    return DONE


def _item(cat: Catalogue, state: State, rest: str) -> str:
    """Explain the refusal of `item n`; where it is legal, the menu has it."""
    listed = numbers(rest)
    if listed is None or len(listed) != 1:
        return f"it needs the number of a consumable: {all_goods(cat, state.hero) or 'you have none'}"
    if state.phase != _COMBAT:
        return "that is for a fight"
    number = listed[0] - 1
    if not 0 <= number < len(cat.consumables):
        return "there is no consumable of this number"
    row = cat.consumables[number]
    if number not in cat.other_consumables:
        return f"{row.name} is the input {row.input}"
    if state.hero.consumables[number]:
        return "nobody flees from a boss"
    return f"you have no {row.name}"


def _lacking(cat: Catalogue, state: State, text: str) -> str:
    """Explain the refusal of an input that is no verb."""
    if not text.isdigit():
        return f"an input is a number, or one of {', '.join(_VERBS)} with numbers"
    number = int(text)
    return _closed(cat, state, number) or f"{_WHERE[Phase(state.phase)]} has no {number}"


def _closed(cat: Catalogue, state: State, number: int) -> str:
    """Explain the refusal of a number that is legal at other times in the same place; "" if it never is."""
    if _offers(state):
        return _option(cat, state, number) or wares.refusal(cat, state, number) or _hub(state, number)
    in_fight = state.phase == _COMBAT
    dungeon, fight = state.dungeon, state.fight
    if not in_fight and (state.phase != _DUNGEON or (number != _POTION and not at_leisure(state))):
        return ""
    if not in_fight and dungeon is not None and at_leisure(state) and (reason := _room(dungeon, number)):
        return reason
    if number == 8 and fight is not None and fight.rank == _BOSS:
        return "nobody flees from a boss"
    good = cat.consumable_at.get(number)
    if good is None:
        return ""
    effect = cat.consumables[good].effect
    if effect == "rest":
        return "a ration is for a rest in a cleared room"
    if not state.hero.consumables[good]:
        return f"you have no {cat.consumables[good].name}"
    return "that is for a fight" if effect != "heal" else "you are not hurt"


def _hub(state: State, number: int) -> str:
    """Explain why the hub refuses travel or camp."""
    if state.phase != _GAME_LOOP:
        return ""
    if number == _TRAVEL:
        return "no other region is open before the boss of this one is beaten"
    if number == _CAMP:
        return "you have camped on this visit" if state.world.camped else "you are not hurt"
    return ""


def _offers(state: State) -> bool:
    """Return True at the hub, on the road and where a room makes an offer."""
    if state.phase == _GAME_LOOP or road.event_of(state) >= 0:
        return True
    return state.phase == _DUNGEON and state.dungeon is not None and state.dungeon.phase == _OFFER


def _room(dungeon: Dungeon, number: int) -> str:
    """Explain why a cleared room cannot be searched, or a ration not be eaten in it."""
    if number == 2 and dungeon.searched:
        return "this room is searched"
    if number not in (_REST, _PREPARE):
        return ""
    if dungeon.rested:
        return "you have eaten a ration in this room"
    if number == _PREPARE and dungeon.omen:
        return "a shield or weakness waits for the next fight already"
    return "you have no ration"


def _option(cat: Catalogue, state: State, number: int) -> str:
    """Explain why an option of the event that waits for an answer is closed."""
    dungeon = state.dungeon
    if road.event_of(state) >= 0:
        return choices.refusal(cat, state, road.event_of(state), number - 2, road.level_of(state))
    if dungeon is None or not dungeon.offer or dungeon.kind not in _EVENTS:
        return ""
    return choices.refusal(cat, state, dungeon.offer[0], number - 2, dungeon.level)


_VERBS: Final[dict[str, Callable[[Catalogue, State, str], str]]] = {
    "equip": _equip,
    "unequip": _unequip,
    "drop": _drop,
    "strip": _strip,
    "trade": _trade,
    "dungeon": _enter,
    "item": _item,
    "wares": _wares,
    "talents": _talents,
}
_ANYWHERE: Final = frozenset(("dungeon", "item", "wares", "talents"))
"""The verbs that say themselves where they are legal; the others need leisure."""
_LISTS: Final = frozenset(("equip", "unequip", "drop", "strip"))
"""The verbs that, without a number, list what the hero has wherever it is."""
