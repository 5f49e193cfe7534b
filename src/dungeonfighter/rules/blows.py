"""The hero's attack: roll, band, strip, damage, effects, interrupt.

Source: game.md sections 2 and 4.
"""

from __future__ import annotations

from dungeonfighter.rules import damage, dice, intents, statuses, tables
from dungeonfighter.rules.catalog.catalogue import ON_CRITICAL, ON_HIT
from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fight import FOE, HERO, heal, put, recover, tick_hero
from dungeonfighter.rules.hero import bounds
from dungeonfighter.rules.state import Band, Fight, Hero, Intent, Stance, State
from dungeonfighter.rules.talents import Perk

_LIGHT = int(Intent.light)
_STATUS = int(Intent.status)
_HEAL = int(Intent.heal)
_CRITICAL_MISS, _MISS, _HIT, _COMBO, _CRITICAL = (int(band) for band in Band)
_PRECISE = int(Stance.precise)
_POWER = int(Stance.power)


def attack(cat: Catalogue, state: State, fight: Fight, stance: int) -> bool:
    """One attack of the hero in a stance: everything up to when the hero may act again. False: it was the
    hero's end.
    """
    fight.actions += 1
    fight.exposed = False
    if not tick_hero(state, fight, True):
        return False
    own = fight.hero.statuses
    if own[statuses.CONFUSION]:
        own[statuses.CONFUSION] -= 1
        if dice.combat(state.dice, 2):
            return _strike_self(state, fight)
    total, band = _roll(state, fight, stance)
    hero = state.hero
    length = 1000
    if band >= _COMBO:
        length = _play_strip(cat, state, fight, stance, total, band)
    elif band == _HIT:
        lost = damage.hero_blow(cat, hero, fight, action=-1, slot=0, band=band, stance=stance)
        _land(state, fight, [Event.HeroAttacked, stance, total, band, -1], lost)
        _reset_after_hit(hero, fight)
    else:
        state.log.append([Event.HeroMissed, stance, total, band])
        fight.step = fight.run = 0
        if band == _CRITICAL_MISS:
            length = 2000
    fight.opened = True
    if own[statuses.PIERCE]:
        own[statuses.PIERCE] -= 1
    fight.exposed = stance == _POWER
    recover(fight.hero, hero.figures.period, length)
    return True


def _roll(state: State, fight: Fight, stance: int) -> tuple[int, int]:
    """The total and the band. Critical and critical miss look at the bare die; luck rerolls a miss
    once.
    """
    figures = state.hero.figures
    perks = figures.perks
    bonus = tables.STANCE_ROLL[stance]
    if stance == _PRECISE:
        bonus += perks[Perk.precise_combo]
    own = fight.hero.statuses
    if own[statuses.ROLL_PENALTY]:
        own[statuses.ROLL_PENALTY] -= 1
        bonus -= tables.ROLL_PENALTY
    wider = 0 if fight.opened else perks[Perk.opener_crit]
    lowest_hit, lowest_combo, critical = bounds(
        figures.hit + fight.hit, figures.combo + fight.combo, figures.crit + fight.crit
    )
    critical -= wider
    worst, best = (2, 1) if perks[Perk.gambler] else (1, 21)
    die = dice.combat(state.dice, 20) + 1
    if die not in (worst, best) and die + bonus < lowest_hit and die < critical and fight.luck:
        fight.luck -= 1
        state.log.append([Event.MissRerolled, die])
        die = dice.combat(state.dice, 20) + 1
    total = die + bonus
    if die >= critical or die == best:
        return total, _CRITICAL
    if die == worst:
        return total, _CRITICAL_MISS
    if total >= lowest_combo:
        return total, _COMBO
    return total, _HIT if total >= lowest_hit else _MISS


def _play_strip(cat: Catalogue, state: State, fight: Fight, stance: int, total: int, band: int) -> int:
    """A combo or critical: the current slot is played and the strip goes on. Returns the length of what was
    done.
    """
    hero = state.hero
    strip = hero.strip
    slot = fight.step % len(strip)
    action = strip[slot]
    lost = damage.hero_blow(cat, hero, fight, action=action, slot=slot, band=band, stance=stance)
    _land(state, fight, [Event.HeroAttacked, stance, total, band, action], lost)
    fight.step = _next_slot(cat.actions[action].route if hero.figures.routing else "", slot, len(strip))
    length = cat.actions[action].length
    momentum = hero.figures.perks[Perk.momentum]
    if momentum:
        length = length * max(tables.MOMENTUM_FLOOR, 1000 - momentum * fight.run) // 1000
    fight.run += 1
    if cat.actions[action].heal:
        state.log.append([Event.HeroHealed, heal(hero, cat.actions[action].heal)])
    if fight.health > 0:
        _effects(cat, state, fight, action, band)
        if fight.intent in (_HEAL, _STATUS):
            _interrupt(cat, state, fight)
    return length


def _next_slot(route: str, slot: int, slots: int) -> int:
    """Where the strip goes after a combo; routes other than "" are only read from INT 10 on."""
    if route == "repeat":
        return slot
    if route == "first":
        return 0
    if route == "skip":
        return (slot + 2) % slots
    if route == "jump2":
        return 2 % slots
    return (slot + 1) % slots


def _land(state: State, fight: Fight, told: list[int], lost: int) -> None:
    lost = statuses.taken(fight.foe.statuses, lost)
    fight.health -= lost
    told.append(lost)
    state.log.append(told)


def _effects(cat: Catalogue, state: State, fight: Fight, action: int, band: int) -> None:
    """Statuses of the action, of the weapon (on a critical), and of talents."""
    hero = state.hero
    figures = hero.figures
    for effect in cat.action_effects[action]:
        if effect.on == ON_CRITICAL and band != _CRITICAL:
            continue
        amount = effect.amount * cat.actions[action].hits if effect.on == ON_HIT else effect.amount
        amount = statuses.lengthened(effect.status, amount, figures.lengthen)
        put(cat, state, fight, HERO if effect.on_self else FOE, effect.status, amount)
    perks = figures.perks
    if perks[Perk.bleed_on_combo]:
        put(cat, state, fight, FOE, statuses.BLEED, perks[Perk.bleed_on_combo])
    if band == _CRITICAL:
        _weapon_effect(cat, state, fight, hero)
        if perks[Perk.poisoner]:
            put(cat, state, fight, FOE, statuses.POISON, perks[Perk.poisoner])


def _weapon_effect(cat: Catalogue, state: State, fight: Fight, hero: Hero) -> None:
    status, amount = tables.WEAPON_EFFECT[hero.kind]
    if status in (statuses.POISON, statuses.BLEED) and cat.enemies[fight.enemy].undead:
        status, amount = tables.UNDEAD_EFFECT
    put(cat, state, fight, FOE, status, statuses.lengthened(status, amount, hero.figures.lengthen))


def _interrupt(cat: Catalogue, state: State, fight: Fight) -> None:
    """A shown heal or status becomes a light blow, half a period later."""
    state.log.append([Event.Interrupted, fight.intent])
    intents.show(cat, fight, _LIGHT)
    more = state.hero.figures.perks[Perk.interrupt_mark]
    fight.foe.next_at += fight.period * (tables.INTERRUPT_DELAY + more) // 1000
    if more:
        put(cat, state, fight, FOE, statuses.MARK, 1)


def _reset_after_hit(hero: Hero, fight: Fight) -> None:
    fight.run = 0
    if fight.step and fight.kept < hero.figures.perks[Perk.strip_keeper]:
        fight.kept += 1
    else:
        fight.step = 0


def _strike_self(state: State, fight: Fight) -> bool:
    hero = state.hero
    lost = hero.figures.damage * hero.figures.amp * tables.CONFUSED // 1_000_000
    lost = max(tables.DAMAGE_MIN, lost - damage.hero_armour(fight))
    hero.health -= lost
    state.log.append([Event.StruckSelf, HERO, lost])
    fight.step = fight.run = 0
    recover(fight.hero, hero.figures.period, 1000)
    return hero.health > 0
