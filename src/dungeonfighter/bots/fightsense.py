"""The heuristic's judgement in a fight: what each stance is worth against the shown intent.

Everything is brought to one currency, the health the fight will still cost. With the hero killing at `rate`
damage a millisecond and the enemy taking `average` health each `period`, a fight that lasts another S
milliseconds costs average * S / period. A stance changes S (by its damage), the shown action (by guarding,
by interrupting, by being exposed) and who acts when; `cost` sums that over the bands of the d20. Bonuses to
the thresholds are not in the observation and are left out, for all stances alike.

Source: game.md sections 2 and 4.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dungeonfighter.rules.observation import CombatView, Observation

INTENT_FACTORS: Final = {"light": 0.6, "normal": 1.0, "heavy": 2.2, "status": 0.5}
INTENT_LENGTHS: Final = {"light": 0.8, "heavy": 1.3}
ARCHETYPES: Final = {
    # mean factor of its actions, its time; from the table of game.md section 4
    "brute": (1.20, 1.15),
    "assassin": (1.06, 0.85),
    "knight": (0.92, 1.05),
    "mage": (1.00, 1.00),
    "shaman": (0.77, 1.00),
    "beast": (1.09, 0.95),
}
RANK_DAMAGE: Final = {"elite": 1.2, "guardian": 1.1, "boss": 1.25}
STATUS_WORTH: Final = 0.8
"""What an inflicted status costs, in average enemy hits."""
HERO_PERIOD: Final = 7800.0
ENEMY_PERIOD: Final = 7600.0
CRITICAL: Final = 0.05
GUARD_TIME: Final = 0.0


class Stance(NamedTuple):
    """Damage factor and the chances of hit, combo and critical."""

    damage: float
    hit: float
    combo: float


ATTACK: Final = Stance(1.0, 0.40, 0.30)
PRECISE: Final = Stance(0.75, 0.40, 0.45)
POWER: Final = Stance(1.75, 0.40, 0.15)


class Race(NamedTuple):
    """The fight in numbers: both sides' speed of killing the other."""

    health: float
    blow: float
    combo: float
    rate: float
    average: float
    period: float
    hero_period: float


def race_of(o: Observation, c: CombatView) -> Race:
    """Estimate the race from what is shown."""
    blow = max(3.0, float(c.outgoing))
    strip_bonus = 1.5 * (1.0 + 0.1 * c.strip_step)
    hero_period = float(c.hero_acts_in) or HERO_PERIOD
    per_action = blow * (ATTACK.hit + ATTACK.combo * 1.6 + CRITICAL * 1.8)
    mean, time = ARCHETYPES.get(c.archetype, (1.0, 1.0))
    average = normal_hit(o, c) * mean * 0.85
    return Race(
        health=float(c.health),
        blow=blow,
        combo=blow * strip_bonus,
        rate=per_action / hero_period,
        average=average,
        period=ENEMY_PERIOD * time,
        hero_period=hero_period,
    )


def normal_hit(o: Observation, c: CombatView) -> float:
    """What a normal enemy hit costs: from the shown figure if there is one, else from the level."""
    factor = INTENT_FACTORS.get(c.intent, 0.0)
    if factor and c.incoming:
        return max(3.0, (c.incoming + o.player.armour) / factor - o.player.armour)
    n = c.level - 1
    return max(3.0, (14 + 3.6 * n + 0.11 * n * n) * RANK_DAMAGE.get(c.rank, 1.0) - o.player.armour)


def fight_cost(race: Race) -> float:
    """The health the whole rest of the fight costs with plain attacks."""
    return race.average * race.health / race.rate / race.period


def stance_cost(o: Observation, c: CombatView, race: Race, stance: Stance) -> float:
    """The health the rest of the fight costs when the next action is taken in this stance."""
    after = race.hero_period
    exposed = stance is POWER
    miss = 1.0 - stance.hit - stance.combo - CRITICAL
    bands = (
        (miss, 0.0, False),
        (stance.hit, race.blow, False),
        (stance.combo, race.combo, True),
        (CRITICAL, race.combo * 1.15, True),
    )
    total = 0.0
    for chance, blow, interrupts in bands:
        damage = blow * stance.damage
        if c.intent == "defend" and not exposed:
            damage *= 0.5
        if damage >= race.health:
            continue
        total += chance * _cost_after(o, c, race, damage, after, exposed=exposed, interrupted=interrupts)
    return total


def guard_cost(o: Observation, c: CombatView, race: Race) -> float:
    """The same for guarding until the enemy has acted."""
    after = max(1.0, float(c.enemy_acts_in))
    factor = 0.4 if c.intent == "heavy" else 0.6
    shown = c.incoming * factor
    marked = 0.5 * race.blow * (ATTACK.hit + ATTACK.combo * 1.6) if c.intent == "heavy" else 0.0
    left = max(0.0, race.health - marked)
    if c.intent == "heal":
        left += 0.12 * c.health_max
    next_in = race.period
    return (
        shown
        + race.average * max(0.0, left / race.rate - next_in + race.period / 2) / race.period
        + 0 * after
    )


def _cost_after(
    o: Observation,
    c: CombatView,
    race: Race,
    damage: float,
    after: float,
    *,
    exposed: bool,
    interrupted: bool,
) -> float:
    """Cost from here on, once the hero has dealt `damage` and acts again `after` milliseconds from now."""
    intent, shown, acts_in = c.intent, float(c.incoming), float(c.enemy_acts_in)
    if interrupted and intent in {"heal", "status"}:
        intent, shown = "light", normal_hit(o, c) * 0.55
        acts_in += race.period / 2
    left = race.health - damage
    cost = 0.0
    if intent == "status":
        shown += STATUS_WORTH * race.average
    if acts_in <= after:
        cost += shown * (1.5 if exposed else 1.0)
        if intent == "heal":
            left += 0.12 * c.health_max
        next_in = acts_in + race.period - after
    else:
        next_in = acts_in - after
        cost += shown - race.average if intent != "heavy" else shown * 0.5 - race.average
    return cost + race.average * max(0.0, left / race.rate - next_in + race.period / 2) / race.period
