"""The words for events and their options: what each option costs, gives, and how likely.

An option reads `fill it: give 58 hp for STR 2`, or with a die `reach in: 45 % get 90 gold, else give 51 hp`.

Source: docs/rules.md, "Events".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import EVENT_STATS
from dungeonfighter.rules.journey import choices, road, trades
from dungeonfighter.rules.state import Dungeon, State
from dungeonfighter.rules.views.amounts import experience, healed

Trade = trades.Trade
_Words = Callable[[State, int, int], str]


def cost_words(state: State, trade: Trade, level: int, weight: int = 1000) -> str:
    """Return the words of a cost: "53 hp", "50 gold", "1 potion", "guardian +9 %"; "" for none.

    Args:
        weight: The factor in permille on a cost in health or gold.
    """
    what, amount = trade
    if what == "health":
        return f"{state.hero.figures.health_max * amount // 1000 * weight // 1000} hp"
    if what == "gold":
        return f"{trades.gold_of(level, amount) * weight // 1000} gold"
    return _COSTS[what](state, amount, level) if what else ""


def gain_words(state: State, trade: Trade, level: int) -> str:
    """Return the words of a gain: "53 hp", "STR 2", "an item, 1 rarity up"; "" for none."""
    what, amount = trade
    return _GAINS[what](state, amount, level) if what else ""


def option_words(cat: Catalogue, state: State, number: int, place: int, level: int) -> str:
    """Return the words of an option of an event; "" if the event has no such option."""
    row = cat.events[number]
    if not 0 <= place < len(row.options):
        return ""
    option = row.options[place]
    gain = gain_words(state, option.gain, level)
    if option.roll:
        cost = cost_words(state, option.cost, level, choices.spared(state.hero, row.kind))
        odds = choices.chance(option.roll, choices.bonus(state.hero, option.stat))
        return f"{option.text}: {odds} % get {gain}, else give {cost}"
    cost = cost_words(state, option.cost, level)
    if not cost:
        return f"{option.text}: get {gain}"
    return f"{option.text}: give {cost} for {gain}" if gain else f"{option.text}: give {cost}"


def offer_words(cat: Catalogue, state: State, dungeon: Dungeon, number: int) -> str:
    """Return the words of an input at a shrine or trap; "" for those of the menu."""
    event = dungeon.offer[0]
    if number >= 2:
        return option_words(cat, state, event, number - 2, dungeon.level)
    row = cat.events[event]
    if row.kind != "trap":
        return ""
    cost = cost_words(state, row.cost, dungeon.level, choices.trap_weight(state.hero))
    odds = choices.chance(tables.TRAP_AVOIDED, state.hero.figures.agility // 4)
    return f"go through: {odds} % unharmed, else give {cost}"


def road_words(cat: Catalogue, state: State, number: int) -> str:
    """Return the words of an input at an event on the road; "" for those of the menu."""
    event = road.event_of(state)
    if event < 0:
        return ""
    level = road.level_of(state)
    if number >= 2:
        return option_words(cat, state, event, number - 2, level)
    row = cat.events[event]
    if not row.cost[0]:
        return ""
    odds = choices.chance(tables.TRAVEL_AVOIDS, 0)
    return f"pass by: {odds} % unharmed, else give {cost_words(state, row.cost, level)}"


def event_lines(cat: Catalogue, state: State, number: int, level: int) -> list[str]:
    """Return the lines about an event: its text, and the options that are closed now."""
    row = cat.events[number]
    closed = [
        f"Not now: {place + 2} {option_words(cat, state, number, place, level)}."
        for place, option in enumerate(row.options)
        if not choices.is_open(cat, state, option, level)
    ]
    return [" ".join([f"{row.text}.", *closed])]


def road_lines(cat: Catalogue, state: State) -> list[str]:
    event = road.event_of(state)
    return event_lines(cat, state, event, road.level_of(state)) if event >= 0 else []


def _many(amount: int, one: str) -> str:
    return f"{amount} {one}{'' if amount == 1 else 's'}"


def _counted(one: str) -> _Words:
    return lambda state, amount, level: _many(amount, one)


def _guardian(state: State, amount: int, level: int) -> str:
    who = "boss" if state.dungeon is not None and state.dungeon.boss else "guardian"
    return f"{who} {amount * tables.GATHER / 10:+g} %"


def _stat(state: State, amount: int, level: int) -> str:
    return f"{EVENT_STATS[state.hero.kind].upper()} {amount}"


_COSTS: Final[dict[str, _Words]] = {
    "xp": lambda state, amount, level: f"{tables.unit(level) * amount // 1000} xp",
    "scar": lambda state, amount, level: f"{_many(amount, 'scar')} (-5 % health)",
    "status": lambda state, amount, level: f"weakness {amount} in the next fight",
    "guardian": _guardian,
    "turns": _counted("turn"),
    **{good: _counted(good) for good in trades.GOODS},
}
_GAINS: Final[dict[str, _Words]] = {
    "health": lambda state, amount, level: f"{healed(state.hero, amount)} hp",
    "gold": lambda state, amount, level: f"{trades.gold_of(level, amount)} gold",
    "xp": lambda state, amount, level: f"{experience(state.hero, amount, level)} xp",
    "stat": _stat,
    "item": lambda state, amount, level: f"an item, {amount} rarity up" if amount else "an item",
    "scar": lambda state, amount, level: f"{_many(amount, 'scar')} healed",
    "status": lambda state, amount, level: f"a shield {amount} in the next fight",
    "guardian": lambda state, amount, level: _guardian(state, -amount, level),
    "sight": lambda state, amount, level: "a look behind the next doors",
    "time": lambda state, amount, level: f"{_many(amount, 'turn')} more until they stir",
    "good": _counted("drawn consumable"),
    **{good: _counted(good) for good in trades.GOODS},
}
