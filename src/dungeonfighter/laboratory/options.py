"""The options of a decision: each legal input as a group and a name that mean the same in every run.

Inputs outside of fights are recognised by their labels, because their numbers differ between rules.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dungeonfighter.rules.views.observation import Choice, DoorView, Observation

STANCES: Final = {"1": "attack", "2": "precise", "3": "power", "4": "guard"}
"""The stances by their inputs."""
_FIGHT: Final = STANCES | {"5": "potion", "6": "bomb", "7": "food", "8": "flee", "9": "auto"}
_GOODS: Final = ("potion", "bomb", "food", "ration")
_WORDS: Final = {
    "drink": "potion", "eat": "food", "sleep": "sleep", "rest": "rest", "search": "search",
    "leave": "leave", "camp": "camp", "travel": "travel", "inventory": "inventory", "new": "other wares",
    "other": "other wares", "dungeons": "dungeons", "go": "go on", "doors": "doors",
    "prepare": "prepare",
}  # fmt: skip
"""The names by the first word of a label."""
_MERCHANT_ITEMS: Final = frozenset(("2", "3"))
"""The inputs that buy an item of a merchant; the following ones buy consumables."""


class Option(NamedTuple):
    """One option of a decision, for example ("door", "treasure") or ("fight", "guard")."""

    group: str
    name: str

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"


def option_of(o: Observation, choice: Choice) -> Option:
    """Return the option that an input is in this situation."""
    word, _, rest = choice.input.partition(" ")
    if choice.pattern or not word.isdigit():
        if word == "item":
            return Option("fight", _named_before_colon(choice.label))
        if word == "dungeon":
            return _level(o, rest)
        return Option("bag", word)
    match o.current_state:
        case "Combat":
            return Option("fight", _FIGHT.get(word, choice.label))
        case "LevelUp":
            return Option("talent", next((t.name for t in o.talents if str(t.number) == word), "train"))
        case "DungeonSelection":
            return _level(o, word)
        case "WeaponSelection":
            return Option("weapon", choice.label.partition(":")[0])
        case "Dungeon":
            return _in_dungeon(o, choice)
        case "GameLoop":
            return Option("hub", _named(choice.label))
        case "RegionTravel" if o.road:
            return Option("offer", f"road {_named_before_colon(choice.label)}")
    return Option("other", f"{o.current_state} {word}")


def _in_dungeon(o: Observation, choice: Choice) -> Option:
    room = o.current_room
    if room is None:
        return Option("other", choice.label)
    if room.phase == "doors":
        door = next((door for door in room.doors if str(door.number) == choice.input), None)
        return Option("room", _named(choice.label)) if door is None else Option("door", door_kind(door))
    if room.phase == "offer":
        return Option("offer", f"{room.kind} {_answer(room.kind, choice)}")
    return Option("room", _named(choice.label))


def door_kind(door: DoorView) -> str:
    """Return the kind of a door's room, or `guardian` or `boss` where one waits behind it."""
    first = door.hint.partition(" ")[0]
    return first if first in {"guardian", "boss"} else door.kind


def _answer(kind: str, choice: Choice) -> str:
    if kind in {"shrine", "trap"}:
        return _named_before_colon(choice.label)
    if kind == "merchant":
        if choice.input == "1":
            return "go on"
        return "item" if choice.input in _MERCHANT_ITEMS else _good(choice.label) or "other consumable"
    first = choice.label.partition(" ")[0].rstrip(":")
    return first if first.islower() else "item"


def _named_before_colon(label: str) -> str:
    """Return the part of a label that has no figures of the moment: `fill it: lose 60 hp` is `fill it`."""
    return label.partition(":")[0]


def _level(o: Observation, number: str) -> Option:
    offer = next((d for d in o.dungeons if str(d.number) == number), None)
    if offer is None:
        return Option("level", "back")
    if offer.boss:
        return Option("level", "boss")
    above = max(-3, min(3, offer.level - o.player.level))
    return Option("level", f"hero {above:+d}{', cleared' if offer.cleared else ''}")


def _named(label: str) -> str:
    first = label.partition(" ")[0].rstrip(":")
    if first == "buy":
        return f"buy {_good(label) or 'item'}"
    return _WORDS.get(first, _named_before_colon(label))


def _good(label: str) -> str:
    """Return the consumable that a label names: the first or the second word; "" if it names none."""
    words = label.lower().replace(":", "").split()
    found = next((word.rstrip("s") for word in words[:3] if word.rstrip("s") in _GOODS), "")
    return "food" if found == "ration" else found
