"""A planner of several actions in one fight: an expectimax over a small model of the fight.

The model has the figures that the view tells and the pattern of the enemy, which docs/rules.md lists. It
takes the strip action of now for all combos, and the mean of the enemy's damage together with the chance that
it kills. It never sees the dice of the run. A value is a cost in health points, as in `fightsense`.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from dungeonfighter.bots import fightsense
from dungeonfighter.bots.strikes import ATTACK, POWER, PRECISE, STEADY, Stance, Strikes, bands_of
from dungeonfighter.bots.threats import GUARDED, GUARDED_USUALLY, HEAVIES, INTERRUPTED, Threats
from dungeonfighter.rules import load_rules
from dungeonfighter.rules.state import Intent
from dungeonfighter.rules.views.observation import CombatView, Observation

OPTIONS: Final = 12
"""The mean number of outcomes of one own action, by which a budget becomes a depth."""
DEPTH_MAX: Final = 5
CLEARLY: Final = 0.15
"""The advantage over the usual input, in units of the maximum health, that the model must see."""
AHEAD: Final = 8
"""The actions of the enemy that the planner foresees; then the pattern's mean stands in."""


class Moment(NamedTuple):
    """A moment at which the hero acts: health of both, time to the enemy's next action, and what is left.

    `place` counts the enemy's actions from the shown one. `interrupted`: the next one is a light attack.
    """

    left: float
    health: float
    acts_in: float
    place: int
    potions: int
    bombs: int
    opening: bool
    interrupted: bool


class Planner:
    """The plan for one fight, made anew at each decision."""

    def __init__(self, o: Observation, c: CombatView) -> None:
        p = o.player
        self._p, self._c = p, c
        self._strikes = Strikes(o, c)
        self._threats = Threats(o, c)
        self._period = float(max(1, c.hero_acts_in))
        self._steady = STEADY if "Steady Hand" in p.talents else PRECISE
        self._braced = "Braced Swing" in p.talents
        self._actions = foreseen(c)
        strikes = self._strikes
        chances = bands_of(p, ATTACK, 0)
        mean = chances.hit * strikes.hit(ATTACK) + (chances.combo + chances.critical) * strikes.combo(ATTACK)
        self._dealt = max(1.0, mean * (2.0 if c.intent == "defend" else 1.0))

    def best(self, legal: frozenset[str], budget: int) -> str:
        """Return the input of the lowest cost, from those that the planner knows."""
        costs = {text: cost for text, cost in self._costs(self._now(), depth_of(budget)) if text in legal}
        return min(costs, key=lambda text: (costs[text], text))

    def better_than(self, usual: str, legal: frozenset[str], budget: int) -> str:
        """Return the best input if it is clearly better than the usual one, else the usual one."""
        best = self.best(legal, budget)
        if best == usual:
            return usual
        costs = dict(self._costs(self._now(), depth_of(budget)))
        gain = costs.get(usual, float("inf")) - costs[best]
        return best if gain > CLEARLY * self._p.health_max else usual

    def _now(self) -> Moment:
        c, p = self._c, self._p
        bombs = next((good.count for good in p.consumables if good.input == "6"), 0)
        return Moment(
            float(c.health), float(p.health), float(c.enemy_acts_in), 0, p.potions, bombs, c.opening, False
        )

    def _costs(self, now: Moment, depth: int) -> list[tuple[str, float]]:
        costs = [
            ("1", self._strike(now, ATTACK, depth)),
            ("2", self._strike(now, self._steady, depth)),
            ("3", self._strike(now, POWER, depth)),
            ("4", self._guard(now, depth)),
        ]
        half = self._period / 2
        most = float(self._p.health_max)
        if now.potions and now.health < most:
            healed = min(fightsense.POTION_HEALS * most, most - now.health)
            then = now._replace(health=now.health + healed, potions=now.potions - 1)
            price = fightsense.POTION_PRICE * most - healed
            costs.append(("5", price + self._enemy(then, half, 1.0, depth)))
        if now.bombs:
            share = fightsense.BOMB_SHARE.get(self._c.rank, fightsense.BOMB_SHARE_USUAL)
            dealt = fightsense.BOMB_HITS * self._strikes.full + share * self._c.health_max
            then = self._hurt(now._replace(bombs=now.bombs - 1), dealt, interrupts=True)
            costs.append(("6", fightsense.BOMB_PRICE * most + self._enemy(then, half, 1.0, depth)))
        return costs

    def _strike(self, now: Moment, stance: Stance, depth: int) -> float:
        chances = bands_of(self._p, stance, 0)
        strikes = self._strikes
        factor = fightsense.OPENING if stance is POWER and now.opening else 1.0
        exposed = 1.0 if stance is not POWER or self._braced else fightsense.EXPOSED
        missed = chances.miss + chances.fumble
        length = 1.0 + chances.fumble / max(0.01, missed) * (fightsense.FUMBLE - 1.0)
        total = missed * self._enemy(now, self._period * length, exposed, depth)
        bare = 1.0 if now.opening else exposed
        opening = (now.opening or stance.roll > 0) and stance is not POWER
        for chance, dealt, takes, interrupts in (
            (chances.hit, strikes.hit(stance), 1.0, stance.roll > 0),
            (chances.combo, strikes.combo(stance) + strikes.beside, strikes.length, True),
            (chances.critical, strikes.critical(stance) + strikes.beside, strikes.length, True),
        ):
            if chance:
                then = self._hurt(now._replace(opening=opening), dealt * factor, interrupts=interrupts)
                total += chance * self._enemy(then, self._period * takes, bare, depth)
        return total

    def _guard(self, now: Moment, depth: int) -> float:
        """Return the cost of waiting on guard: the enemy's next action comes, then the hero's."""
        intent = self._intent(now)
        left = now.left
        if intent in HEAVIES:
            left -= 0.5 * self._strikes.plain + (1.5 * self._strikes.plain if self._riposte() else 0.0)
        factor = GUARDED.get(intent, GUARDED_USUALLY)
        return self._enemy(now._replace(left=left), now.acts_in + 1.0, factor, depth, guarded=True)

    def _riposte(self) -> bool:
        return "Riposte" in self._p.talents

    def _hurt(self, now: Moment, dealt: float, *, interrupts: bool) -> Moment:
        then = now._replace(left=now.left - dealt)
        if interrupts and self._intent(now) in INTERRUPTED:
            return then._replace(acts_in=now.acts_in + self._c.enemy_period / 2, interrupted=True)
        return then

    def _enemy(self, now: Moment, after: float, factor: float, depth: int, *, guarded: bool = False) -> float:
        """Return the cost from an input on: the enemy's actions within `after`, then the best of the rest."""
        if now.left <= 0:
            return 0.0
        cost = dying = 0.0
        actions: list[tuple[str, float]] = []
        left, acts_in, place, interrupted = now.left, now.acts_in, now.place, now.interrupted
        while acts_in < after and len(actions) < 3:
            intent = "light" if interrupted else self._intent(now._replace(place=place))
            hurts = self._hurts(intent, factor)
            actions.append((intent, hurts))
            cost += self._threats.cost("light" if guarded and intent == "status" else intent, hurts)
            left += self._grows(intent)
            acts_in += self._threats.period
            place, interrupted = place + 1, False
        if actions:
            dying = self._threats.kill(tuple(actions), now.health)
        then = now._replace(
            left=left, health=now.health - cost, acts_in=max(0.0, acts_in - after), place=place,
            interrupted=interrupted,
        )  # fmt: skip
        most = self._p.health_max
        rest = fightsense.DOOM * most if then.health <= 0 else self._value(then, depth - 1)
        return cost + dying * fightsense.DEATH * most + (1.0 - dying) * rest

    def _value(self, now: Moment, depth: int) -> float:
        if depth <= 0:
            return self._leaf(now)
        return min(cost for _, cost in self._costs(now, depth))

    def _leaf(self, now: Moment) -> float:
        """Estimate the cost of the rest of the fight by plain attacks."""
        threats, most = self._threats, self._p.health_max
        left = now.left - (fightsense.OPENING_WORTH * self._strikes.full if now.opening else 0.0)
        lasts = (left / self._dealt - 0.5) * self._period
        rest = max(0.0, threats.average * (lasts - now.acts_in + threats.period) / threats.period)
        there = now.health + now.potions * fightsense.POTION_HEALS * most
        return rest + min(fightsense.LACK * max(0.0, rest - there), fightsense.DOOM * most)

    def _intent(self, now: Moment) -> str:
        if now.interrupted:
            return "light"
        return self._actions[now.place] if now.place < len(self._actions) else "normal"

    def _hurts(self, intent: str, factor: float) -> float:
        hurts = self._threats.hurts(intent)
        if factor == 1.0 or not hurts:
            return hurts
        return max(3.0, (hurts + self._p.armour) * factor - self._p.armour)

    def _grows(self, intent: str) -> float:
        """Return the health that an action gives the enemy."""
        share = {"heal": fightsense.HEALED, "summon": fightsense.SUMMONED}.get(intent, 0.0)
        return share * self._c.health_max


def depth_of(budget: int) -> int:
    """Return the number of own actions that a budget of simulated outcomes allows, at least 1."""
    depth = 1
    while depth < DEPTH_MAX and OPTIONS ** (depth + 1) <= budget:
        depth += 1
    return depth


def foreseen(c: CombatView) -> list[str]:
    """Return the enemy's next actions: the shown one, the one after it, and the rest of the pattern."""
    known = [c.intent, *([c.intent_after] if c.intent_after else [])]
    for pattern in _patterns().get(c.enemy, ()):
        for place in range(len(pattern)):
            if [pattern[place], pattern[(place + 1) % len(pattern)]] == known:
                return [pattern[(place + step) % len(pattern)] for step in range(AHEAD)]
    return known


@cache
def _patterns() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Return the patterns of each enemy by its name: usual, and under half of its health."""
    cat = load_rules().catalogue
    return {
        row.name: tuple(
            tuple(Intent(intent).name for intent in pattern)
            for pattern in (cat.enemy_pattern[number], cat.enemy_pattern_low[number])
        )
        for number, row in enumerate(cat.enemies)
    }
