"""The hero's attacks as the heuristic reckons them: the damage of each band and stance, and the chances.

The damage is that of docs/rules.md, "A fight": the view has the hero's figures, the enemy's armour and
statuses, and the catalogue the actions of the strip.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dungeonfighter.bots import gear, strips
from dungeonfighter.rules.views.observation import CombatView, Observation, PlayerView

WHEEL: Final = {("wand", "sword"), ("sword", "dagger"), ("dagger", "wand")}
"""The pairs of the class wheel: the first beats the second."""
WHEEL_DAMAGE: Final = 1.2
COMBO: Final = 1.5
CRITICAL: Final = 1.6
SLOT: Final = 0.15
EDGE: Final = 0.40
SET_UP: Final = 0.30
EFFECT: Final = {"mace": 0.9, "sword": 0.45, "dagger": 0.25, "wand": 0.5}
"""The worth of the effect of a critical, in plain hits."""


class Stance(NamedTuple):
    """A stance: the factor of its damage and the bonus on its roll."""

    damage: float
    roll: int


class Bands(NamedTuple):
    """The chances of the bands of a roll."""

    fumble: float
    miss: float
    hit: float
    combo: float
    critical: float


ATTACK: Final = Stance(1.0, 0)
PRECISE: Final = Stance(0.75, 3)
STEADY: Final = Stance(0.75, 6)
"""Precise with the talent Steady Hand."""
POWER: Final = Stance(1.75, -3)


class Strikes:
    """The damage of the hero's next attack, by band and stance.

    Attributes:
        plain: The damage of a plain hit now.
        full: The same without a defence of the enemy: a bomb ignores it.
        beside: The worth of the statuses, healing and time of the next strip action, in damage.
        effect: The worth of the weapon's effect.
        guard: What gear makes of a guarded attack, in plain hits.
        length: The length of the strip action.
        suffers: The factor of the enemy's statuses on the damage of a hit.
    """

    def __init__(self, o: Observation, c: CombatView) -> None:
        p = o.player
        self._c = c
        self._row = strips.action_row(c.next_action)
        self._raw = p.damage * p.amplification / 1000 * _talents(p, c)
        if (p.weapon_kind, c.enemy_class) in WHEEL:
            self._raw *= WHEEL_DAMAGE
        pierced = any(status.name == "pierce" for status in p.statuses)
        self._armour = 0.0 if pierced else float(c.armour)
        self.suffers = _suffering(c)
        self._slot = 1.0 + SLOT * c.strip_step
        row = self._row
        if row is not None:
            first, last = c.strip_step == 0, c.strip_step == len(p.strip) - 1
            if (row.opener and first) or (row.finisher and last and not first):
                self._slot += EDGE
        self._gear = gear.of(p)
        self.guard = self._gear.guard
        self._raw *= gear.present(c.outgoing, self.hit(ATTACK))
        if 0 < c.strip_step < len(p.strip) and strips.sets_up(p.strip[c.strip_step - 1]):
            self._slot += SET_UP
        self.plain = self.hit(ATTACK)
        self.full = max(3.0, self._raw - self._armour)
        self.length = 1.0 if row is None else row.length / 1000
        self.beside = strips.beside(row) * self.full
        self.effect = EFFECT.get(p.weapon_kind, 0.0) * self.full

    def hit(self, stance: Stance) -> float:
        return self._dealt(1.0, stance, 1, 1.0)

    def combo(self, stance: Stance) -> float:
        return self._by_strip(COMBO, stance)

    def critical(self, stance: Stance) -> float:
        return self._by_strip(CRITICAL, stance)

    def _by_strip(self, roll: float, stance: Stance) -> float:
        row = self._row
        if row is None:
            return self._dealt(roll * self._slot, stance, 1, 1.0)
        slot = self._slot * (self._gear.first_slot if self._c.strip_step == 0 else 1.0)
        return self._dealt(roll * slot * row.damage / 1000, stance, row.hits, 1.0 - row.pierce / 1000)

    def _dealt(self, factor: float, stance: Stance, hits: int, armour: float) -> float:
        defended = 0.5 if self._c.intent == "defend" and stance.roll >= 0 else 1.0
        if stance.roll < 0:
            factor *= self._gear.power
        one = self._raw * factor * stance.damage * defended - self._armour * armour
        return max(3.0, one) * hits * self.suffers


def _talents(p: PlayerView, c: CombatView) -> float:
    factor = 1.0
    if "Executioner" in p.talents and c.health * 1000 < c.health_max * 300:
        factor *= 1.7
    if "Last Stand" in p.talents and p.health * 1000 < p.health_max * 300:
        factor *= 1.8
    if "Giant Slayer" in p.talents and c.rank != "normal":
        factor *= 1.35
    return factor


def _suffering(c: CombatView) -> float:
    factor = 1.0
    for status in c.statuses:
        if status.name in ("weaken", "mark"):
            factor *= 1.5
        elif status.name == "shield":
            factor *= 0.5
    return factor


def bands_of(p: PlayerView, stance: Stance, luck: int) -> Bands:
    """Return the chances of a roll: critical and critical miss by the bare die, the others by die + bonus."""
    critical = 21 - p.critical_at
    combo = max(0, min(20, p.critical_at - 1) - max(2, p.combo_at - stance.roll) + 1)
    hit = max(0, min(p.critical_at, p.combo_at - stance.roll) - max(2, p.hit_at - stance.roll))
    fumble = 1
    if "Gambler" in p.talents:
        critical += 1
        hit -= hit > 0
    misses = max(0, 20 - critical - combo - hit - fumble)
    reroll = 1.0 + misses / 20 if luck else 1.0
    miss = misses / 20 * (misses / 20 if luck else 1.0)
    return Bands(fumble / 20, miss, hit / 20 * reroll, combo / 20 * reroll, critical / 20 * reroll)
