"""A player that tries everything: the heuristic, with drawn answers where a choice shows more of the content.

It draws the weapon, the talents, the answers to offers and events, and the strip, tries consumables in fights
and drops an item at times. All else is the heuristic's, so it comes as far as that nearly does.
"""

from __future__ import annotations

import random
from typing import Final

from msgspec.structs import replace

from dungeonfighter.bots import chores
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.rules.views.observation import Observation

CURIOUS: Final = "curious"
TRIES: Final = 0.06
"""The share of the inputs of a fight in which it tries a consumable."""
DROPS: Final = 0.03
"""The share of the inputs at the hub in which it drops an item."""
_DRAWN: Final = ("WeaponSelection", "LevelUp", "RegionTravel")
"""The situations in which it draws the answer."""


class Curious:
    """See the module. The same seed on the same run plays the same game."""

    name = CURIOUS

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._heuristic = make_policy("heuristic", seed)
        self._known: list[str] = []

    def choose(self, observation: Observation) -> str:
        """Return one legal input that is no pattern."""
        o = observation
        listed = sorted(chores.legal_inputs(o))
        if o.current_state in _DRAWN or _is_offer(o):
            answers = [text for text in listed if text.isdigit() and text not in ("0", "4", "5")]
            return self._dice.choice(answers or ["1"])
        if o.current_state == "Combat":
            goods = [text for text in listed if text.startswith("item ") or text == "6"]
            if goods and self._dice.random() < TRIES:
                return self._dice.choice(goods)
        if o.current_state == "GameLoop":
            if strip := self._strip(o):
                return strip
            if o.player.bag and self._dice.random() < DROPS:
                return "drop 1"
        return self._heuristic.choose(replace(o, player=replace(o.player, actions=[])))

    def _strip(self, o: Observation) -> str:
        """Return a drawn strip when the known actions have changed, else ""."""
        known = [action.name for action in o.player.actions]
        if known == self._known or o.player.strip_slots < 2 or len(known) < 2:
            return ""
        self._known = known
        basic, *others = o.player.actions
        drawn = [basic, *self._dice.sample(others, min(len(others), o.player.strip_slots - 1))]
        self._dice.shuffle(drawn)
        if [action.name for action in drawn] == o.player.strip:
            drawn.reverse()
        return "strip " + ",".join(str(action.number) for action in drawn)


def _is_offer(o: Observation) -> bool:
    room = o.current_room
    return o.current_state == "Dungeon" and room is not None and room.phase == "offer"
