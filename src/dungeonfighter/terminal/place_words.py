"""The words of places and of items for a person who meets them for the first time.

Each has the texts by which a view shows it, so that `?` explains what is on the screen.

Source: docs/rules.md, "Dungeons", "Items" and "Inputs".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from dungeonfighter.rules import tables
from dungeonfighter.rules.character.loot import RARITIES


class Word(NamedTuple):
    """The explanation of a word, and the texts of which a view that needs it has one."""

    text: str
    shown_as: tuple[str, ...]


def _percent(permille: int) -> str:
    return f"{permille / 10:g} %"


ITEMS: Final[Mapping[str, Word]] = {
    "rarity": Word(
        f"{', '.join(RARITIES)}: each step brings more properties, more actions and better figures",
        (*(f"{name} L" for name in RARITIES), "rarity +", "+1 rarity"),
    ),
    "level": Word(
        "L3: the level of an item, which raises its damage or armour, or of an enemy or a dungeon",
        tuple(f" L{digit}" for digit in "123456789"),
    ),
    "overall": Word(
        "how much stronger or weaker you are in a fight with the item on, all figures together",
        ("% overall", "stronger, about", "weaker, about"),
    ),
    "->": Word("your figure now, and with the item on", ("->",)),
    "rolls": Word(
        "hit, combo, crit: faces of the die; hit +2 misses on two less, crit +1 is critical on one more",
        ("hit +", "hit -", "combo +", "combo -", "crit +", "crit -", "HIT +", "rolls +"),
    ),
    "speed": Word("how fast you act: the more, the less time each action takes", ("speed +", "speed -")),
    "amplification": Word("the factor on all your damage, by TEC and items", ("amplification",)),
    "more": Word(
        "1 more: a property that the line leaves out; `bag N` shows all of an item in your bag",
        tuple(f"{digit} more" for digit in "123456789"),
    ),
    "grants": Word("actions for your strip, as long as you wear the item", ("grants ",)),
    "loses": Word("what only the item that you wear now gives you", ("loses ",)),
    "interruptible": Word(
        "actions of an enemy that a precise hit, a combo or a bomb stops: status, heal, charge and the like",
        (" interruptible actions",),
    ),
    "class action": Word(
        "a weapon of another class changes yours: how many actions of it you know, for how many of now",
        ("class action",),
    ),
    "time": Word("time x0.5: the action takes half the time of a plain attack", ("time x",)),
    "routed": Word(
        "with that much INT, a combo of the action jumps to another slot of the strip, or repeats its own",
        ("(INT ",),
    ),
}
PLACES: Final[Mapping[str, Word]] = {
    "camp": Word(
        f"once a visit of the hub, for {tables.CAMP_TURNS} further turns: heals {_percent(tables.CAMP)} of "
        f"health, and {tables.CAMP_POTIONS} potion more is on sale",
        (" camp ",),
    ),
    "first clear": Word("what a level gives, beside its points, when you clear it first", ("first clear",)),
    "wares": Word("the item on sale; it changes for gold, and after a first clear", ("new wares",)),
    "ration": Word(
        f"food: in a cleared room it pays a rest ({_percent(tables.REST)} of health) or a preparation "
        f"(shield {tables.PREPARED} in the next fight)",
        (" ration", "(ration"),
    ),
    "search": Word(
        "once in a cleared room: finds a potion, another good or an item, or wakes a fight", ("% find",)
    ),
    "leave": Word(
        "out of the dungeon, for those turns and a scar; it stays as it is until you come back",
        ("turns + scar",),
    ),
    "lock": Word(
        f"a d20 and a quarter of your TEC, {tables.LOCK_OPENS} or more, opens it; less costs health and "
        "leaves some gold only",
        ("% (else -",),
    ),
    "unharmed": Word("the chance that a d20 and your AGI keep the trap's cost from you", ("unharmed",)),
    "not now": Word("an option that is closed, and the reason", ("Not now:",)),
    "too dear": Word("goods that you have too little gold for", ("Too dear:",)),
    "the room acts": Word("a room with a hazard harms one side of a fight from time to time", ("room acts",)),
    "pass by": Word("on without the event; what it costs then is in the line, if anything", ("pass by",)),
    "travel": Word(
        f"to another region, {tables.TRAVEL_TURNS} further turns with {tables.TRAVEL_EVENTS} events on the "
        "road",
        ("travel: ",),
    ),
}


def shown(words: Mapping[str, Word], text: str) -> list[tuple[str, str]]:
    """Return those of the words that the text of a view shows, with their explanations."""
    return [(name, word.text) for name, word in words.items() if any(each in text for each in word.shown_as)]
