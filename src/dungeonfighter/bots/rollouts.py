"""Simulated fights: each input is tried with the same fresh dice, and a quick player fights on to the end.

A simulation runs on the rules themselves, in a state that `imagined` makes from the view. The input with the
greatest mean worth of the end is the best one. Inputs that fall behind clearly are tried no further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from dungeonfighter.bots.imagined import catalogue
from dungeonfighter.rules import codec, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.dice import streams
from dungeonfighter.rules.fighting import combat
from dungeonfighter.rules.fighting.common import Result
from dungeonfighter.rules.fighting.statuses import MARK, PIERCE, SHIELD, SLOW, WEAKEN
from dungeonfighter.rules.inputs import item_input
from dungeonfighter.rules.state import Fight, Intent, Rank, Stance, State

HEALTH: Final = 0.10
"""The worth of full health after the fight, where survival is 1; the others are those of one thing each."""
POTION: Final = 0.03
BOMB: Final = 0.02
GOOD: Final = 0.005
KILL: Final = 0.12
"""The worth of an ordinary enemy's or elite's death: its reward, and that the guardian does not gather."""
PAST: Final = -0.10
"""The worth of having slipped past one."""
FLIGHT: Final = -0.75
"""The worth of having fled from a guardian."""
ACTIONS_MAX: Final = 80
"""The most inputs of a simulated fight; a longer one counts as undecided."""
ROUND: Final = 8
"""The simulations of each input between two looks at which inputs fall behind."""
BEHIND: Final = 1.6
"""The lead over an input, in standard errors of the difference, at which it is tried no further."""
LEAD: Final = 2.0
"""The lead over the usual input, in the same unit, that another one needs at the end."""
DRINK_BELOW: Final = 45
DRINK_IN_NEED_BELOW: Final = 80
"""Percent of health."""

_HEAVY, _CRUSH = int(Intent.heavy), int(Intent.crush)
_DEFEND, _FEINT, _STATUS = int(Intent.defend), int(Intent.feint), int(Intent.status)
_ORDINARY: Final = (int(Rank.normal), int(Rank.elite))
_ATTACK, _PRECISE, _POWER = int(Stance.attack), int(Stance.precise), int(Stance.power)


class Rollouts:
    """The simulations of one decision."""

    def __init__(self, state: State) -> None:
        self._cat = catalogue()
        self._state = state
        self._state.log = []
        self._potion = self._cat.consumable_at[tables.POTION]
        self._bomb = self._cat.consumable_at[tables.POTION + 1]
        self._goods = {item_input(number): number for number in range(len(self._cat.consumables))}
        self._seed = state.turn * 1_000_003 + state.hero.health * 101

    def best(
        self, inputs: Iterable[str], usual: str, budget: int, is_late: Callable[[], bool] = lambda: False
    ) -> str:
        """Return the input with the greatest mean worth, of at most `budget` simulated fights.

        `is_late` is asked after each round of `ROUND` fights for each input; no round follows once it is so.
        It must be ahead of the usual one by more than chance explains; else the usual one is returned.
        """
        worths: dict[str, list[float]] = {text: [] for text in inputs}
        worths.setdefault(usual, [])
        done, spent = 0, 0
        while len(worths) > 1 and (not done or (spent + len(worths) * ROUND <= budget and not is_late())):
            for text, found in worths.items():
                found += [self.worth(text, self._seed + number) for number in range(done, done + ROUND)]
            done += ROUND
            spent += len(worths) * ROUND
            worths = _remaining(worths, usual)
        best = max(worths, key=lambda text: (sum(worths[text]), text == usual, text))
        if best == usual or _behind(worths[usual], worths[best], LEAD):
            return best
        return usual

    def worth(self, text: str, seed: int) -> float:
        """Return the worth of the end of one simulated fight that begins with this input."""
        state = codec.copy(self._state)
        state.dice = streams(seed)
        fight = state.fight
        assert fight is not None
        result = self._play(state, text)
        acts = 1
        while result == Result.goes_on and acts < ACTIONS_MAX:
            result = self._play(state, self._usual(state, fight))
            acts += 1
        if result == Result.died:
            return 0.0
        hero = state.hero
        goods = hero.consumables
        left = HEALTH * max(0, hero.health) / hero.figures.health_max
        left += POTION * goods[self._potion] + BOMB * goods[self._bomb] + GOOD * sum(goods)
        ordinary = fight.rank in _ORDINARY
        if result == Result.won and ordinary:
            return 1.0 + KILL + left
        if result in (Result.fled, Result.stalled, Result.goes_on):
            return 1.0 + (PAST if ordinary else FLIGHT) + left
        return 1.0 + left

    def _play(self, state: State, text: str) -> int:
        cat = self._cat
        if text in _STANCES:
            return combat.attack(cat, state, _STANCES[text])
        if text == "4":
            return combat.guard(cat, state)
        if text == "8":
            return combat.flee(cat, state)
        number = {"5": self._potion, "6": self._bomb}.get(text)
        return combat.use(cat, state, self._goods[text] if number is None else number)

    def _usual(self, state: State, fight: Fight) -> str:
        """Return the input of the quick player: it answers what comes before its next action."""
        hero = state.hero
        period = hero.figures.period
        if fight.hero.statuses[SLOW]:
            period = period * tables.SLOWED // 1000
        wait = fight.enemy.next_at - fight.hero.next_at
        soon, shown = wait < period, fight.intent
        hurts = _hurts(self._cat, state, fight)
        heavy = soon and shown in (_HEAVY, _CRUSH)
        health, most = hero.health * 100, hero.figures.health_max
        if hero.consumables[self._potion]:
            if health < DRINK_BELOW * most and not (
                heavy and hurts * tables.GUARDED[shown] < hero.health * 1000
            ):
                return "5"
            if soon and hurts >= hero.health and health < DRINK_IN_NEED_BELOW * most:
                return "4" if heavy else "5"
        if hero.consumables[self._bomb] and fight.rank:
            return "6"
        if not soon:
            safe = wait * 2 >= period * 3 or shown == _DEFEND
            return "3" if (safe or fight.opening) and shown not in tables.INTERRUPTED else "2"
        return self._answer(fight, hurts, hero.health, wait * 2 < period)

    @staticmethod
    def _answer(fight: Fight, hurts: int, health: int, late: bool) -> str:
        shown = fight.intent
        if shown in (_HEAVY, _CRUSH):
            return "4"
        if shown in tables.INTERRUPTED:
            return "4" if shown == _STATUS and late else "2"
        if shown == _DEFEND:
            return "3"
        if hurts * 3 > health:
            return "1" if shown == _FEINT else "4"
        return "3" if fight.opening else "1"


_STANCES: Final = {"1": _ATTACK, "2": _PRECISE, "3": _POWER}


def _hurts(cat: Catalogue, state: State, fight: Fight) -> int:
    """Return about the damage of a plain hit of the shown action."""
    factor = tables.INTENT_DAMAGE[fight.intent]
    if not factor:
        return 0
    hurts = fight.damage * factor // 1000
    if cat.enemy_beats[fight.enemy_kind] == state.hero.kind:
        hurts = hurts * tables.WHEEL // 1000
    if not fight.enemy.statuses[PIERCE]:
        hurts -= fight.hero_armour
    own = fight.hero.statuses
    if own[WEAKEN]:
        hurts = hurts * tables.WEAKENED // 1000
    if own[MARK]:
        hurts = hurts * tables.MARKED // 1000
    if own[SHIELD]:
        hurts = hurts * tables.SHIELDED // 1000
    return max(tables.DAMAGE_MIN, hurts)


def _remaining(worths: dict[str, list[float]], usual: str) -> dict[str, list[float]]:
    """Return the inputs that are not clearly behind the best one, and always the usual one."""
    best = max(worths, key=lambda text: sum(worths[text]))
    return {
        text: found
        for text, found in worths.items()
        if text == usual or not _behind(found, worths[best], BEHIND)
    }


def _behind(found: Sequence[float], best: Sequence[float], errors: float) -> bool:
    """Return True if the mean is lower by more than so many standard errors of the paired difference."""
    apart = [ahead - one for ahead, one in zip(best, found, strict=True)]
    total = sum(apart)
    if total <= 0.0:
        return False
    mean = total / len(apart)
    spread = sum((one - mean) ** 2 for one in apart) / (len(apart) - 1)
    return mean * mean * len(apart) > errors * errors * spread
