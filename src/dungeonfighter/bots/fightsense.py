"""The heuristic's judgement in a fight: what each stance is worth against the shown intent.

Everything is brought to one currency, the health the rest of the fight will cost. The hero deals `dealt` an
action and acts each `hero_period`; the enemy costs `average` health each `period`. A stance changes how much
of the enemy is left, what the shown action costs (guarded, exposed, interrupted) and who acts when. The cost
of a stance is the mean over the bands of the d20.

Source: game.md sections 2 and 4.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dungeonfighter.rules.observation import CombatView, Observation, PlayerView

INTENT_FACTORS: Final = {"light": 0.6, "normal": 1.0, "heavy": 2.2, "status": 0.5}
ARCHETYPES: Final = {
    "brute": 1.20,
    "assassin": 1.06,
    "knight": 0.92,
    "mage": 1.0,
    "shaman": 0.77,
    "beast": 1.09,
}
"""The mean factor of what each does; from the table of game.md section 4."""
RANK_DAMAGE: Final = {"elite": 1.2, "guardian": 1.1, "boss": 1.25}
ENEMY_HITS: Final = 0.78
HEAVY_HITS: Final = 0.88
CRITICAL_FACTOR: Final = 1.8
STATUS_WORTH: Final = 0.8
"""What an inflicted status costs, in average enemy actions."""
HEAVY_ANSWERED: Final = 0.6
"""What a heavy blow costs that comes later: there is still time to guard."""
HEALED: Final = 0.12


class Stance(NamedTuple):
    """What a stance does to the damage and to the die."""

    damage: float
    roll: int


class Bands(NamedTuple):
    """Chances of the bands of a roll; the rest are misses."""

    hit: float
    combo: float
    critical: float


class Race(NamedTuple):
    """The fight in numbers: how fast either side kills the other."""

    dealt: float
    average: float
    period: float
    hero_period: float


ATTACK: Final = Stance(1.0, 0)
PRECISE: Final = Stance(0.75, 3)
POWER: Final = Stance(1.75, -3)


def bands_of(p: PlayerView, stance: Stance, luck: int) -> Bands:
    """The chances of a roll: critical and critical miss look at the bare die, the others at die + bonus."""
    critical = 21 - p.critical_at
    combo = max(0, min(20, p.critical_at - 1) - max(2, p.combo_at - stance.roll) + 1)
    hit = max(0, min(p.critical_at, p.combo_at - stance.roll) - max(2, p.hit_at - stance.roll))
    misses = 20 - critical - combo - hit
    again = 1.0 + (misses - 1) / 20 if luck else 1.0
    return Bands(hit / 20 * again, combo / 20 * again, critical / 20 * again)


def race_of(o: Observation, c: CombatView) -> Race:
    """Estimate the race from what is shown."""
    bands = bands_of(o.player, ATTACK, 0)
    dealt = max(3.0, float(c.outgoing)) * (bands.hit + bands.combo * 1.55 + bands.critical * CRITICAL_FACTOR)
    return Race(
        dealt=dealt,
        average=normal_hit(o, c) * ARCHETYPES.get(c.archetype, 1.0) * ENEMY_HITS,
        period=float(max(1, c.enemy_period)),
        hero_period=float(max(1, c.hero_acts_in)),
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
    chances = bands_of(o.player, stance, c.luck)
    outcomes = (
        (1.0 - sum(chances), 0.0, False),
        (chances.hit, blow, False),
        (chances.combo, combo, True),
        (chances.critical, combo * 1.15, True),
    )
    total = 0.0
    for chance, damage, is_combo in outcomes:
        dealt = damage * stance.damage
        if c.intent == "defend" and stance is POWER:
            dealt *= 2.0  # the shown figure is halved, power is not
        if dealt < c.health:
            total += chance * _after_attack(o, c, race, dealt, exposed=stance is POWER, interrupts=is_combo)
    return total


def guard_cost(c: CombatView, race: Race) -> float:
    """The same for guarding until the enemy has acted."""
    heavy = c.intent == "heavy"
    shown = c.incoming * (0.4 * HEAVY_HITS if heavy else 0.6 * ENEMY_HITS)
    left = float(c.health) - (0.5 * race.dealt if heavy else 0.0)  # the mark it leaves
    if c.intent == "heal":
        left += HEALED * c.health_max
    return shown + _rest(race, left, race.period, race.average)


def _after_attack(
    o: Observation, c: CombatView, race: Race, dealt: float, *, exposed: bool, interrupts: bool
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
        left += HEALED * c.health_max
    if intent == "flee":
        return 0.0
    next_in = max(0.0, acts_in + race.period - race.hero_period)
    return shown * (1.5 if exposed else 1.0) + _rest(race, left, next_in, race.average)


def _rest(race: Race, health: float, next_in: float, first: float) -> float:
    """Cost of bringing `health` down to nothing, from a moment at which the hero acts.

    Args:
        race: The race.
        health: What is left of the enemy.
        next_in: When it acts next.
        first: What that costs; from then on it is `race.average` a period.
    """
    lasts = (health / race.dealt - 0.5) * race.hero_period
    if lasts <= next_in:
        return first * max(0.0, lasts) / max(1.0, 2 * next_in)
    return first + race.average * (lasts - next_in) / race.period
