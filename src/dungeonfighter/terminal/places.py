"""The places outside of fights: one sentence on where the hero is and what there is to decide."""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules.views.observation import DungeonView, Observation, PlayerView, RoomView
from dungeonfighter.terminal import inventory
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.facts import Facts
from dungeonfighter.terminal.spans import Meaning, Span, Spans, held

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
    "GameLoop": "The hub: choose a dungeon, or first buy, wear or heal.",
    "DungeonSelection": "Choose a dungeon. A level that you have not cleared yet brings points.",
    "Inventory": "At the left what you wear, at the right what you could wear instead.",
    "RegionTravel": "Choose a region. Three events wait on the road.",
    "LevelUp": "A new level. Choose one of three talents, which stays for the whole run, or train a stat.",
    "DungeonCompletion": "The dungeon is cleared.",
    "Death": "Your hero is dead.",
    "Victory": "All bosses are beaten: you have won.",
}
_NO_RIVAL: Final = "No item of your bag makes you as strong as what you wear; `bag N` compares one."
_REPEAT: Final = "Its level was cleared before: it brings no points, and the clock runs on."
_INPUTS_ROWS: Final = 12
"""The rows of a terminal that the inventory leaves for the inputs, the events and the prompt."""
_ROOMS: Final = {
    "doors": "Choose the door to the next room.",
    "cleared": "The room is cleared. Use its calm, or go on.",
}
_OFFERS: Final = {
    "elite": "The elite is beaten. Take one of its items.",
    "treasure": "A treasure. Take one item; the better ones cost a roll or a fight.",
    "shrine": "An event. Choose one of its options, or go on without.",
    "merchant": "A merchant.",
    "rest": "A place to rest.",
    "trap": "A trap. Choose a way past it.",
}


def place(observation: Observation, canvas: Canvas, facts: Facts) -> list[Spans]:
    """Return the lines on the hero's place; empty in a fight."""
    name = observation.current_state
    if name == "WeaponSelection":
        lines = [line for text in WELCOME for line in [*canvas.text(text, hanging=0), ()]][:-1]
        return lines + _hardships(observation, canvas)
    if name == "Dungeon":
        return _dungeon(observation, canvas) + _bag(observation, canvas)
    if observation.road:
        return canvas.text(Span("On the road. ", Meaning.title), f"{observation.road}.")
    lines = canvas.text(_SENTENCES[name], hanging=0) if name in _SENTENCES else []
    if name == "GameLoop" and observation.region:
        lines = canvas.text(Span(f"{observation.region}. ", Meaning.title), _SENTENCES[name])
    if observation.repeat:
        lines += canvas.text(Span(_REPEAT, Meaning.quiet))
    if facts.too_dear:
        lines += canvas.text(Span(facts.too_dear, Meaning.quiet))
    if name == "Inventory":
        whole = lines + _inventory(observation, canvas, facts)
        if not 0 < canvas.rows < len(whole) + _INPUTS_ROWS:
            return whole
        if observation.player.bag and not any(map(inventory.is_rival, observation.player.bag)):
            lines = canvas.text(_NO_RIVAL, hanging=0)
        return lines + _inventory(observation, canvas, facts, briefly=True)
    if name == "LevelUp":
        lines += _level(observation, canvas)
    return lines + _bag(observation, canvas)


def is_heading(observation: Observation, text: str) -> bool:
    """Return True if the lines of the place begin with what the text of an event says."""
    before, _, name = text.removesuffix(".").partition(": ")
    if observation.road:
        return before == "On the road" and bool(name) and observation.road.startswith(name)
    room, dungeon = observation.current_room, observation.current_dungeon
    if observation.current_state != "Dungeon" or room is None or dungeon is None:
        return False
    return (before, name) == (f"Room {dungeon.room}", room.name)


def _hardships(observation: Observation, canvas: Canvas) -> list[Spans]:
    if not observation.hardships:
        return []
    lines = canvas.text(Span(f"Ascension {observation.ascension}.", Meaning.title), " This run is harder:")
    return [(), *lines, *(part for text in observation.hardships for part in canvas.text(f" - {text}"))]


def _level(observation: Observation, canvas: Canvas) -> list[Spans]:
    lines = []
    if observation.growth is not None:
        brought = ", ".join(map(held, observation.growth.words))
        lines += canvas.text(Span(f" + It brings {brought}.", Meaning.gain), hanging=3)
    held_talents = observation.player.talents
    if not held_talents:
        return lines + canvas.text(Span("Your talents: none yet.", Meaning.quiet))
    text = f"Your talents: {', '.join(held_talents)}. `hero` tells what each does."
    return lines + canvas.text(Span(text, Meaning.quiet))


def _bag(observation: Observation, canvas: Canvas) -> list[Spans]:
    """Return a line for each item that is new in the bag, and one for the best, where it can be worn."""
    items = observation.player.bag
    new = items[len(items) - min(observation.new_items, len(items)) :]
    named = [("New in your bag: ", item) for item in new]
    can_wear = any(choice.input.startswith("equip ") for choice in observation.available_actions)
    best = max(items, key=lambda item: item.score_change, default=None)
    if can_wear and best is not None and best.score_change > 0 and best not in new:
        named.append(("Best in your bag: ", best))
    lines = []
    for title, item in named:
        text = f"{item.number} {item.name}, {held(f'{item.rarity} L{item.level} {item.slot}')}, "
        strength = inventory.strength(item)
        lines += canvas.text(Span(title, Meaning.title), text, Span(held(strength.text), strength.meaning))
    return lines


def _dungeon(observation: Observation, canvas: Canvas) -> list[Spans]:
    room, dungeon = observation.current_room, observation.current_dungeon
    if room is None or dungeon is None:
        return []
    sentence = _OFFERS.get(room.kind, "") if room.phase == "offer" else _ROOMS.get(room.phase, "")
    lines = canvas.text(Span(f"{room.name}. " if room.name else "", Meaning.title), sentence)
    if room.text:
        lines += canvas.text(f"{room.text}.")
    if room.ahead:
        lines += canvas.text(Span(_ahead(room, dungeon), Meaning.quiet))
    return lines


def _ahead(room: RoomView, dungeon: DungeonView) -> str:
    is_at_doors = room.phase == "doors"
    kinds = ", ".join(door.kind for door in room.ahead)
    if dungeon.room + 1 + is_at_doors >= dungeon.rooms:
        grown = f" +{dungeon.guardian_grown} %" if dungeon.guardian_grown else ""
        kinds = f"the {'boss' if dungeon.boss else 'guardian'}{grown}"
    return f"Behind the next room: {kinds}." if is_at_doors else f"The next doors: {kinds}."


def _figures(player: PlayerView, canvas: Canvas) -> list[Spans]:
    """Return one line with the figures that items change."""
    parts = [
        f"STR {player.strength}", f"AGI {player.agility}", f"TEC {player.technique}",
        f"INT {player.intelligence}", f"damage {player.damage}", f"armour {player.armour}",
        f"die {player.hit_at}+ hits {player.combo_at}+ combo {player.critical_at}+ critical",
        f"an action in {player.period / 1000:.1f} s",
    ]  # fmt: skip
    return canvas.listed(parts, Meaning.quiet)


def _inventory(
    observation: Observation, canvas: Canvas, facts: Facts, *, briefly: bool = False
) -> list[Spans]:
    return [
        *_figures(observation.player, canvas),
        *inventory.bag(observation.player, canvas, facts.actions, briefly=briefly),
        *_actions(observation, canvas, briefly=briefly),
    ]


def _actions(observation: Observation, canvas: Canvas, *, briefly: bool = False) -> list[Spans]:
    player = observation.player
    slots = f"{player.strip_slots} slot{'' if player.strip_slots == 1 else 's'}"
    lines = canvas.text(
        Span(" strip", Meaning.title), f" ({slots}; combos play it): {', '.join(player.strip)}", hanging=3
    )
    title = Span(" actions", Meaning.title)
    if briefly:
        names = ", ".join(held(f"{action.number} {action.name}") for action in player.actions)
        return lines + canvas.text(title, f" for `strip`: {names}; `hero` tells what each does", hanging=3)
    lines += canvas.text(title, " by number, for `strip`:")
    for action in player.actions:
        lines += canvas.text(f"  {action.number} {action.name}: {action.text}", hanging=4)
    return lines
