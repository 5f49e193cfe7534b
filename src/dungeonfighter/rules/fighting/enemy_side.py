"""The enemy's action: the enemy carries out the shown intent, then shows the next one.

Source: docs/rules.md, "A fight".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.bonuses import Relic
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.dice import combat as draw
from dungeonfighter.rules.dice import combat_d20
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import damage, habits, powers, statuses
from dungeonfighter.rules.fighting.common import (
    ENEMY,
    HERO,
    Result,
    apply_enemy_statuses,
    put_status,
    second_wind,
)
from dungeonfighter.rules.fighting.intents import next_shown
from dungeonfighter.rules.fighting.statuses import CLEAN, CONFUSION, PIERCE, ROLL_PENALTY, SLOW, STUN, taken
from dungeonfighter.rules.state import Band, Fight, Intent, State
from dungeonfighter.rules.tables import (
    COMBO_MIN,
    CRITICAL_FACE,
    CRITICAL_FLOOR,
    HEAVY_MISS_MAX,
    HIT_FLOOR,
    INTENT_DAMAGE,
    MISS_MAX,
)
from dungeonfighter.rules.talents import Perk

_STATUS = int(Intent.status)
_DEFEND = int(Intent.defend)
_HEAL = int(Intent.heal)
_FLEE = int(Intent.flee)
_DRAIN = int(Intent.drain)
_MISS = int(Band.miss)
_CRITICAL_MISS = int(Band.critical_miss)
_CRITICAL = int(Band.critical)
_HIT = int(Band.hit)

_HEAVIES: Final = (int(Intent.heavy), int(Intent.crush))
_SURER: Final = tuple(MISS_MAX - HEAVY_MISS_MAX if intent in _HEAVIES else 0 for intent in Intent)
"""By how much an attack lowers the total that hits, by intent."""

# Module constants, for the reason given in `hero_side`.
_ENEMY_ATTACKED: Final = Event.EnemyAttacked
_ENEMY_MISSED: Final = Event.EnemyMissed
_SECOND_WIND: Final = Perk.second_wind
_ECHO_COAT: Final = 1 << Relic.echo_coat
_GOES_ON: Final = Result.goes_on
_WON: Final = Result.won


def act(cat: Catalogue, state: State, fight: Fight, now: int) -> int:
    """Let the enemy act at the time `now`, which ends a guard of the hero; return the `Result`."""
    fight.actions += 1
    enemy = fight.enemy
    own = enemy.statuses
    intent = fight.intent
    attacks = INTENT_DAMAGE[intent] > 0
    afflicted = own != CLEAN
    if afflicted:
        if own[STUN]:
            return _stunned(cat, state, fight, now)
        if not apply_enemy_statuses(cat, state, fight, attacks):
            return _WON
    lengths = 1
    if attacks:
        lengths = _strike(cat, state, fight, intent)
        if lengths == 0:
            return Result.died
        if fight.health <= 0:
            return _WON
    elif intent == _FLEE:
        state.log.append([Event.EnemyFled])
        return Result.enemy_fled
    elif intent == _HEAL:
        _heal(state, fight)
    elif intent == _DEFEND:
        state.log.append([Event.EnemyDefended])
    else:
        habits.prepare(state, fight, intent)
    if fight.guarding:
        fight.guarding = False
        if cat.enemy_rages[fight.enemy_kind]:
            habits.rage(state, fight)
    # The next intent: a critical miss doubles its wind-up, slow lengthens it.
    before = fight.low
    time = next_shown(cat, fight, state.dice) * lengths
    if fight.low != before:
        habits.change(cat, state, fight)
    if afflicted:  # the enemy's own action can put only a mark on it, which neither slows nor fades
        time = _time(own, time)
        statuses.fade(own)
    enemy.next_at = now + time
    return _GOES_ON


def _stunned(cat: Catalogue, state: State, fight: Fight, now: int) -> int:
    own = fight.enemy.statuses
    own[STUN] = 0
    state.log.append([Event.Stunned, ENEMY])
    alive = apply_enemy_statuses(cat, state, fight, False)
    fight.enemy.next_at = now + _time(own, fight.period)
    fight.guarding = False
    return _GOES_ON if alive else _WON


def _time(own: list[int], time: int) -> int:
    return time * tables.SLOWED // 1000 if own[SLOW] else time


def _heal(state: State, fight: Fight) -> None:
    gained = min(fight.health_max - fight.health, fight.health_max * tables.ENEMY_HEAL // 1000)
    fight.health += gained
    fight.heals += 1
    state.log.append([Event.EnemyHealed, gained])


def _strike(cat: Catalogue, state: State, fight: Fight, intent: int) -> int:
    """Make one attack; return the factor of the next wind-up: 1, 2 after a critical miss (0: hero died)."""
    own = fight.enemy.statuses
    if own[CONFUSION]:
        own[CONFUSION] -= 1
        if draw(state.dice, 2):
            return _strike_self(state, fight, intent)
    die = total = combat_d20(state.dice)
    if own[ROLL_PENALTY]:
        own[ROLL_PENALTY] -= 1
        total -= tables.ROLL_PENALTY
    band = _band(fight, die, total, intent)
    countered = fight.guarding and intent in _HEAVIES
    if countered:
        statuses.inflict(own, statuses.MARK, 1)
        state.log.append([Event.HeavyGuarded])
    if band <= _MISS:
        state.log.append([_ENEMY_MISSED, intent, total, band])
    elif not _land(cat, state, fight, intent, total, band):
        return 0
    if own[PIERCE]:
        own[PIERCE] -= 1
    if countered:
        _counter(state, fight)
    if fight.guarding and state.hero.figures.relics:
        powers.after_guard(cat, state, fight)
    return 2 if band == _CRITICAL_MISS else 1


def _band(fight: Fight, die: int, total: int, intent: int) -> int:
    """Return the band of an enemy's roll.

    The room's tilt shifts the thresholds as it does for the hero. The enemy has no combos, and its heavy
    attack misses only on 1 to 3.
    """
    critical = CRITICAL_FACE - fight.crit
    if die >= (critical if critical > CRITICAL_FLOOR else CRITICAL_FLOOR):
        return _CRITICAL
    if die == 1:
        return _CRITICAL_MISS
    lowest = MISS_MAX + 1 - fight.hit
    if lowest < HIT_FLOOR:
        lowest = HIT_FLOOR
    elif lowest > COMBO_MIN:  # a total that would be a combo of the hero always hits
        lowest = COMBO_MIN
    return _HIT if total >= lowest - _SURER[intent] else _MISS


def _land(cat: Catalogue, state: State, fight: Fight, intent: int, total: int, band: int) -> bool:
    """Apply a hit: its damage, and its status or theft unless the hero guards. False: the hero died."""
    hero = state.hero
    lost = damage.enemy_damage(cat, hero, fight, intent, band)
    victim = fight.hero.statuses
    if victim != CLEAN:
        lost = taken(victim, lost)
    state.log.append([_ENEMY_ATTACKED, intent, total, band, lost])
    hero.health -= lost
    if hero.health <= 0 and not powers.spared(state, fight):
        return False
    if hero.figures.perks[_SECOND_WIND]:
        second_wind(state, fight)
    if intent >= _DRAIN and not fight.guarding:
        habits.take(state, fight, intent, lost)
    if intent == _STATUS and fight.intent_status >= 0:
        if fight.guarding:
            state.log.append([Event.StatusBlocked, fight.intent_status])
        else:
            amount = cat.enemies[fight.enemy_kind].amount
            put_status(cat, state, fight, HERO, fight.intent_status, amount)
            if hero.figures.relics & _ECHO_COAT:
                put_status(cat, state, fight, ENEMY, fight.intent_status, amount)
    return True


def _strike_self(state: State, fight: Fight, intent: int) -> int:
    lost = fight.damage * tables.INTENT_DAMAGE[intent] * tables.CONFUSED // 1_000_000
    lost = max(tables.DAMAGE_MIN, lost - damage.enemy_armour(fight))
    fight.health -= lost
    state.log.append([Event.StruckSelf, ENEMY, lost])
    return 1


def _counter(state: State, fight: Fight) -> None:
    permille = state.hero.figures.perks[Perk.counter_guard]
    if permille:
        lost = damage.scaled_hit(state.hero, fight, permille)
        fight.health -= lost
        state.log.append([Event.Countered, lost])
