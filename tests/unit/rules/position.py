"""Small positions for one test each: a hero before an enemy, or before doors, with the next dice known.

The dice are the real ones: `roll` puts the stream where the wanted faces come next.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from dungeonfighter.rules import GameOptions, Rules, State, Step, load_rules
from dungeonfighter.rules import dice as chance
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.fighting.common import begin
from dungeonfighter.rules.state import (
    Dice,
    Door,
    Dungeon,
    Fight,
    Intent,
    Phase,
    Rank,
    RoomKind,
    RoomPhase,
    Weapon,
)
from dungeonfighter.rules.talents import NUMBERS

ANY = 0
"""A face that does not matter; the enemy's choice of its next intent draws one die."""
LATER = 1_000_000
"""A time at which the enemy is not in the way."""


@cache
def rules() -> Rules:
    return load_rules()


def enemy(archetype: str = "beast", *, undead: bool = False, hero_class: str | None = None) -> int:
    """The first ordinary enemy like that."""
    rows = rules().catalogue.enemies
    return next(
        n
        for n, row in enumerate(rows)
        if row.rank == "normal"
        and (archetype in {"", row.archetype})
        and row.undead == undead
        and (hero_class is None or row.hero_class == hero_class)
    )


def hub(weapon: Weapon = Weapon.mace, *, mode: int = 0, seed: int = 1, ranked: bool = False) -> State:
    return rules().new_game(GameOptions(seed=seed, mode=mode, weapon=weapon, ranked=ranked))


def doors(weapon: Weapon = Weapon.mace, *, level: int = 10, mode: int = 0, **facts: Any) -> State:
    """Before the first doors of a dungeon of this level."""
    state = hub(weapon, mode=mode)
    offer = state.world.offers[0]
    state.dungeon = Dungeon(
        theme=offer.theme, level=level, rooms=max(2, (level + 1) // 2), name=0, roster=list(offer.enemies)
    )
    for name, fact in facts.items():
        setattr(state.dungeon, name, fact)
    state.phase = int(Phase.Dungeon)
    return state


def room(
    kind: RoomKind, *, level: int = 10, weapon: Weapon = Weapon.mace, talents: tuple[str, ...] = ()
) -> State:
    """Before one door that leads to a room of this kind."""
    state = doors(weapon, level=level)
    for talent in talents:
        teach(state, talent)
    dungeon = the_dungeon(state)
    place = rules().catalogue.places[dungeon.theme][kind][0]
    dungeon.doors = [Door(int(kind), 1, place)]
    return state


def cleared(**facts: Any) -> State:
    """In a cleared room."""
    return doors(phase=int(RoomPhase.cleared), room=1, **facts)


def combat_state(
    weapon: Weapon = Weapon.mace,
    *,
    against: int | None = None,
    rank: Rank = Rank.normal,
    level: int = 10,
    intent: Intent = Intent.normal,
    at: int = LATER,
    talents: tuple[str, ...] = (),
    faces: tuple[int, ...] = (),
    luck: int = 0,
    health: int = 100_000,
    **facts: Any,
) -> State:
    """In a fight: the hero may act at 0, the enemy once at `at`, the room never; `faces` come next."""
    state = doors(weapon, room=1)
    for talent in talents:
        teach(state, talent)
    cat = rules().catalogue
    fight = begin(cat, state, enemy() if against is None else against, rank, level, the_dungeon(state).theme)
    fight.health = fight.health_max = health
    fight.armour = 0
    fight.intent = int(intent)
    fight.intent_status = cat.enemy_status[fight.enemy_kind] if intent == Intent.status else -1
    fight.enemy.next_at = at
    fight.period = LATER
    fight.luck = luck
    fight.hazards = 2
    for name, fact in facts.items():
        setattr(fight, name, fact)
    state.phase = int(Phase.Combat)
    if faces:
        roll(state, *faces)
    return state


def teach(state: State, key: str) -> int:
    """Give the hero a talent; returns its amount."""
    cat = rules().catalogue
    number = cat.talent_by_key[key]
    state.hero.talents = [*state.hero.talents, number]
    refresh(cat, state.hero)
    return state.hero.figures.perks[NUMBERS[key]]


def roll(state: State, *faces: int) -> None:
    """The next d20s of the fight stream show these faces."""
    state.dice.combat = _stream(faces, "combat")


def roll_event(state: State, *faces: int) -> None:
    """The next d20s outside fights show these faces."""
    state.dice.event = _stream(faces, "event")


@cache
def _stream(faces: tuple[int, ...], name: str) -> int:
    draw = getattr(chance, name)
    for start in range(1, 2_000_000):
        dice = Dice(start, start, start, start)
        if all(draw(dice, 20) + 1 == face or face == ANY for face in faces):
            return start
    raise AssertionError(f"no stream shows {faces}")


def play(state: State, text: str) -> Step:
    return rules().advance(state, text)


def the_fight(state: State) -> Fight:
    assert state.fight is not None
    return state.fight


def the_dungeon(state: State) -> Dungeon:
    assert state.dungeon is not None
    return state.dungeon


def dealt(state: State, text: str) -> int:
    """Health the enemy loses by an input."""
    before = the_fight(state).health
    play(state, text)
    return before - the_fight(state).health


def taken(state: State, text: str) -> int:
    """Health the hero loses by an input."""
    before = state.hero.health
    play(state, text)
    return before - state.hero.health


def inputs(state: State) -> list[str]:
    return [choice.input for choice in rules().legal_inputs(state)]


def happened(step: Step, code: int) -> list[list[int]]:
    return [event for event in step.events if event[0] == code]
