"""The heuristic's answers to events: what the options of shrines, traps and the road cost and give.

It reads the labels (`fill it: lose 58 hp, get STR +2`, `reach in: 45% get 9 gold, else lose 51 hp`). The
worth of a thing is a guess in points of a tenth of the health, so only large differences decide. Of a chance
it counts the loss alone: to count the gain, too, changed its score by -0.28 +- 1.19 (seeds 0 to 399).
"""

from __future__ import annotations

import re
from typing import Final

from dungeonfighter.bots import chores
from dungeonfighter.rules.views.observation import Observation

_NUMBER: Final = re.compile(r"\d+")
_STATS: Final = ("STR", "AGI", "TEC", "INT")
LEAST_SHARE: Final = 0.45
"""The share of health below which it pays no health for anything."""


def best_option(o: Observation) -> str:
    """Return the input of the event's best option; 1, the plain way, if no other is better."""
    worth = {
        choice.input: worth_of(o, choice.label) for choice in o.available_actions if choice.input.isdigit()
    }
    return min(worth, key=lambda text: (-worth[text], text), default="1")


def worth_of(o: Observation, label: str) -> float:
    """Return the worth of an option by its label; 0 for one that neither costs nor gives."""
    _, _, words = label.partition(": ")
    won, _, lost = words.partition(", else ")
    if lost:
        return -(1 - _first(won) / 100) * _paid(o, lost)
    cost, comma, gain = words.partition(", ")
    if not comma and words.startswith("get ") and "scar" not in words:
        return _gained(o, words)
    return _gained(o, gain) - _paid(o, cost) if cost else 0.0


def _paid(o: Observation, words: str) -> float:
    p = o.player
    number = _first(words)
    if words.endswith("hp"):
        share = number / p.health_max
        return share * 12 if chores.health_share(o) - share > LEAST_SHARE else share * 40
    if words.endswith("gold"):
        return 2.0 * number / max(1, p.gold)
    if words.endswith(("turn", "turns")):
        return 0.25 * number
    if "%" in words:  # the guardian's strength, or a scar
        return 3.0 if "scar" in words else 0.25 * _percent(words)
    return next((worth for word, worth in _COSTS if word in words), 2.0)


def _gained(o: Observation, words: str) -> float:
    p = o.player
    number = _first(words)
    if words.endswith("hp"):
        return 10.0 * number / p.health_max
    if words.endswith("gold"):
        return 3.0 * number / (30 + 10 * p.level)
    if words.endswith("xp"):
        return 10.0 * number / max(1, p.xp_next)
    if "potion" in words:
        return 4.0 if p.potions < p.potions_max else 0.5
    if "item" in words:
        return 3.0 + 2.0 * number * ("rarity" in words)
    if any(stat in words for stat in _STATS):
        return 3.0 * number
    if "%" in words:
        return 0.2 * _percent(words)
    return next((worth for word, worth in _GAINS if word in words), 0.0)


_COSTS: Final = (("potion", 4.0), ("bomb", 3.0), ("ration", 2.5), ("weaken", 2.0), ("xp", 2.0))
_GAINS: Final = (
    ("bomb", 2.5), ("ration", 2.0), ("consumable", 1.5), ("shield", 1.5), ("scar", 2.0), ("turn", 0.5),
    ("see behind", 0.5),
)  # fmt: skip


def _first(words: str) -> int:
    found = _NUMBER.search(words)
    return int(found[0]) if found else 0


def _percent(words: str) -> int:
    """Return the number before the percent sign, for example 9 of "guardian +9 %"."""
    return _first(words.partition("%")[0])
