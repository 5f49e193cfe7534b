"""The places outside of fights: one sentence on where the hero is and what there is to decide."""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules.views.observation import Observation, RoomView
from dungeonfighter.terminal import inventory
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.spans import Meaning, Span, Spans

WELCOME: Final = """\
You lead one hero through dungeons. A dungeon is a row of rooms, and a guardian waits in the last one. Each \
level that you clear for the first time brings 3 points; a whole run can bring 100.
Type the number of one of the inputs below, then Enter. Each input is one turn, and no time passes while you \
think. An enemy shows its next action and the time until it: read both, then answer.
First choose a weapon. It makes the class of your hero and the stat that grows fastest: STR adds to damage, \
AGI shortens the time of an action, TEC raises rolls and all damage, INT steers combos and lengthens the \
statuses that you inflict.""".splitlines()
"""The paragraphs above the choice of a weapon, the first view of a run."""

_SENTENCES: Final = {
    "GameLoop": "You are at the hub. Choose a dungeon, or first buy, wear or heal.",
    "DungeonSelection": "Choose a dungeon. A level that you have not cleared yet brings points.",
    "Inventory": "At the left what you wear, at the right what you could wear instead.",
    "RegionTravel": "Choose a region. Three events wait on the road.",
    "LevelUp": "A new level. Choose one of three talents; it stays for the whole run.",
    "DungeonCompletion": "The dungeon is cleared.",
    "Death": "Your hero is dead.",
    "Victory": "All bosses are beaten: you have won.",
}
_ROOMS: Final = {
    "doors": "Choose the door to the next room.",
    "cleared": "The room is cleared. Use its calm, or go on.",
}
_OFFERS: Final = {
    "elite": "The elite is beaten. Take one of its items.",
    "treasure": "A treasure. Take one item; the better ones cost a roll or a fight.",
    "shrine": "A shrine. It offers a trade.",
    "merchant": "A merchant.",
    "rest": "A place to rest.",
    "trap": "A trap. Choose a way past it.",
}


def place(observation: Observation, canvas: Canvas) -> list[Spans]:
    """Return the lines on the hero's place; empty in a fight."""
    name = observation.current_state
    if name == "WeaponSelection":
        return [line for text in WELCOME for line in [*canvas.text(text, hanging=0), ()]][:-1]
    if name == "Dungeon":
        return _dungeon(observation, canvas)
    if observation.road:
        return canvas.text(Span("On the road. ", Meaning.title), f"{observation.road}.")
    lines = canvas.text(_SENTENCES[name], hanging=0) if name in _SENTENCES else []
    if name == "Inventory":
        lines += inventory.bag(observation.player, canvas)
        lines += _actions(observation, canvas)
    if name == "LevelUp":
        talents = ", ".join(observation.player.talents) or "none yet"
        lines += canvas.text(Span(f"Your talents: {talents}.", Meaning.quiet))
    return lines


def _dungeon(observation: Observation, canvas: Canvas) -> list[Spans]:
    room = observation.current_room
    if room is None:
        return []
    sentence = _OFFERS.get(room.kind, "") if room.phase == "offer" else _ROOMS.get(room.phase, "")
    lines = canvas.text(Span(f"{room.name}. " if room.name else "", Meaning.title), sentence)
    if room.text:
        lines += canvas.text(f"{room.text}.")
    if room.ahead:
        lines += canvas.text(Span(_ahead(room), Meaning.quiet))
    return lines


def _ahead(room: RoomView) -> str:
    kinds = ", ".join(door.kind for door in room.ahead)
    return f"Behind the next room: {kinds}." if room.phase == "doors" else f"The next doors: {kinds}."


def _actions(observation: Observation, canvas: Canvas) -> list[Spans]:
    player = observation.player
    slots = f"{player.strip_slots} slot{'' if player.strip_slots == 1 else 's'}"
    lines = canvas.text(
        Span(" strip", Meaning.title), f" ({slots}; combos play it): {', '.join(player.strip)}", hanging=3
    )
    lines += canvas.text(Span(" actions", Meaning.title), " by number, for `strip`:")
    for action in player.actions:
        lines += canvas.text(f"  {action.number} {action.name}: {action.text}", hanging=4)
    return lines
