"""The amounts that a label promises: health and experience as the rules would give them now."""

from __future__ import annotations

from dungeonfighter.rules import tables
from dungeonfighter.rules.state import Hero
from dungeonfighter.rules.views.numerals import NUMERALS, NUMERALS_MAX


def healed(hero: Hero, permille: int) -> int:
    """Return the health that `hero.heal` would give."""
    most = hero.figures.health_max
    gain, missing = most * permille // 1000, most - hero.health
    return gain if gain < missing else missing


def gained_health(gain: int) -> str:
    """Return " +65 hp", or "" for 0."""
    if not gain:
        return ""
    return f" +{NUMERALS[gain] if gain < NUMERALS_MAX else gain} hp"


def experience(hero: Hero, permille: int, level: int) -> int:
    """Return the experience that `progress.gain_units` would give."""
    above = max(0, hero.level - level)
    if above >= tables.STRONGER_NONE:
        return 0
    return tables.unit(level) * permille // 1000 * (1000 - tables.STRONGER * above) // 1000
