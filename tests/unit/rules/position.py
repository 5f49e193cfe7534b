"""Small positions for tests: a hero before an enemy or before doors, with known dice.

The dice are the real ones: `roll` sets the stream to a place from which the wanted faces come next.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from dungeonfighter.rules import GameOptions, Rules, State, Step, load_rules
from dungeonfighter.rules import dice as chance
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.fighting.common import begin_fight
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
"""A face that does not matter, as for the draw of the enemy's next intent."""
LATER = 1_000_000
"""A time of the enemy's action that no test reaches."""


@cache
def rules() -> Rules:
    return load_rules()


def enemy(archetype: str = "beast", *, undead: bool = False, hero_class: str | None = None) -> int:
    """Return the number of the first ordinary enemy with these properties ("" is any archetype)."""
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
    """Return a state before the first doors of a dungeon of this level; `facts` are fields of `Dungeon`."""
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
    """Return a state before one door that leads to a room of this kind."""
    state = doors(weapon, level=level)
    for talent in talents:
        teach(state, talent)
    dungeon = the_dungeon(state)
    place = rules().catalogue.places[dungeon.theme][kind][0]
    dungeon.doors = [Door(int(kind), 1, place)]
    return state


def cleared(**facts: Any) -> State:
    """Return a state in a cleared room."""
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
    """Return a state in a fight: the hero acts at time 0, the enemy once at `at`, the room never.

    The next dice show `faces`; `facts` are fields of `Fight`.
    """
    state = doors(weapon, room=1)
    for talent in talents:
        teach(state, talent)
    cat = rules().catalogue
    fight = begin_fight(
        cat, state, enemy() if against is None else against, rank, level, the_dungeon(state).theme
    )
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
    """Give the hero a talent; return its amount."""
    cat = rules().catalogue
    number = cat.talent_by_key[key]
    state.hero.talents = [*state.hero.talents, number]
    refresh(cat, state.hero)
    return state.hero.figures.perks[NUMBERS[key]]


def roll(state: State, *faces: int) -> None:
    """Set the fight stream so that its next d20s show these faces."""
    state.dice.combat = _stream(faces, "combat")


def roll_event(state: State, *faces: int) -> None:
    """Set the event stream so that the next d20s outside fights show these faces."""
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
    """Play an input and return the health that the enemy loses by it."""
    before = the_fight(state).health
    play(state, text)
    return before - the_fight(state).health


def taken(state: State, text: str) -> int:
    """Play an input and return the health that the hero loses by it."""
    before = state.hero.health
    play(state, text)
    return before - state.hero.health


def inputs(state: State) -> list[str]:
    return [choice.input for choice in rules().legal_inputs(state)]


def happened(step: Step, code: int) -> list[list[int]]:
    return [event for event in step.events if event[0] == code]


def reason_in(refusal: str, text: str) -> str:
    """Return the reason in the words of a refused input; one that begins with "it" follows the input."""
    assert refusal.startswith(f"'{text}' ")
    rest = refusal.removeprefix(f"'{text}' ")
    plain = "is not legal now: "
    return rest.removeprefix(plain) if rest.startswith(plain) else f"it {rest}"
