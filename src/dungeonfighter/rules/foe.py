"""The enemy's side: it does what it showed, then shows what comes next.

Source: game.md section 4, "The enemy shows its next action".
"""

from __future__ import annotations

from dungeonfighter.rules import damage, dice, intents, statuses, tables
from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fight import FOE, HERO, Result, put, tick_foe, wound_hero
from dungeonfighter.rules.hero import bounds
from dungeonfighter.rules.state import Band, Fight, Intent, State
from dungeonfighter.rules.talents import Perk

_HEAVY = int(Intent.heavy)
_STATUS = int(Intent.status)
_DEFEND = int(Intent.defend)
_HEAL = int(Intent.heal)
_FLEE = int(Intent.flee)
_MISS = int(Band.miss)
_CRITICAL_MISS = int(Band.critical_miss)
_CRITICAL = int(Band.critical)
_HIT = int(Band.hit)


def act(cat: Catalogue, state: State, fight: Fight, now: int) -> int:
    """The enemy acts at `now`; a guard ends with it. Returns a `Result`."""
    fight.actions += 1
    own = fight.foe.statuses
    if own[statuses.STUN]:
        own[statuses.STUN] = 0
        state.log.append([Event.Stunned, FOE])
        alive = tick_foe(state, fight, False)
        fight.foe.next_at = now + _time(own, fight.period)
        fight.guarding = False
        return Result.goes_on if alive else Result.won
    intent = fight.intent
    if not tick_foe(state, fight, intent < _DEFEND):
        return Result.won
    lengths = 1
    if intent < _DEFEND:
        lengths = _strike(cat, state, fight, intent)
        if lengths == 0:
            return Result.died
        if fight.health <= 0:
            return Result.won
    elif intent == _FLEE:
        state.log.append([Event.FoeFled])
        return Result.foe_fled
    elif intent == _HEAL:
        _heal(state, fight)
    else:
        state.log.append([Event.FoeDefended])
    _go_on(cat, state, fight, now, lengths)
    return Result.goes_on


def _go_on(cat: Catalogue, state: State, fight: Fight, now: int, lengths: int) -> None:
    """Show the next intent; a critical miss doubles the wait, slow stretches it."""
    fight.guarding = False
    intents.choose(cat, fight, state.dice, now)
    own = fight.foe.statuses
    fight.foe.next_at = now + _time(own, (fight.foe.next_at - now) * lengths)
    statuses.fade(own)


def _time(own: list[int], time: int) -> int:
    return time * tables.SLOWED // 1000 if own[statuses.SLOW] else time


def _heal(state: State, fight: Fight) -> None:
    gained = min(fight.health_max - fight.health, fight.health_max * tables.FOE_HEAL // 1000)
    fight.health += gained
    fight.heals += 1
    state.log.append([Event.FoeHealed, gained])


def _strike(cat: Catalogue, state: State, fight: Fight, intent: int) -> int:
    """One attack of any kind. Returns how many periods it costs (2 after a critical miss), 0 when the hero
    died.
    """
    own = fight.foe.statuses
    if own[statuses.CONFUSION]:
        own[statuses.CONFUSION] -= 1
        if dice.combat(state.dice, 2):
            return _strike_self(state, fight, intent)
    die = dice.combat(state.dice, 20) + 1
    total = die
    if own[statuses.ROLL_PENALTY]:
        own[statuses.ROLL_PENALTY] -= 1
        total -= tables.ROLL_PENALTY
    if own[statuses.PIERCE]:
        own[statuses.PIERCE] -= 1
    band = _band(fight, die, total, intent)
    if fight.guarding and intent == _HEAVY:
        statuses.inflict(own, statuses.MARK, 1)
        state.log.append([Event.HeavyGuarded])
    if band <= _MISS:
        state.log.append([Event.FoeMissed, intent, total, band])
    elif not _land(cat, state, fight, intent, total, band):
        return 0
    if fight.guarding and intent == _HEAVY:
        _counter(state, fight)
    return 2 if band == _CRITICAL_MISS else 1


def _band(fight: Fight, die: int, total: int, intent: int) -> int:
    """The same die as the hero's, shifted by the room; a heavy misses only on 1 to 3, and there are no
    combos.
    """
    lowest_hit, _, critical = bounds(fight.hit, 0, fight.crit)
    if intent == _HEAVY:
        lowest_hit -= tables.MISS_MAX - tables.HEAVY_MISS_MAX
    if die >= critical:
        return _CRITICAL
    if die == 1:
        return _CRITICAL_MISS
    return _HIT if total >= lowest_hit else _MISS


def _land(cat: Catalogue, state: State, fight: Fight, intent: int, total: int, band: int) -> bool:
    """The blow hits: damage, and the status unless guard blocks it. False: the hero died."""
    lost = damage.foe_blow(cat, state.hero, fight, intent=intent, band=band)
    lost = statuses.taken(fight.hero.statuses, lost)
    state.log.append([Event.FoeAttacked, intent, total, band, lost])
    alive = wound_hero(state, fight, lost)
    if intent == _STATUS and fight.intent_status >= 0 and alive:
        if fight.guarding:
            state.log.append([Event.StatusBlocked, fight.intent_status])
        else:
            put(cat, state, fight, HERO, fight.intent_status, cat.enemies[fight.enemy].amount)
    return alive


def _strike_self(state: State, fight: Fight, intent: int) -> int:
    lost = fight.damage * tables.INTENT_DAMAGE[intent] * tables.CONFUSED // 1_000_000
    lost = max(tables.DAMAGE_MIN, lost - damage.foe_armour(fight))
    fight.health -= lost
    state.log.append([Event.StruckSelf, FOE, lost])
    return 1


def _counter(state: State, fight: Fight) -> None:
    """The talent: a guarded heavy is answered at once."""
    permille = state.hero.figures.perks[Perk.counter_guard]
    if permille:
        lost = damage.bomb(state.hero, fight, permille)
        fight.health -= lost
        state.log.append([Event.Countered, lost])
