"""The enemy's intent: the next action, which the hero sees before it comes.

An ordinary enemy draws it by the weights of its archetype. Elites and guardians repeat the pattern of their
archetype and bosses their own, so a player can know the actions after the shown one (`following`).

Source: docs/rules.md, "A fight" and "Enemies".
"""

from __future__ import annotations

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.dice import combat as draw
from dungeonfighter.rules.state import Dice, Fight, Intent, Rank
from dungeonfighter.rules.tables import (
    ENEMY_FLEE_BELOW,
    ENEMY_FLEE_WEIGHT,
    ENEMY_HEAL_BELOW,
    ENEMY_HEALS_MAX,
    INTENT_LENGTH,
)

_NORMAL = int(Intent.normal)
_STATUS = int(Intent.status)
_HEAL = int(Intent.heal)
_FLEE = int(Intent.flee)
_CHARGE = int(Intent.charge)
_CRUSH = int(Intent.crush)
_SUMMON = int(Intent.summon)
_BOSS = int(Rank.boss)
_NORMAL_RANK = int(Rank.normal)


def choose(cat: Catalogue, fight: Fight, stream: Dice, now: int) -> None:
    """Show the next intent and set the time of the enemy's action; the wind-up begins at `now`."""
    fight.enemy.next_at = now + next_shown(cat, fight, stream)


def next_shown(cat: Catalogue, fight: Fight, stream: Dice) -> int:
    """Show the next intent; return the length of its wind-up in game milliseconds."""
    enemy, rank = fight.enemy_kind, fight.rank
    if rank != _NORMAL_RANK:
        intent = _pattern(cat, fight)
    elif fight.intent == _CHARGE:
        intent = _CRUSH
    elif fight.health * 1000 < fight.health_max * ENEMY_FLEE_BELOW and _flees(stream):
        intent = _FLEE
    else:
        heals = cat.enemy_heal_weight[enemy]
        intent = cat.enemy_draws[enemy][draw(stream, 100 - heals if heals and not _may_heal(fight) else 100)]
        if intent == _SUMMON and fight.heals >= ENEMY_HEALS_MAX:
            intent = _NORMAL
    if intent != fight.intent:  # a read costs a tenth of a write
        fight.intent = intent
    status = cat.enemy_status[enemy] if intent == _STATUS else -1
    if status != fight.intent_status:
        fight.intent_status = status
    return fight.period * INTENT_LENGTH[intent] // 1000


def show(cat: Catalogue, fight: Fight, intent: int) -> None:
    fight.intent = intent
    fight.intent_status = cat.enemy_status[fight.enemy_kind] if intent == _STATUS else -1


def following(cat: Catalogue, fight: Fight) -> int:
    """Return the intent after the shown one, by pattern and present health; -1 without a pattern."""
    if fight.rank == _NORMAL_RANK:
        return -1
    low, place = fight.low, fight.pattern_at
    if fight.rank == _BOSS and not low and fight.health * 2 < fight.health_max:
        low, place = True, 0
    pattern = (cat.enemy_pattern_low if low else cat.enemy_pattern)[fight.enemy_kind]
    return _allowed(fight, pattern[place % len(pattern)])


def _pattern(cat: Catalogue, fight: Fight) -> int:
    intent = following(cat, fight)
    if fight.rank == _BOSS and not fight.low and fight.health * 2 < fight.health_max:
        fight.low, fight.pattern_at = True, 0
    pattern = (cat.enemy_pattern_low if fight.low else cat.enemy_pattern)[fight.enemy_kind]
    fight.pattern_at = (fight.pattern_at + 1) % len(pattern)
    return intent


def _allowed(fight: Fight, intent: int) -> int:
    """Return the intent, or a normal attack in place of one that is not possible now."""
    if (
        intent == _FLEE
        or (intent == _HEAL and not _may_heal(fight))
        or (intent == _SUMMON and fight.heals >= ENEMY_HEALS_MAX)
        or (intent == _CRUSH and fight.intent != _CHARGE)
    ):
        return _NORMAL
    return intent


def _flees(stream: Dice) -> bool:
    return draw(stream, 100) < ENEMY_FLEE_WEIGHT


def _may_heal(fight: Fight) -> bool:
    return fight.heals < ENEMY_HEALS_MAX and fight.health * 1000 < fight.health_max * ENEMY_HEAL_BELOW
