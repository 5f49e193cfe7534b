"""The heuristic's strip: its choice and order of the known actions that combos play.

The view gives actions by name and in words. Their effects are public: the policy looks them up in the
catalogue of the rules, as a person does in docs/rules.md, "Actions". An action that the catalogue does not
have counts as a plain one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import permutations
from typing import Final, NamedTuple

from dungeonfighter.rules import load_rules
from dungeonfighter.rules.catalog import worth
from dungeonfighter.rules.catalog.model import HeroAction
from dungeonfighter.rules.views.observation import Observation

SLOT: Final = 200
EDGE: Final = 800
SET_UP: Final = 800
"""Permille more damage for each slot, at an edge of the strip, and behind one that inflicts a status."""
TRIED: Final = 5
"""The actions at the end of a strip of which every order is tried; those before them are the worst."""
ORDERS_MAX: Final = 4096
"""The greatest number of orders that the cache keeps."""


class Worth(NamedTuple):
    """The worth of a combo with an action, permille of a plain hit: by its damage, and beside that.

    The strip must keep a `basic` action.
    """

    damage: int
    beside: int
    opener: bool
    finisher: bool
    sets_up: bool
    basic: bool


PLAIN: Final = Worth(worth.PLAIN, 0, opener=False, finisher=False, sets_up=False, basic=False)


def better_strip(o: Observation) -> str | None:
    """Return `strip ...` if another choice or order of the known actions is better, else None."""
    p = o.player
    wanted = best_order(tuple(action.name for action in p.actions), p.strip_slots)
    if not wanted or wanted == p.strip:
        return None
    numbers = {action.name: action.number for action in p.actions}
    return "strip " + ",".join(str(numbers[name]) for name in wanted)


@lru_cache(ORDERS_MAX)
def best_order(known: tuple[str, ...], slots: int) -> list[str]:
    """Return the names of the strip, first slot first: the best actions, the basic one among them."""
    worths = {name: _worths().get(name, PLAIN) for name in known}
    ranked = sorted(known, key=lambda name: -worths[name].damage - worths[name].beside)
    chosen = ranked[:slots]
    basics = [name for name in known if worths[name].basic]
    if basics and basics[0] not in chosen:
        chosen[-1:] = basics[:1]
    chosen.sort(key=lambda name: worths[name].damage)
    kept, tried = chosen[:-TRIED], chosen[-TRIED:]
    orders = ([*kept, *order] for order in permutations(tried))
    return max(orders, key=lambda order: _value([worths[name] for name in order]))


def _value(order: Sequence[Worth]) -> int:
    """Return the sum of the worths of the actions in this order."""
    total, last = 0, len(order) - 1
    for place, action in enumerate(order):
        more = SLOT * place
        if (action.opener and not place) or (action.finisher and place and place == last):
            more += EDGE
        if place and order[place - 1].sets_up:
            more += SET_UP
        total += action.damage * (1000 + more) // 1000 + action.beside
    return total


def action_row(name: str) -> HeroAction | None:
    return _rows().get(name)


def sets_up(name: str) -> bool:
    """Return True for an action that sets up the one behind it."""
    return _worths().get(name, PLAIN).sets_up


def beside(row: HeroAction | None) -> float:
    """Return the worth of an action's statuses and healing, in plain hits."""
    return 0.0 if row is None else worth.beside(row) / 1000


@cache
def _rows() -> dict[str, HeroAction]:
    return {row.name: row for row in load_rules().catalogue.actions}


@cache
def _worths() -> dict[str, Worth]:
    return {row.name: _worth(row) for row in load_rules().catalogue.actions}


def _worth(row: HeroAction) -> Worth:
    time = worth.TIME_WORTH * (row.length - 1000) // 1000
    beside = worth.beside(row) - time
    sets = any(effect.who == "foe" and effect.on != "critical" for effect in row.effects)
    return Worth(worth.of_action(row) - beside, beside, row.opener, row.finisher, sets, row.basic)
