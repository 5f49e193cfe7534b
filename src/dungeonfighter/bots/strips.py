"""The heuristic's strip: its choice and order of the known actions that combos play.

The view gives actions by name and in words. Their effects are public: the policy looks them up in the
catalogue of the rules, as a person does in docs/rules.md, "Actions". An action that the catalogue does not
have counts as a plain one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from dungeonfighter.rules import load_rules
from dungeonfighter.rules.catalog.model import HeroAction
from dungeonfighter.rules.views.observation import Observation

COMBO: Final = 1500
EDGE: Final = 1400
HIT_COST: Final = 80
"""The share that armour takes of each hit, permille of a plain hit."""
TIME_WORTH: Final = 950
"""The worth of the time of a plain attack, in the same unit."""
EFFECTS: Final = {
    # the worth of one point on the fighter that suffers it, permille of a plain hit
    "poison": 110, "burn": 150, "acid": 60, "bleed": 150, "weaken": 300, "stun": 900, "slow": 300,
    "confusion": 350, "pierce": 100, "fortify": 60, "shield": 300, "roll_penalty": 90, "mark": 450,
}  # fmt: skip


class Worth(NamedTuple):
    """The worth of an action in the first, the last and a middle slot, permille of a plain hit.

    `beside` is the part of the worth that is no damage: statuses, healing, time. The strip must keep a
    `basic` action.
    """

    first: int
    last: int
    middle: int
    beside: int
    basic: bool


PLAIN: Final = Worth(1500, 1500, 1500, 0, basic=False)


def better_strip(o: Observation) -> str | None:
    """Return `strip ...` if another choice or order of the known actions is better, else None."""
    p = o.player
    known = [action.name for action in p.actions]
    wanted = best_order(known, p.strip_slots)
    if not wanted or wanted == p.strip:
        return None
    numbers = {action.name: action.number for action in p.actions}
    return "strip " + ",".join(str(numbers[name]) for name in wanted)


def best_order(known: list[str], slots: int) -> list[str]:
    """Return the names of the strip, first slot first: the best actions, the basic one, a finisher last."""
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
    """Move the action that gains most at `place` to that place; change no order in which none gains."""
    best = max(order, key=gain, default="")
    if best and gain(best) > 0:
        order.remove(best)
        order.insert(place if place == 0 else len(order), best)


def action_row(name: str) -> HeroAction | None:
    return _rows().get(name)


def beside(row: HeroAction | None) -> float:
    """Return the worth of an action's statuses and healing, in plain hits."""
    return 0.0 if row is None else _beside(row) / 1000


@cache
def _rows() -> dict[str, HeroAction]:
    return {row.name: row for row in load_rules().catalogue.actions}


@cache
def _worths() -> dict[str, Worth]:
    return {row.name: _worth(row) for row in load_rules().catalogue.actions}


def _worth(row: HeroAction) -> Worth:
    damage = row.hits * (row.damage - HIT_COST * (1000 - row.pierce) // 1000)
    beside = _beside(row) - TIME_WORTH * (row.length - 1000) // 1000
    middle = damage * COMBO // 1000 + beside
    edge = damage * COMBO // 1000 * EDGE // 1000 + beside
    return Worth(edge if row.opener else middle, edge if row.finisher else middle, middle, beside, row.basic)


def _beside(row: HeroAction) -> int:
    rare = {"critical": 5}
    worth = sum(EFFECTS.get(e.status, 0) * e.amount // rare.get(e.on, 1) for e in row.effects)
    return worth + 3 * row.heal
