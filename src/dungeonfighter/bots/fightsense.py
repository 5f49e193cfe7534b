"""The heuristic's judgement in a fight: what each stance is worth against the shown intent.

Everything is brought to one currency, the health the rest of the fight will cost. The hero deals `dealt` an
action and acts each `hero_period`; the enemy costs `average` health each `period`. A stance changes how much
of the enemy is left, what the shown action costs (guarded, exposed, interrupted) and who acts when. The cost
of a stance is the mean over the bands of the d20. Bonuses to the thresholds are not in the observation and
are left out for all stances alike.

Source: game.md sections 2 and 4.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dungeonfighter.rules.observation import CombatView, Observation

INTENT_FACTORS: Final = {"light": 0.6, "normal": 1.0, "heavy": 2.2, "status": 0.5}
ARCHETYPES: Final = {
    # mean factor of what it does, its time; from the table of game.md section 4
    "brute": (1.20, 1.15),
    "assassin": (1.06, 0.85),
    "knight": (0.92, 1.05),
    "mage": (1.00, 1.00),
    "shaman": (0.77, 1.00),
    "beast": (1.09, 0.95),
}
RANK_DAMAGE: Final = {"elite": 1.2, "guardian": 1.1, "boss": 1.25}
HERO_PERIOD: Final = 7800.0
ENEMY_PERIOD: Final = 7600.0
ENEMY_HITS: Final = 0.78
HEAVY_HITS: Final = 0.88
CRITICAL: Final = 0.05
STATUS_WORTH: Final = 0.8
"""What an inflicted status costs, in average enemy actions."""
HEAVY_ANSWERED: Final = 0.6
"""What a heavy blow costs that comes later: there is still time to guard."""


class Stance(NamedTuple):
    """Damage factor and the chances of hit and combo."""

    damage: float
    hit: float
    combo: float


ATTACK: Final = Stance(1.0, 0.40, 0.30)
PRECISE: Final = Stance(0.75, 0.40, 0.45)
POWER: Final = Stance(1.75, 0.40, 0.15)


class Race(NamedTuple):
    """The fight in numbers: how fast either side kills the other."""

    dealt: float
    average: float
    period: float
    hero_period: float


def race_of(o: Observation, c: CombatView) -> Race:
    """Estimate the race from what is shown."""
    blow = max(3.0, float(c.outgoing))
    dealt = blow * (ATTACK.hit + ATTACK.combo * 1.55 + CRITICAL * 1.8)
    mean, time = ARCHETYPES.get(c.archetype, (1.0, 1.0))
    return Race(
        dealt=dealt,
        average=normal_hit(o, c) * mean * ENEMY_HITS,
        period=ENEMY_PERIOD * time,
        hero_period=float(c.hero_acts_in) or HERO_PERIOD,
    )


def normal_hit(o: Observation, c: CombatView) -> float:
    """What a normal enemy hit costs: from the shown figure if there is one, else from the level."""
    factor = INTENT_FACTORS.get(c.intent, 0.0)
    if factor and c.incoming:
        return max(3.0, (c.incoming + o.player.armour) / factor - o.player.armour)
    n = c.level - 1
    return max(3.0, (14 + 3.6 * n + 0.11 * n * n) * RANK_DAMAGE.get(c.rank, 1.0) - o.player.armour)


def fight_cost(race: Race, health: float) -> float:
    """The health a whole fight costs with plain attacks, the enemy acting half a period from now."""
    return _rest(race, health, race.period / 2, race.average)


def stance_cost(o: Observation, c: CombatView, race: Race, stance: Stance) -> float:
    """The health the rest of the fight costs when the next action is taken in this stance."""
    blow = max(3.0, float(c.outgoing))
    combo = blow * (1.5 + 0.15 * c.strip_step)
    miss = 1.0 - stance.hit - stance.combo - CRITICAL
    bands = (
        (miss, 0.0, False),
        (stance.hit, blow, False),
        (stance.combo, combo, True),
        (CRITICAL, combo * 1.15, True),
    )
    total = 0.0
    for chance, damage, is_combo in bands:
        dealt = damage * stance.damage
        if c.intent == "defend" and stance is not POWER:
            dealt *= 0.5
        if dealt < c.health:
            total += chance * _after_attack(o, c, race, dealt, stance is POWER, is_combo)
    return total


def guard_cost(c: CombatView, race: Race) -> float:
    """The same for guarding until the enemy has acted."""
    heavy = c.intent == "heavy"
    shown = c.incoming * (0.4 * HEAVY_HITS if heavy else 0.6 * ENEMY_HITS)
    left = float(c.health) - (0.5 * race.dealt if heavy else 0.0)  # the mark it leaves
    if c.intent == "heal":
        left += 0.12 * c.health_max
    return shown + _rest(race, left, race.period, race.average)


def _after_attack(
    o: Observation, c: CombatView, race: Race, dealt: float, exposed: bool, interrupts: bool
) -> float:
    """Cost from here on, once the hero has dealt that much and acts again a period later."""
    intent, shown, acts_in = c.intent, float(c.incoming), float(c.enemy_acts_in)
    if interrupts and intent in {"heal", "status"}:
        intent, shown, acts_in = "light", normal_hit(o, c) * 0.55, acts_in + race.period / 2
    shown *= HEAVY_HITS if intent == "heavy" else ENEMY_HITS
    if intent == "status":
        shown += STATUS_WORTH * race.average
    left = c.health - dealt
    if acts_in > race.hero_period:
        first = shown * HEAVY_ANSWERED if intent == "heavy" else shown
        return _rest(race, left, acts_in - race.hero_period, first)
    if intent == "heal":
        left += 0.12 * c.health_max
    if intent == "flee":
        return 0.0
    next_in = max(0.0, acts_in + race.period - race.hero_period)
    return shown * (1.5 if exposed else 1.0) + _rest(race, left, next_in, race.average)


def _rest(race: Race, health: float, next_in: float, first: float) -> float:
    """Cost of bringing `health` down to nothing, from a moment at which the hero acts.

    Args:
        race: The race.
        health: What is left of the enemy.
        next_in: When it acts next, and `first` what that costs; `race.average` a period from then on.
    """
    lasts = (health / race.dealt - 0.5) * race.hero_period
    if lasts <= next_in:
        return first * max(0.0, lasts) / max(1.0, 2 * next_in)
    return first + race.average * (lasts - next_in) / race.period
