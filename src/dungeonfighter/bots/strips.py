"""The heuristic's strip: which known actions it plays on combos, and in which order.

The view gives actions by name and in words; what they do is public, in the catalogue that comes with the
rules, and looked up there as a person looks it up in docs/rules.md. An action the catalogue does not have
counts as a plain one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from dungeonfighter.rules import load_rules
from dungeonfighter.rules.catalog.model import HeroAction
from dungeonfighter.rules.views.observation import Observation

COMBO: Final = 1500
EDGE: Final = 1250
BLOW_COST: Final = 80
"""What armour takes of each blow, permille of a plain hit."""
TIME_WORTH: Final = 950
"""What the time of a plain attack is worth, in the same measure."""
EFFECTS: Final = {
    # worth of one point on its victim, permille of a plain hit
    "poison": 110, "burn": 150, "acid": 60, "bleed": 150, "weaken": 300, "stun": 900, "slow": 300,
    "confusion": 350, "pierce": 100, "fortify": 60, "shield": 300, "roll_penalty": 90, "mark": 450,
}  # fmt: skip


class Worth(NamedTuple):
    """An action's worth in the first slot, in the last, and anywhere else; `basic` must stay in the strip.

    `beside` is the part that is no damage: statuses, healing, time.
    """

    first: int
    last: int
    middle: int
    beside: int
    basic: bool


PLAIN: Final = Worth(1500, 1500, 1500, 0, basic=False)


def better_strip(o: Observation) -> str | None:
    """`strip ...` if another choice or order of the known actions is better, else None."""
    p = o.player
    known = [action.name for action in p.actions]
    wanted = best_order(known, p.strip_slots)
    if not wanted or wanted == p.strip:
        return None
    numbers = {action.name: action.number for action in p.actions}
    return "strip " + ",".join(str(numbers[name]) for name in wanted)


def best_order(known: list[str], slots: int) -> list[str]:
    """The names to play, first slot first: the best, the basic among them, a finisher at the end."""
    worths = {name: _worths().get(name, PLAIN) for name in known}
    ranked = sorted(known, key=lambda name: -max(worths[name]))
    chosen = ranked[:slots]
    basics = [name for name in known if worths[name].basic]
    if basics and basics[0] not in chosen:
        chosen[-1:] = basics[:1]
    order = sorted(chosen, key=lambda name: -worths[name].middle)
    _move(order, -1, lambda name: worths[name].last - worths[name].middle)
    _move(order, 0, lambda name: worths[name].first - worths[name].middle)
    return order


def _move(order: list[str], place: int, gain: Callable[[str], int]) -> None:
    """Put the one that gains most there, if one does."""
    best = max(order, key=gain, default="")
    if best and gain(best) > 0:
        order.remove(best)
        order.insert(place if place == 0 else len(order), best)


def combo_worth(action: str) -> tuple[float, float]:
    """What a combo with that action is worth in plain hits: its damage, and its statuses and time."""
    worth = _worths().get(action, PLAIN)
    return (worth.middle - worth.beside) / 1000, worth.beside / 1000


@cache
def _worths() -> dict[str, Worth]:
    return {row.name: _worth(row) for row in load_rules().catalogue.actions}


def _worth(row: HeroAction) -> Worth:
    blows = row.hits * (row.damage - BLOW_COST * (1000 - row.pierce) // 1000)
    beside = sum(EFFECTS.get(effect.status, 0) * effect.amount for effect in row.effects) + 3 * row.heal
    beside -= TIME_WORTH * (row.length - 1000) // 1000
    middle = blows * COMBO // 1000 + beside
    edge = blows * COMBO // 1000 * EDGE // 1000 + beside
    return Worth(edge if row.opener else middle, edge if row.finisher else middle, middle, beside, row.basic)
