"""The heuristic's judgement in a fight: the cost of each input against the shown intent.

The unit of all costs is a point of health. The hero deals `dealt` damage an action and acts each
`hero_period`; the enemy costs `average` health each `period`. An input changes the enemy's health, the cost
of the shown action (guarded, exposed, interrupted) and the times of the next actions. Its cost is the mean
over the bands of the d20. Two risks are added: the hero dies before the next decision (by the shown hit,
which is critical once in twenty, or by a wait that is twice as long once in twenty), or the fight costs more
health than the hero has.

Source: docs/rules.md, "The die" and "A fight".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dungeonfighter.bots import strips
from dungeonfighter.rules.views.observation import CombatView, Observation, PlayerView

INTENT_FACTORS: Final = {"light": 0.6, "normal": 1.0, "heavy": 2.2, "status": 0.5}
ARCHETYPES: Final = {
    "brute": 1.20,
    "assassin": 1.06,
    "knight": 0.92,
    "mage": 1.0,
    "shaman": 0.77,
    "beast": 1.09,
}
"""The mean factor of an archetype's actions, by the table of docs/rules.md, "Enemies"."""
RANK_DAMAGE: Final = {"elite": 1.2, "guardian": 1.1, "boss": 1.25}
ENEMY_HITS: Final = 0.78
HEAVY_HITS: Final = 0.88
ENEMY_CRITICAL: Final = 0.05
CRITICAL_DAMAGE: Final = 1.6
STATUS_WORTH: Final = 0.8
"""The cost of an inflicted status, in average enemy actions."""
HEAVY_ANSWERED: Final = 0.4
"""The factor on the cost of a heavy attack after the hero's next action: the hero can still guard."""
HEALED: Final = 0.12
LONG_WAIT: Final = 0.05
"""The chance that a critical miss doubles the time to the hero's next action."""
EXPOSED: Final = 2.5
EXPOSED_BRACED: Final = 1.8
DEATH: Final = 12.0
"""The cost of dying, in units of the maximum health."""
LACK: Final = 1.5
"""The cost of each health point that the fight will take and the hero does not have."""
POTION_HEALS: Final = 0.35
POTION_PRICE: Final = 0.20
FOOD_HEALS: Final = 0.12
FOOD_PRICE: Final = 0.04
FLIGHT: Final = 0.70
"""The cost of giving up the dungeon, in units of the maximum health."""


class Stance(NamedTuple):
    """A stance: the factor of its damage and the bonus on its roll."""

    damage: float
    roll: int


class Bands(NamedTuple):
    """The chances of the bands of a roll; the rest are misses."""

    hit: float
    combo: float
    critical: float


class Race(NamedTuple):
    """The fight in numbers: damage an action and time between actions, of both sides."""

    dealt: float
    average: float
    period: float
    hero_period: float


ATTACK: Final = Stance(1.0, 0)
PRECISE: Final = Stance(0.75, 3)
STEADY: Final = Stance(0.75, 5)
"""Precise with the talent Steady Hand."""
POWER: Final = Stance(1.75, -3)


class Fight:
    """One decision in a fight: each method returns the cost of one input in health points."""

    def __init__(self, o: Observation, c: CombatView) -> None:
        self._o = o
        self._c = c
        self._p = o.player
        self._race = race_of(o, c)
        self._hit_damage = max(3.0, float(c.outgoing))
        combo, beside = strips.combo_worth(c.next_action)
        self._combo = self._hit_damage * combo * (1 + 0.1 * c.strip_step)
        self._beside = self._hit_damage * beside

    def attack(self) -> float:
        return self._stance(ATTACK, 1.0)

    def precise(self) -> float:
        return self._stance(STEADY if "Steady Hand" in self._p.talents else PRECISE, 1.0)

    def power(self) -> float:
        exposed = EXPOSED_BRACED if "Braced Swing" in self._p.talents else EXPOSED
        return self._stance(POWER, exposed)

    def guard(self) -> float:
        """Return the cost of waiting on guard until the enemy has acted."""
        c, race = self._c, self._race
        heavy = c.intent == "heavy"
        factor = 0.4 if heavy else 0.6
        shown = c.incoming * factor * (HEAVY_HITS if heavy else ENEMY_HITS)
        left = float(c.health)
        if heavy:
            left -= 0.5 * race.dealt  # guarding a heavy attack marks the enemy
            left -= 0.5 * self._hit_damage if "Riposte" in self._p.talents else 0.0
        if c.intent == "heal":
            left += HEALED * c.health_max
        rest = _rest(race, left, race.period, race.average)
        return shown + rest + self._risks(shown, rest, self._dying(c.incoming * factor, 1.0))

    def potion(self) -> float:
        return self._refresh(POTION_HEALS, POTION_PRICE)

    def food(self) -> float:
        return self._refresh(FOOD_HEALS, FOOD_PRICE)

    def bomb(self) -> float:
        """Return the cost of a bomb: two and a half plain hits in half the time.

        The price of a bomb is part of the cost, so the policy saves its bombs for expensive fights.
        """
        c = self._c
        left = c.health - 2.5 * self._hit_damage
        if left <= 0:
            return 0.15 * self._p.health_max
        return 0.15 * self._p.health_max + self._later(left, self._race.hero_period / 2)

    def flee(self) -> float:
        """Return the cost of fleeing: the enemy acts first; then the flight succeeds four times in five."""
        shown = self._shown(self._c.intent, float(self._c.incoming))
        dying = self._dying(float(self._c.incoming), 1.0)
        failure = 0.2 * (shown + fight_cost(self._race, self._c.health))
        return shown + failure + (FLIGHT + DEATH * dying) * self._p.health_max

    def _stance(self, stance: Stance, exposed: float) -> float:
        c = self._c
        chances = bands_of(self._p, stance, c.luck)
        outcomes = (
            (1.0 - sum(chances), 0.0, 0.0),
            (chances.hit, self._hit_damage, 0.0),
            (chances.combo, self._combo, self._beside),
            (chances.critical, self._combo * 1.15, self._beside),
        )
        total = 0.0
        for chance, damage, beside in outcomes:
            dealt = damage * stance.damage
            if c.intent == "defend" and stance is POWER:
                dealt *= 2.0  # the shown figure is halved, the damage of power is not
            if dealt < c.health:
                interrupts = damage > self._hit_damage
                left = max(1.0, c.health - dealt - beside)
                total += chance * self._later(left, self._race.hero_period, exposed, interrupts=interrupts)
        return total

    def _later(self, left: float, after: float, exposed: float = 1.0, *, interrupts: bool = False) -> float:
        """Return the cost of the remaining fight.

        Args:
            left: The enemy's remaining health.
            after: The time to the hero's next action.
            exposed: The factor on the damage of the shown action.
            interrupts: The hit interrupts a shown heal or status.
        """
        c, race = self._c, self._race
        intent, incoming, acts_in = c.intent, float(c.incoming), float(c.enemy_acts_in)
        if interrupts and intent in {"heal", "status"}:
            intent, incoming = "light", normal_hit(self._o, c) * 0.55
            acts_in += race.period / 2
        shown = self._shown(intent, incoming)
        if acts_in > after:
            first = shown * HEAVY_ANSWERED if intent == "heavy" else shown
            rest = _rest(race, left, acts_in - after, first)
            surprise = LONG_WAIT if acts_in < 2 * after else 0.0
            return rest + self._risks(0.0, rest, self._dying(incoming * exposed, surprise))
        if intent == "flee":
            return 0.0
        if intent == "heal":
            left += HEALED * c.health_max
        rest = _rest(race, left, max(0.0, acts_in + race.period - after), race.average)
        shown *= exposed
        return shown + rest + self._risks(shown, rest, self._dying(incoming * exposed, 1.0))

    def _refresh(self, heals: float, price: float) -> float:
        """Return the cost of a drink or a meal: it takes half an action and restores health."""
        p = self._p
        healed = min(heals * p.health_max, p.health_max - p.health)
        race, c = self._race, self._c
        acts_in, after = float(c.enemy_acts_in), race.hero_period / 2
        shown = self._shown(c.intent, float(c.incoming))
        if acts_in > after:
            now, rest = 0.0, _rest(race, c.health, acts_in - after, shown)
        else:
            now, rest = shown, _rest(race, c.health, acts_in + race.period - after, race.average)
        dying = self._dying(float(c.incoming), float(acts_in <= after), healed)
        risks = self._risks(now - healed, rest, dying)
        return now + rest - healed + price * p.health_max + risks

    def _shown(self, intent: str, incoming: float) -> float:
        """Return the mean cost of the shown action."""
        shown = incoming * (HEAVY_HITS if intent == "heavy" else ENEMY_HITS)
        return shown + STATUS_WORTH * self._race.average if intent == "status" else shown

    def _dying(self, damage: float, chance: float, healed: float = 0.0) -> float:
        """Return the chance of death from a hit that the enemy attempts with probability `chance`."""
        health = self._p.health + healed
        if damage >= health:
            return chance * ENEMY_HITS
        return chance * ENEMY_CRITICAL if damage * CRITICAL_DAMAGE >= health else 0.0

    def _risks(self, now: float, rest: float, dying: float) -> float:
        """Return the cost of two risks: death before the next decision, and a lack of health later on."""
        p = self._p
        there = p.health - now + p.potions * POTION_HEALS * p.health_max
        return DEATH * dying * p.health_max + LACK * max(0.0, rest - there)


def bands_of(p: PlayerView, stance: Stance, luck: int) -> Bands:
    """Return the chances of a roll: critical and critical miss by the bare die, the others by die + bonus."""
    critical = 21 - p.critical_at
    combo = max(0, min(20, p.critical_at - 1) - max(2, p.combo_at - stance.roll) + 1)
    hit = max(0, min(p.critical_at, p.combo_at - stance.roll) - max(2, p.hit_at - stance.roll))
    misses = 20 - critical - combo - hit
    reroll = 1.0 + (misses - 1) / 20 if luck else 1.0
    return Bands(hit / 20 * reroll, combo / 20 * reroll, critical / 20 * reroll)


def race_of(o: Observation, c: CombatView) -> Race:
    bands = bands_of(o.player, ATTACK, 0)
    combo = sum(strips.combo_worth(c.next_action))
    dealt = max(3.0, float(c.outgoing)) * (bands.hit + bands.combo * combo + bands.critical * combo * 1.15)
    if c.intent == "defend":
        dealt *= 2.0
    return Race(
        dealt=dealt,
        average=normal_hit(o, c) * ARCHETYPES.get(c.archetype, 1.0) * ENEMY_HITS,
        period=float(max(1, c.enemy_period)),
        hero_period=float(max(1, c.hero_acts_in)),
    )


def normal_hit(o: Observation, c: CombatView) -> float:
    """Estimate the damage of a normal enemy hit, from the shown figure or else from the level."""
    factor = INTENT_FACTORS.get(c.intent, 0.0)
    if factor and c.incoming:
        return max(3.0, (c.incoming + o.player.armour) / factor - o.player.armour)
    n = c.level - 1
    return max(3.0, (15 + 6.4 * n + 0.28 * n * n) * RANK_DAMAGE.get(c.rank, 1.0) - o.player.armour)


def fight_cost(race: Race, health: float) -> float:
    """Estimate the health that a fight of plain attacks costs, if the enemy acts in half a period."""
    return _rest(race, health, race.period / 2, race.average)


def _rest(race: Race, health: float, next_in: float, first: float) -> float:
    """Return the cost of the fight from a moment at which the hero acts.

    Args:
        race: The figures of both sides.
        health: The enemy's remaining health.
        next_in: The time to the enemy's next action.
        first: The cost of that action; each later one costs `race.average`.
    """
    lasts = (health / race.dealt - 0.5) * race.hero_period
    if lasts <= next_in:
        return first * max(0.0, lasts) / max(1.0, 2 * next_in)
    return first + race.average * (lasts - next_in) / race.period
