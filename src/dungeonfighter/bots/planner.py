"""A planner of several actions in one fight: it looks ahead, and judges the end as the heuristic does.

The model has the figures that the view tells and the pattern of the enemy, which docs/rules.md lists. One
action of the enemy misses or hits, several deal their mean, and both may kill; it never sees the dice of the
run. A moment after an own action is made into a view, so that `fightsense` judges it with the same prices:
looking one action ahead is then the heuristic itself.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from msgspec.structs import replace

from dungeonfighter.bots import fightsense, threats
from dungeonfighter.bots.fightsense import Fight, mean_damage
from dungeonfighter.bots.strikes import ATTACK, POWER, PRECISE, STEADY, Stance, Strikes, bands_of
from dungeonfighter.bots.threats import GUARDED, GUARDED_USUALLY, HEAVIES, INTERRUPTED, Threats
from dungeonfighter.rules import load_rules
from dungeonfighter.rules.state import Intent
from dungeonfighter.rules.views.observation import CombatView, Observation, StatusView

OPTIONS: Final = 12
"""The mean number of outcomes of one own action, by which a budget becomes a depth."""
DEPTH_MAX: Final = 4
CLEARLY: Final = 1.0
"""The advantage over the usual input, in units of the maximum health, that the model must see."""
AHEAD: Final = 8
"""The actions of the enemy that the planner foresees; then a normal attack stands in."""
LENGTHS: Final = {
    "light": 0.8, "heavy": 1.3, "crush": 1.3, "ward": 0.8, "harden": 0.8, "aim": 0.8, "steal": 0.8,
}  # fmt: skip
"""The lengths of wind-ups in periods of the enemy; 1 for all others."""
RAGE: Final = 1.2
"""The factor on the damage of an enemy with rage from each guarded action on."""
MARK: Final = StatusView("mark", 1)


class Moment(NamedTuple):
    """A moment at which the hero acts: health of both, time to the enemy's next action, and what is left.

    `place` counts the enemy's actions from the shown one. `interrupted`: the next one is a light attack.
    `marked`: the next hit deals x1.5. `grown` is the factor of rage on the enemy's damage.
    """

    left: float
    health: float
    acts_in: float
    place: int
    potions: int
    bombs: int
    opening: bool
    interrupted: bool
    step: int
    marked: bool
    grown: float


class Planner:
    """The plan for one fight, made anew at each decision."""

    def __init__(self, o: Observation, c: CombatView) -> None:
        p = o.player
        self._o, self._p, self._c = o, p, c
        self._threats = Threats(o, c)
        self._period = float(max(1, c.hero_acts_in))
        self._steady = STEADY if "Steady Hand" in p.talents else PRECISE
        self._braced = "Braced Swing" in p.talents
        self._rages = c.habit == "rage"
        self._actions = foreseen(c)
        self._dealt = mean_damage(o, c, Strikes(o, c))
        self._lasting = [status for status in c.statuses if status.name not in ("mark", "stun")]

    def better_than(self, usual: str, legal: frozenset[str], budget: int) -> str:
        """Return the best input if it is clearly better than the usual one, else the usual one."""
        costs = self.costs(legal, budget)
        best = min(costs, key=lambda text: (costs[text], text), default=usual)
        if best == usual:
            return usual
        gain = costs.get(usual, float("inf")) - costs[best]
        return best if gain > CLEARLY * self._p.health_max else usual

    def costs(self, legal: frozenset[str], budget: int) -> dict[str, float]:
        """Return the cost of each input that the planner knows, in points of health."""
        costs = self._costs(self._o, self._c, self._now(), depth_of(budget))
        return {text: cost for text, cost in costs.items() if text in legal}

    def _now(self) -> Moment:
        c, p = self._c, self._p
        bombs = next((good.count for good in p.consumables if good.input == "6"), 0)
        marked = any(status.name == "mark" for status in c.statuses)
        return Moment(
            float(c.health), float(p.health), float(c.enemy_acts_in), 0, p.potions, bombs, c.opening, False,
            c.strip_step, marked, 1.0,
        )  # fmt: skip

    def _costs(self, o: Observation, c: CombatView, now: Moment, depth: int) -> dict[str, float]:
        if depth <= 1:
            return self._judged(Fight(o, c, self._dealt, self._threats.normal * now.grown), now)
        strikes = Strikes(o, c)
        costs = {
            "1": self._strike(strikes, now, ATTACK, depth),
            "2": self._strike(strikes, now, self._steady, depth),
            "3": self._strike(strikes, now, POWER, depth),
            "4": self._guard(strikes, now, depth),
        }
        half = 1.0 if "Quick Hands" in self._p.talents else self._period / 2
        most = float(self._p.health_max)
        if now.potions and now.health < most:
            healed = min(fightsense.POTION_HEALS * most, most - now.health)
            then = now._replace(health=now.health + healed, potions=now.potions - 1)
            costs["5"] = fightsense.POTION_PRICE * most - healed + self._then(then, half, 1.0, depth)
        if now.bombs:
            share = fightsense.BOMB_SHARE.get(c.rank, fightsense.BOMB_SHARE_USUAL)
            dealt = fightsense.BOMB_HITS * strikes.full + share * c.health_max
            then = self._hurt(now._replace(bombs=now.bombs - 1), dealt, interrupts=True)
            costs["6"] = fightsense.BOMB_PRICE * most + self._then(then, half, 1.0, depth)
        return costs

    @staticmethod
    def _judged(fight: Fight, now: Moment) -> dict[str, float]:
        costs = {"1": fight.attack(), "2": fight.precise(), "3": fight.power(), "4": fight.guard()}
        if now.potions:
            costs["5"] = fight.potion()
        if now.bombs:
            costs["6"] = fight.bomb()
        return costs

    def _strike(self, strikes: Strikes, now: Moment, stance: Stance, depth: int) -> float:
        chances = bands_of(self._p, stance, self._c.luck)
        power = stance is POWER
        factor = fightsense.OPENING if power and now.opening else 1.0
        exposed = fightsense.EXPOSED if power and not self._braced else 1.0
        missed = chances.miss + chances.fumble
        total = 0.0
        if missed:
            length = 1.0 + chances.fumble / missed * (fightsense.FUMBLE - 1.0)
            total = missed * self._then(now._replace(step=0), self._period * length, exposed, depth)
        bare = 1.0 if now.opening else exposed
        landed = now._replace(opening=(now.opening or stance.roll > 0) and not power, marked=False)
        after = landed._replace(step=(now.step + 1) % max(1, len(self._p.strip)))
        takes = self._period * strikes.length
        for chance, dealt, then, time, interrupts in (
            (chances.hit, strikes.hit(stance), landed, self._period, stance.roll > 0),
            (chances.combo, strikes.combo(stance), after, takes, True),
            (chances.critical, strikes.critical(stance) + strikes.effect, after, takes, True),
        ):
            if chance and dealt * factor < now.left:
                gained = dealt * factor + (strikes.beside if then is after else 0.0)
                hurt = self._hurt(then, min(gained, now.left - 1.0), interrupts=interrupts)
                total += chance * self._then(hurt, time, bare, depth)
        return total

    def _guard(self, strikes: Strikes, now: Moment, depth: int) -> float:
        """Return the cost of waiting on guard: the enemy's next action comes, then the hero's."""
        intent = self._intent(now)
        then = now
        if intent in HEAVIES:
            dealt = 1.5 * strikes.plain if "Riposte" in self._p.talents else 0.0
            then = now._replace(left=now.left - dealt, marked=True)
        factor = GUARDED.get(intent, GUARDED_USUALLY)
        return self._then(then, now.acts_in + 1.0, factor, depth, guarded=True)

    def _hurt(self, now: Moment, dealt: float, *, interrupts: bool) -> Moment:
        then = now._replace(left=now.left - dealt)
        if interrupts and self._intent(now) in INTERRUPTED:
            return then._replace(acts_in=now.acts_in + self._c.enemy_period / 2, interrupted=True)
        return then

    def _then(self, now: Moment, after: float, factor: float, depth: int, *, guarded: bool = False) -> float:
        """Return the cost from an input on: the enemy's actions within `after`, then the best of the rest."""
        if now.left <= 0:
            return 0.0
        cost = 0.0
        actions: list[tuple[str, float]] = []
        left, acts_in, place, interrupted = now.left, now.acts_in, now.place, now.interrupted
        while acts_in < after and len(actions) < 3:
            intent = "light" if interrupted else self._intent(now._replace(place=place))
            hurts = self._hurts(intent, factor * now.grown)
            actions.append((intent, hurts))
            cost += self._threats.cost("light" if guarded and intent == "status" else intent, hurts)
            left += self._grows(intent)
            place, interrupted = place + 1, False
            shown = self._intent(now._replace(place=place, interrupted=False))
            acts_in += self._threats.period * LENGTHS.get(shown, 1.0)
        then = now._replace(
            left=left, acts_in=max(0.0, acts_in - after), place=place, interrupted=interrupted,
            grown=now.grown * RAGE if guarded and self._rages else now.grown,
        )  # fmt: skip
        if not actions:
            return self._value(then, depth - 1)
        return cost + self._struck(then, cost, actions, depth)

    def _struck(self, then: Moment, cost: float, actions: list[tuple[str, float]], depth: int) -> float:
        """Return the cost after these actions of the enemy: those of a miss and of a hit, or of the mean."""
        dying = self._threats.kill(tuple(actions), then.health)
        total = dying * fightsense.DEATH * self._p.health_max
        alive = 1.0 - dying
        if len(actions) == 1 and actions[0][1]:
            intent, hurts = actions[0]
            missed = 1.0 - self._threats.hits(intent) + threats.CRITICAL * 0.6
            total += missed * self._value(then, depth - 1)
            alive, cost = max(0.0, alive - missed), hurts
        if alive > 0.01:
            total += alive * self._value(then._replace(health=max(1.0, then.health - cost)), depth - 1)
        return total

    def _value(self, now: Moment, depth: int) -> float:
        o, c = self._seen(now)
        return min(self._costs(o, c, now, depth).values())

    def _seen(self, now: Moment) -> tuple[Observation, CombatView]:
        """Return the view of a moment."""
        p, intent = self._p, self._intent(now)
        following = self._intent(now._replace(place=now.place + 1, interrupted=False))
        c = replace(
            self._c,
            health=max(1, int(now.left)),
            intent=intent,
            incoming=int(self._hurts(intent, now.grown)),
            enemy_acts_in=int(now.acts_in),
            strip_step=now.step,
            next_action=p.strip[now.step % len(p.strip)] if p.strip else "",
            statuses=[*self._lasting, MARK] if now.marked else self._lasting,
            intent_after=following if now.place + 1 < len(self._actions) else "",
            opening=now.opening,
        )
        player = replace(p, health=max(1, int(now.health)), potions=now.potions)
        return replace(self._o, player=player, combat=c), c

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
