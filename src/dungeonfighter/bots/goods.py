"""The worth of consumables in a fight, as the heuristic reckons it.

The effects are those of docs/rules.md, "Items"; which fight pays for one is a rough estimate, from the number
of actions that either side still has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from dungeonfighter.bots.threats import HEAVIES, INTERRUPTED
from dungeonfighter.rules.views.observation import CombatView, PlayerView, StatusView

HITS: Final = 0.78
"""The part of attacks that hit."""
MISSES: Final = 0.25
BAD: Final = frozenset(
    ("poison", "burn", "acid", "bleed", "weaken", "slow", "confusion", "roll penalty", "mark")
)
AILMENT: Final = 0.35
"""The cost of one status on the hero, in average enemy actions."""


class Gain(NamedTuple):
    """The effect of a consumable: health spared, damage dealt, delay of the enemy, health healed.

    `interrupts`: the shown action becomes a light one. `escapes`: the fight ends. `at_once`: it takes no
    time.
    """

    spared: float = 0.0
    dealt: float = 0.0
    delay: float = 0.0
    healed: float = 0.0
    interrupts: bool = False
    escapes: bool = False
    at_once: bool = False


class Situation(NamedTuple):
    """A fight in the figures that decide: the actions left to both sides, and what one is worth.

    Attributes:
        own, theirs: The actions of hero and enemy until the enemy dies by plain attacks.
        average: The mean damage of an enemy's action.
        full: The damage of a plain hit.
    """

    p: PlayerView
    c: CombatView
    own: float
    theirs: float
    average: float
    full: float


def gain(name: str, s: Situation) -> Gain | None:
    """Return the effect of a consumable; None if it has no use now, or none that the heuristic knows."""
    function = _GAINS.get(name)
    return None if function is None else function(s)


def _has(statuses: list[StatusView], name: str) -> bool:
    return any(status.name == name for status in statuses)


def _smoke(s: Situation) -> Gain | None:
    if _has(s.c.statuses, "roll penalty"):
        return None
    return Gain(spared=min(6.0, s.theirs) * 0.15 / HITS * s.average)


def _oil(s: Situation) -> Gain | None:
    if _has(s.p.statuses, "pierce"):
        return None
    return Gain(dealt=min(6.0, s.own) * HITS * s.c.armour)


def _flash(s: Situation) -> Gain | None:
    return None if _has(s.c.statuses, "stun") else Gain(delay=float(s.c.enemy_period))


def _bark(s: Situation) -> Gain | None:
    if _has(s.p.statuses, "fortify"):
        return None
    return Gain(spared=s.theirs * HITS * min(8.0 * (1 + s.c.level // 4), 0.6 * s.average))


def _web(s: Situation) -> Gain | None:
    return None if _has(s.c.statuses, "slow") else Gain(spared=min(4.0, s.theirs) / 3 * s.average)


def _pitch(s: Situation) -> Gain | None:
    return None if _has(s.c.statuses, "burn") else Gain(dealt=_fading(7, s.theirs) * _point(s.c.level))


def _acid(s: Situation) -> Gain | None:
    if _has(s.c.statuses, "acid"):
        return None
    eaten = min(float(s.c.armour), _fading(7, min(3.0, s.theirs)))
    return Gain(dealt=_fading(7, s.theirs) * _point(s.c.level) / 2 + max(0.0, s.own - 2) * HITS * eaten)


def _viper(s: Situation) -> Gain | None:
    if s.c.undead:
        return None
    return Gain(dealt=0.05 * s.c.health_max * 0.7 * min(s.theirs, 12.0))


def _glass(s: Situation) -> Gain | None:
    if _has(s.p.statuses, "shield"):
        return None
    shown = float(s.c.incoming) if s.c.incoming else s.average / HITS
    hits = min(3.0, s.theirs * HITS)
    first = min(1.0, hits)
    return Gain(spared=0.5 * (first * shown + (hits - first) * s.average / HITS))


def _slack(s: Situation) -> Gain | None:
    if _has(s.c.statuses, "weaken"):
        return None
    lasts = 4.0 * s.c.enemy_period / max(1, s.p.period)
    return Gain(dealt=0.5 * s.full * HITS * min(lasts, s.own))


def _spores(s: Situation) -> Gain | None:
    if _has(s.c.statuses, "confusion"):
        return None
    attacks = min(4.0, s.theirs)
    return Gain(spared=attacks * 0.5 * s.average, dealt=attacks * 0.25 * (s.average + s.p.armour))


def _chalk(s: Situation) -> Gain | None:
    if s.c.opening or s.own < 1.5:
        return None
    return Gain(dealt=1.1 * s.full)


def _root(s: Situation) -> Gain | None:
    ailments = sum(status.name in BAD for status in s.p.statuses)
    missing = float(s.p.health_max - s.p.health)
    return Gain(spared=ailments * AILMENT * s.average, healed=min(0.12 * s.p.health_max, missing))


def _bone(s: Situation) -> Gain | None:
    if s.c.luck:
        return None
    return Gain(dealt=min(4.0, MISSES * s.own) * HITS * s.full)


def _bell(s: Situation) -> Gain | None:
    return Gain(interrupts=True) if s.c.intent in HEAVIES | INTERRUPTED else None


def _dust(s: Situation) -> Gain | None:
    return None if s.c.rank == "boss" else Gain(escapes=True)


def _honey(s: Situation) -> Gain | None:
    missing = float(s.p.health_max - s.p.health)
    return Gain(healed=min(0.15 * s.p.health_max, missing), at_once=True)


def _fading(strength: int, actions: float) -> float:
    """Return the sum of a status that falls by one at each of so many actions."""
    whole = min(strength, int(actions + 0.5))
    return float(sum(range(strength, strength - whole, -1)))


def _point(level: int) -> int:
    """Return the damage of one point of burn."""
    return 2 + level // 2 + level * level // 40


_GAINS: Final[dict[str, Callable[[Situation], Gain | None]]] = {
    "Smoke Vial": _smoke,
    "Armour Oil": _oil,
    "Flash Powder": _flash,
    "Bark Tonic": _bark,
    "Web Jar": _web,
    "Pitch Flask": _pitch,
    "Acid Pot": _acid,
    "Viper Gland": _viper,
    "Glass Charm": _glass,
    "Slack Draught": _slack,
    "Madcap Spores": _spores,
    "Tailor's Chalk": _chalk,
    "Bitter Root": _root,
    "Lucky Bone": _bone,
    "Iron Bell": _bell,
    "Trapdoor Dust": _dust,
    "Honeycomb": _honey,
}
