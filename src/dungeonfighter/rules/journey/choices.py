"""The choices of events: the options of a shrine, a trap or an event of travel, and what they do.

Source: docs/rules.md, "Events".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import dice, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import EVENT_STATS, EventOption
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import trades
from dungeonfighter.rules.state import Hero, State
from dungeonfighter.rules.talents import Perk

_AGI: Final = 1
FACES: Final = 20
_USELESS: Final = {
    "scar": "you have no scar",
    "sight": "no doors follow",
    "health": "you have full health",
    "xp": "you are too strong to learn from it",
}
"""The reason why a gain would change nothing, by its thing."""


def options_open(cat: Catalogue, state: State, number: int, level: int) -> int:
    """Return a mask of the options of an event that the hero can take now: bit n is the option n."""
    options = cat.events[number].options
    return sum(is_open(cat, state, option, level) << place for place, option in enumerate(options))


def is_open(cat: Catalogue, state: State, option: EventOption, level: int) -> bool:
    """Return True if the hero can pay the cost and the gain would be worth something."""
    return trades.payable(cat, state, option.cost, level) and trades.useful(state, option.gain, level)


def refusal(cat: Catalogue, state: State, number: int, place: int, level: int) -> str:
    """Return the reason why an option of an event is closed; "" if it is open or does not exist."""
    options = cat.events[number].options
    if not 0 <= place < len(options) or is_open(cat, state, options[place], level):
        return ""
    option = options[place]
    if trades.payable(cat, state, option.cost, level):
        return _USELESS[option.gain[0]]
    what, amount = option.cost
    hero = state.hero
    if what == "gold":
        return f"it costs {trades.gold_of(level, amount)} gold, and you have {hero.gold}"
    if what == "health":
        return f"it costs {hero.figures.health_max * amount // 1000} hp, and you have {hero.health}"
    if what == "xp":
        return f"it costs {tables.unit(level) * amount // 1000} xp, and you have {hero.xp}"
    if what == "scar":
        return f"nobody bears more than {tables.SCARS_MAX} scars"
    return f"you have no {what}" if amount == 1 else f"you have not {amount} of {what}"


def bonus(hero: Hero, stat: str) -> int:
    """Return what a stat adds to the die of an option."""
    place = EVENT_STATS.index(stat)
    return (hero.figures.agility if place == _AGI else hero.stats[place]) // 4


def chance(needed: int, added: int) -> int:
    """Return the percent of faces of the d20 with which the total reaches `needed`."""
    return 100 * min(FACES, max(0, FACES + 1 + added - needed)) // FACES


def trap_chance(hero: Hero) -> int:
    """Return the percent chance to go through a trap unharmed."""
    return chance(tables.TRAP_AVOIDED, bonus(hero, "agi"))


def lock_chance(hero: Hero) -> int:
    """Return the percent chance to force the lock of a treasure."""
    return chance(tables.LOCK_OPENS, bonus(hero, "tec"))


def lock_costs(hero: Hero, level: int) -> tuple[int, int]:
    """Return the health that a lock which snaps costs, and the gold that it leaves."""
    gold = trades.gold_of(level, tables.LOCK_GOLD) * hero.figures.gold // 1000
    return hero.figures.health_max * tables.LOCK_COSTS // 1000, gold


def spared(hero: Hero, kind: str) -> int:
    """Return the factor in permille on the health or gold that a lost roll of such an event costs."""
    return (hero.figures.perks[Perk.hazard_ward] or 1000) if kind == "trap" else 1000


def trap_weight(hero: Hero) -> int:
    """Return the factor in permille on what a trap costs a hero who goes through it."""
    return tables.TRAP_WEIGHT * spared(hero, "trap") // 1000


def take(cat: Catalogue, state: State, number: int, place: int, level: int) -> None:
    """Take the option of an event at `place` (from 0): pay and get, or let the die decide between both."""
    option = cat.events[number].options[place]
    if not option.roll:
        state.log.append([Event.OptionTaken, number, place])
        trades.pay(cat, state, option.cost, level)
        trades.give(cat, state, option.gain, level)
        return
    die, added = dice.d20(state.dice), bonus(state.hero, option.stat)
    state.log.append([Event.OptionRolled, number, place, die, added])
    if die + added >= option.roll:
        trades.give(cat, state, option.gain, level)
    else:
        trades.pay(cat, state, option.cost, level, spared(state.hero, cat.events[number].kind))
