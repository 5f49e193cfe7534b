"""The words for events and their options: what each option costs, gives, and how likely.

An option reads `fill it: lose 58 hp, get STR +2`, with a die `reach in: 45% get 90 gold, else lose 51 hp`.
Cost and gain are clauses of their own, so each has the verb that fits it.

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
    """Return the clause of a cost: "lose 53 hp", "pay 50 gold", "guardian +9 %"; "" for none.

    Args:
        weight: The factor in permille on a cost in health or gold.
    """
    what, amount = trade
    if what == "health":
        return f"lose {state.hero.figures.health_max * amount // 1000 * weight // 1000} hp"
    if what == "gold":
        return f"pay {trades.gold_of(level, amount) * weight // 1000} gold"
    return _COSTS[what](state, amount, level) if what else ""


def gain_words(state: State, trade: Trade, level: int) -> str:
    """Return the clause of a gain: "get 53 hp", "get STR +2", "see behind the next doors"; "" for none."""
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
        return f"{option.text}: {odds}% {gain}, else {cost}"
    cost = cost_words(state, option.cost, level)
    return f"{option.text}: {', '.join(filter(None, (cost, gain)))}"


def offer_words(cat: Catalogue, state: State, dungeon: Dungeon, number: int) -> str:
    """Return the words of an input at a shrine or trap; "" for those of the menu."""
    event = dungeon.offer[0]
    if number >= 2:
        return option_words(cat, state, event, number - 2, dungeon.level)
    row = cat.events[event]
    if row.kind != "trap":
        return ""
    cost = cost_words(state, row.cost, dungeon.level, choices.trap_weight(state.hero))
    odds = choices.trap_chance(state.hero)
    return f"go through: {odds}% unharmed, else {cost}"


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
    return f"pass by: {odds}% unharmed, else {cost_words(state, row.cost, level)}"


def event_lines(cat: Catalogue, state: State, number: int, level: int) -> list[str]:
    """Return the lines about an event: its text, and the options that are closed now."""
    return [" ".join([f"{cat.events[number].text}.", *_closed(cat, state, number, level)])]


def event_text(cat: Catalogue, state: State, number: int, level: int) -> str:
    """Return the text of an event and the options that are closed now, as the json view has them."""
    sentences = [cat.events[number].text, *_closed(cat, state, number, level)]
    return ". ".join([sentence.rstrip(".") for sentence in sentences])


def _closed(cat: Catalogue, state: State, number: int, level: int) -> list[str]:
    """Return a sentence for each closed option: `Not now: 2 pray: give 1 bomb (you have no bomb).`"""
    return [
        f"Not now: {place + 2} {option_words(cat, state, number, place, level)} ({why})."
        for place in range(len(cat.events[number].options))
        if (why := choices.refusal(cat, state, number, place, level))
    ]


def road_lines(cat: Catalogue, state: State) -> list[str]:
    event = road.event_of(state)
    return event_lines(cat, state, event, road.level_of(state)) if event >= 0 else []


def road_text(cat: Catalogue, state: State) -> str:
    """Return the same as `event_text` for the event on the road; "" if none waits for an answer."""
    event = road.event_of(state)
    return event_text(cat, state, event, road.level_of(state)) if event >= 0 else ""


def _many(amount: int, one: str) -> str:
    return f"{amount} {one}{'' if amount == 1 else 's'}"


def _counted(verb: str, one: str) -> _Words:
    return lambda state, amount, level: f"{verb} {_many(amount, one)}"


def _guardian(state: State, amount: int, level: int) -> str:
    who = "boss" if state.dungeon is not None and state.dungeon.boss else "guardian"
    return f"{who} {amount * tables.GATHER / 10:+g}%"


def _stat(state: State, amount: int, level: int) -> str:
    return f"get {EVENT_STATS[state.hero.kind].upper()} +{amount}"


_COSTS: Final[dict[str, _Words]] = {
    "xp": lambda state, amount, level: f"lose {tables.unit(level) * amount // 1000} xp",
    "scar": lambda state, amount, level: (
        f"get {_many(amount, 'scar')} (-{tables.SCAR * amount / 10:g}% health)"
    ),
    "status": lambda state, amount, level: f"start the next fight with weaken {amount}",
    "guardian": _guardian,
    "turns": _counted("lose", "turn"),
    **{good: _counted("give", good) for good in trades.GOODS},
}
_GAINS: Final[dict[str, _Words]] = {
    "health": lambda state, amount, level: f"get {healed(state.hero, amount)} hp",
    "gold": lambda state, amount, level: f"get {trades.gold_of(level, amount)} gold",
    "xp": lambda state, amount, level: f"get {experience(state.hero, amount, level)} xp",
    "stat": _stat,
    "item": lambda state, amount, level: f"get an item (rarity +{amount})" if amount else "get an item",
    "scar": lambda state, amount, level: f"heal {_many(amount, 'scar')}",
    "status": lambda state, amount, level: f"start the next fight with shield {amount}",
    "guardian": lambda state, amount, level: _guardian(state, -amount, level),
    "sight": lambda state, amount, level: "see behind the next doors",
    "time": lambda state, amount, level: f"get {_many(amount, 'turn')} more until the dungeons stir",
    "good": _counted("get", "random consumable"),
    **{good: _counted("get", good) for good in trades.GOODS},
}
