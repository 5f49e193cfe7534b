"""The words of inputs with numbers or a slot: `drop n`, `strip a,b`, `trade a,b,c,d,e`, `wares slot`.

The menu has one example of each. Its label and the text view add the gold that the input pays or costs.

Source: docs/tools.md, "Views"; docs/rules.md, "Inputs".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules.character import inventory, prices
from dungeonfighter.rules.state import Hero, State
from dungeonfighter.rules.views.observation import Choice

_WARES_OF_A_SLOT: Final = "|wares slot"
_DROP: Final = "|drop n"
_TRADE: Final = "|trade "


def pattern_text(choice: Choice) -> str:
    """Return the words of a pattern in a line; of a trade, where not any numbers will do, the example."""
    return choice.input if choice.input.startswith("trade") else choice.pattern


def pattern_label(hero: Hero, choice: Choice) -> str:
    """Return the label of an example, with the gold that a drop pays or a trade costs."""
    verb, _, numbers = choice.input.partition(" ")
    if verb == "drop":
        return f"drop a bag item for {_drops(hero)} gold"
    if verb == "trade":
        return f"{choice.label}, and {inventory.trade_price(hero, numbers)} gold"
    return choice.label


def with_gold(state: State, line: str) -> str:
    """Return a line of inputs with the gold that its patterns pay and cost."""
    hero = state.hero
    if line.endswith(_WARES_OF_A_SLOT):
        return f"{line} {prices.reroll(hero, state.world, chosen=True)} gold"
    if _DROP in line:
        line = line.replace(_DROP, f"{_DROP}: {_drops(hero)} gold", 1)
    _, trade, numbers = line.partition(_TRADE)
    return f"{line} for {inventory.trade_price(hero, numbers)} gold" if trade else line


def _drops(hero: Hero) -> str:
    """Return the gold for dropping an item of the bag as a range: "5-40"; "5" if all are alike."""
    pay = sorted(prices.dropped(hero, item) for item in hero.bag)
    return f"{pay[0]}-{pay[-1]}" if pay[0] < pay[-1] else f"{pay[0]}"
