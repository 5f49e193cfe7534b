"""The hero's attack: roll, band, strip, damage, effects, interrupt.

Source: docs/rules.md, "The die" and "A fight".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import ON_CRITICAL, ON_HIT, Catalogue
from dungeonfighter.rules.character.hero import heal
from dungeonfighter.rules.dice import combat as draw
from dungeonfighter.rules.dice import combat_d20
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import damage, powers, statuses
from dungeonfighter.rules.fighting.common import ENEMY, HERO, apply_hero_statuses, put_status, recover
from dungeonfighter.rules.fighting.conditions import MISSED, more
from dungeonfighter.rules.fighting.powers import interrupt
from dungeonfighter.rules.fighting.statuses import CLEAN, CONFUSION, PIERCE, ROLL_PENALTY, taken
from dungeonfighter.rules.state import Band, Fight, Figures, Hero, Stance, State
from dungeonfighter.rules.tables import (
    COMBO_FLOOR,
    COMBO_MIN,
    CRITICAL_FACE,
    CRITICAL_FLOOR,
    HIT_FLOOR,
    MISS_MAX,
    STANCE_DAMAGE,
    STANCE_ROLL,
)
from dungeonfighter.rules.talents import Perk

_CRITICAL_MISS, _MISS, _HIT, _COMBO, _CRITICAL = (int(band) for band in Band)
_PRECISE = int(Stance.precise)
_POWER = int(Stance.power)

# Module constants, because reading an attribute of a class or module costs as much as an addition. For speed,
# too, a function writes a field only if its value changes (a read costs a tenth of a write), and tests for
# rare cases (statuses, luck) before it calls the function that handles them.
_HERO_ATTACKED: Final = Event.HeroAttacked
_HERO_MISSED: Final = Event.HeroMissed
_PRECISE_COMBO: Final = Perk.precise_combo
_OPENER_CRIT: Final = Perk.opener_crit
_GAMBLER: Final = Perk.gambler
_MOMENTUM: Final = Perk.momentum
_BLEED_ON_COMBO: Final = Perk.bleed_on_combo


def attack(cat: Catalogue, state: State, fight: Fight, stance: int) -> bool:
    """Make one attack in a stance and set the time of the hero's next action. False: the hero died."""
    hero = state.hero
    figures = hero.figures
    fight.actions += 1
    if fight.exposed:
        fight.exposed = False
    fighter = fight.hero
    own = fighter.statuses
    afflicted = own != CLEAN
    if afflicted and _prevented(state, fight):
        return hero.health > 0
    bonus = STANCE_ROLL[stance]
    if stance == _PRECISE:
        bonus += figures.perks[_PRECISE_COMBO]
    if figures.rolls or (afflicted and own[ROLL_PENALTY]):
        bonus += _uncommon_bonus(cat, hero, fight, stance)
    die = combat_d20(state.dice)
    band = _band(figures, fight, die, die + bonus)
    if band == _MISS and fight.luck:
        die = _reroll(state, fight, die)
        band = _band(figures, fight, die, die + bonus)
    length = 1000
    if band >= _COMBO:
        length = _play_strip(cat, state, fight, stance, die, bonus, band)
        afflicted = True  # an action may put a status on the hero
    elif band == _HIT:
        _hit_plainly(cat, state, fight, stance, die, bonus)
    else:
        state.log.append([_HERO_MISSED, stance, die + bonus, band, bonus])
        if fight.step or fight.run:
            _reset_after_miss(hero, fight)
        if band == _CRITICAL_MISS:
            length = tables.CRITICAL_MISS_LENGTH
    if figures.relics:
        length = powers.after_attack(cat, state, fight, stance, band, length)
    fight.last = MISSED if band <= _MISS else 0
    fight.opened = True
    if stance >= _PRECISE and band >= _HIT:
        _use_opening(state, fight, stance)
    elif stance == _POWER:
        fight.exposed = True
    if not afflicted:  # as `recover` does for a fighter without statuses
        fighter.next_at += figures.period * length // 1000
        return True
    if own[PIERCE]:
        own[PIERCE] -= 1
    recover(fighter, figures.period, length)
    return True


def _uncommon_bonus(cat: Catalogue, hero: Hero, fight: Fight, stance: int) -> int:
    """Return the bonus of gear on a roll, less the penalty of the status, which this attack lowers."""
    bonus = more(hero.figures.rolls, cat, hero, fight, stance)
    own = fight.hero.statuses
    if own[ROLL_PENALTY]:
        own[ROLL_PENALTY] -= 1
        bonus -= tables.ROLL_PENALTY
    return bonus


def _use_opening(state: State, fight: Fight, stance: int) -> None:
    """Make an opening by a precise hit, or end it by a power hit, which then does not expose the hero."""
    if stance == _POWER:
        fight.exposed, fight.opening = not fight.opening, False
    elif not fight.opening and fight.health > 0:
        fight.opening = True
        state.log.append([Event.Opened])


def _prevented(state: State, fight: Fight) -> bool:
    """Apply statuses and confusion; True if they end the action: the hero died or struck itself."""
    if not apply_hero_statuses(state, fight, True):
        return True
    own = fight.hero.statuses
    if own[CONFUSION]:
        own[CONFUSION] -= 1
        if draw(state.dice, 2):
            _strike_self(state, fight)
            return True
    return False


def _reroll(state: State, fight: Fight, die: int) -> int:
    fight.luck -= 1
    state.log.append([Event.MissRerolled, die])
    return combat_d20(state.dice)


def _band(figures: Figures, fight: Fight, die: int, total: int) -> int:
    """Return the `Band` of a roll: the bare die decides critical and critical miss, the total the others."""
    critical = CRITICAL_FACE - figures.crit - fight.crit
    if critical < CRITICAL_FLOOR:
        critical = CRITICAL_FLOOR
    if not fight.opened:
        critical -= figures.perks[_OPENER_CRIT]
    if die >= critical:
        return _CRITICAL
    if die <= 2:
        if figures.perks[_GAMBLER]:
            return _CRITICAL if die == 1 else _CRITICAL_MISS
        if die == 1:
            return _CRITICAL_MISS
    lowest = COMBO_MIN - figures.combo - fight.combo
    if total >= (lowest if lowest > COMBO_FLOOR else COMBO_FLOOR):
        return _COMBO
    lowest = MISS_MAX + 1 - figures.hit - fight.hit
    return _HIT if total >= (lowest if lowest > HIT_FLOOR else HIT_FLOOR) else _MISS


def _hit_plainly(cat: Catalogue, state: State, fight: Fight, stance: int, die: int, bonus: int) -> None:
    """Land a hit, which keeps the place in the strip; a precise one also interrupts."""
    hero = state.hero
    figures = hero.figures
    plain = figures.damage * figures.amp * STANCE_DAMAGE[stance] // 1_000_000
    lost = damage.after_defences(cat, hero, fight, plain, stance, 1000)
    _land(state, fight, [_HERO_ATTACKED, stance, die + bonus, _HIT, -1, bonus], lost)
    if fight.run:
        fight.run = 0
    if stance == _PRECISE and fight.health > 0 and fight.intent in tables.INTERRUPTED:
        interrupt(cat, state, fight)


def _play_strip(
    cat: Catalogue, state: State, fight: Fight, stance: int, die: int, bonus: int, band: int
) -> int:
    """Play the current slot of the strip on a combo or critical, and advance the strip.

    Returns:
        The length of the action in permille of the period.
    """
    hero = state.hero
    strip = hero.strip
    slots = len(strip)
    slot = fight.step % slots
    action = strip[slot]
    row = cat.actions[action]
    lost = damage.hero_damage(cat, hero, fight, action, slot, band, stance)
    _land(state, fight, [_HERO_ATTACKED, stance, die + bonus, band, action, bonus], lost)
    step = _next_slot(row.route, slot, slots) if row.route and hero.figures.routing else (slot + 1) % slots
    if step != fight.step:
        fight.step = step
    length = row.length
    momentum = hero.figures.perks[_MOMENTUM]
    if momentum:
        length = length * max(tables.MOMENTUM_FLOOR, 1000 - momentum * fight.run) // 1000
    fight.run += 1
    if row.heal:
        state.log.append([Event.HeroHealed, heal(hero, row.heal)])
    if fight.health > 0:
        _effects(cat, state, fight, action, band)
        if fight.intent in tables.INTERRUPTED:
            interrupt(cat, state, fight)
    return length


def _next_slot(route: str, slot: int, slots: int) -> int:
    if route == "repeat":
        return slot
    if route == "first":
        return 0
    if route == "skip":
        return (slot + 2) % slots
    return 2 % slots  # jump2


def _land(state: State, fight: Fight, event: list[int], lost: int) -> None:
    """Take the damage from the enemy's health; append the damage to `event`, and `event` to the log."""
    victim = fight.enemy.statuses
    if victim != CLEAN:
        lost = taken(victim, lost)
    fight.health -= lost
    event.append(lost)
    state.log.append(event)


def _effects(cat: Catalogue, state: State, fight: Fight, action: int, band: int) -> None:
    hero = state.hero
    figures = hero.figures
    for status, amount, on, on_self in cat.action_effects[action]:
        if on == ON_CRITICAL and band != _CRITICAL:
            continue
        whole = amount * cat.actions[action].hits if on == ON_HIT else amount
        whole = statuses.lengthened(status, whole, figures.lengthen)
        put_status(cat, state, fight, HERO if on_self else ENEMY, status, whole)
    perks = figures.perks
    if perks[_BLEED_ON_COMBO]:
        put_status(cat, state, fight, ENEMY, statuses.BLEED, perks[_BLEED_ON_COMBO])
    if band == _CRITICAL:
        _weapon_effect(cat, state, fight, hero)
        if perks[Perk.poisoner]:
            put_status(cat, state, fight, ENEMY, statuses.POISON, perks[Perk.poisoner])


def _weapon_effect(cat: Catalogue, state: State, fight: Fight, hero: Hero) -> None:
    status, amount = tables.WEAPON_EFFECT[hero.kind]
    if status in (statuses.POISON, statuses.BLEED) and cat.enemies[fight.enemy_kind].undead:
        status, amount = tables.UNDEAD_EFFECT
    put_status(cat, state, fight, ENEMY, status, statuses.lengthened(status, amount, hero.figures.lengthen))


def _reset_after_miss(hero: Hero, fight: Fight) -> None:
    fight.run = 0
    if fight.step and fight.kept < hero.figures.perks[Perk.strip_keeper]:
        fight.kept += 1
    else:
        fight.step = 0


def _strike_self(state: State, fight: Fight) -> None:
    hero = state.hero
    lost = hero.figures.damage * hero.figures.amp * tables.CONFUSED // 1_000_000
    lost = max(tables.DAMAGE_MIN, lost - damage.hero_armour(fight))
    hero.health -= lost
    state.log.append([Event.StruckSelf, HERO, lost])
    fight.step = fight.run = 0
    recover(fight.hero, hero.figures.period, 1000)
