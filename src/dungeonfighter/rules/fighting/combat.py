"""The hero's inputs in a fight (`attack`, `guard`, `use`, `flee`, `auto`), and the time line that they share.

A fight has one hero, one enemy and one time line. The side with the lower `next_at` acts; at equal times the
hero does. An input acts for the hero; then the room may act once, and the enemy acts until the hero's time
comes. The shown intent is a wind-up: the enemy's `next_at` is the moment at which it acts. Each input returns
a `Result`, and `dungeon.after_fight` acts on it.

Source: docs/rules.md, "A fight".
"""

from __future__ import annotations

from msgspec.structs import replace

from dungeonfighter import limits
from dungeonfighter.rules import dice, tables
from dungeonfighter.rules.bonuses import Relic
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.dice import event as event_die
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import damage, enemy_side, goods, statuses, timing
from dungeonfighter.rules.fighting.common import (
    ENEMY,
    HERO,
    Result,
    apply_hero_statuses,
    recover,
    second_wind,
)
from dungeonfighter.rules.fighting.conditions import GUARDED
from dungeonfighter.rules.fighting.hero_side import attack as strike
from dungeonfighter.rules.fighting.intents import choose
from dungeonfighter.rules.fighting.statuses import STUN
from dungeonfighter.rules.lists import changed
from dungeonfighter.rules.state import Band, Fight, Rank, Stance, State
from dungeonfighter.rules.tables import HAZARD_STEP, HAZARDS_MAX
from dungeonfighter.rules.talents import Perk

_ATTACK = int(Stance.attack)
_HIT = int(Band.hit)
_CRITICAL = int(Band.critical)

_RUNNER = 1 << Relic.runner
_BOSS = int(Rank.boss)
_GOES_ON = Result.goes_on
_ACTIONS_MAX = limits.fight_actions_max


def attack(cat: Catalogue, state: State, stance: int) -> int:
    fight = state.fight
    assert fight is not None
    return settle(cat, state, fight) if strike(cat, state, fight, stance) else Result.died


def guard(cat: Catalogue, state: State) -> int:
    """Guard against the enemy's next action, and act again right after it. The strip does not reset."""
    fight = _fight(state)
    fight.actions += 1
    fight.exposed = False
    if not apply_hero_statuses(state, fight, False):
        return Result.died
    fight.guarding = True
    fight.last = GUARDED
    state.log.append([Event.HeroGuarded])
    statuses.fade(fight.hero.statuses)
    fight.hero.next_at = max(fight.hero.next_at, fight.enemy.next_at + 1)
    return settle(cat, state, fight)


def use(cat: Catalogue, state: State, number: int) -> int:
    """Use one consumable, by its catalogue number; the hero must have one."""
    fight = _fight(state)
    fight.actions += 1
    fight.exposed = False
    hero = state.hero
    hero.consumables = changed(hero.consumables, number, -1)
    row = cat.consumables[number]
    goods.apply(cat, state, fight, number)
    if row.effect == "escape":
        return Result.fled
    if fight.health > 0 and not apply_hero_statuses(state, fight, False):
        return Result.died
    quick = hero.figures.perks[Perk.quick_hands]
    recover(fight.hero, hero.figures.period, quick if quick and row.length else row.length)
    return settle(cat, state, fight)


def flee(cat: Catalogue, state: State) -> int:
    fight = _fight(state)
    fight.actions += 1
    fight.exposed = False
    figures = state.hero.figures
    if figures.perks[Perk.escape_artist]:
        state.log.append([Event.HeroFled, 0, 0])
        return Result.fled
    due = enemy_first(state)
    if not apply_hero_statuses(state, fight, True):
        return Result.died
    if due and not figures.relics & _RUNNER:
        result = enemy_side.act(cat, state, fight, fight.hero.next_at)
        if result != Result.goes_on:
            return result
    die, bonus = dice.combat_d20(state.dice), (figures.agility - (2 + fight.level)) // 4
    if die + bonus >= tables.FLEE_NEEDS:
        state.log.append([Event.HeroFled, die, bonus])
        return Result.fled
    state.log.append([Event.FleeFailed, die, bonus])
    recover(fight.hero, figures.period, 1000)
    return settle(cat, state, fight)


def auto(cat: Catalogue, state: State) -> tuple[int, int]:
    """Attack plainly until the fight ends or the health is under 30 %, at least once.

    Returns:
        The `Result` of the last attack, and the number of attacks.
    """
    hero = state.hero
    played = 0
    result = int(Result.goes_on)
    floor = hero.figures.health_max * tables.AUTO_STOPS_BELOW
    before = hero.health
    while result == Result.goes_on and (not played or hero.health * 1000 >= floor):
        result = attack(cat, state, _ATTACK)
        played += 1
    state.log.append([Event.AutoFought, played, before - max(0, hero.health)])
    return result, played


def surprise(cat: Catalogue, state: State, fight: Fight) -> int:
    """Let an enemy that surprises the hero act first; it cannot take the last point of health.

    Returns:
        The `Result`: the enemy may strike itself dead.
    """
    result = enemy_side.act(cat, state, fight, 0)
    if result == Result.died:
        state.hero.health = 1
        state.log.append([Event.HeldOn])
        choose(cat, fight, state.dice, 0)
        result = Result.goes_on
    fight.hero.statuses[STUN] = 0  # or the enemy would act twice before the first input
    return result


def incoming(cat: Catalogue, state: State, *, critical: bool = False) -> int:
    """Return the damage of the shown intent on a plain hit, or a critical one (0: no attack, or no fight).

    It is the hit after plain attacks of the hero: these end an exposure by an earlier power attack, lower
    weaken and let acid eat armour.
    """
    fight = state.fight
    if fight is None or not tables.INTENT_DAMAGE[fight.intent]:
        return 0
    weak, corroded = timing.statuses_then(fight, state.hero.figures.period)
    own = fight.hero.statuses.copy()
    own[statuses.WEAKEN] = int(weak)
    fight = replace(fight, exposed=False, hero_armour=fight.hero_armour - corroded)
    return statuses.expected(
        own,
        damage.enemy_damage(
            cat, state.hero, fight, intent=fight.intent, band=_CRITICAL if critical else _HIT
        ),
    )


def outgoing(cat: Catalogue, state: State) -> int:
    """Return the damage of a plain hit of the hero, after the damage of the own statuses (0: no fight)."""
    fight = state.fight
    if fight is None:
        return 0
    hero = state.hero
    weight = tables.STATUS_DAMAGE[fight.level]
    cost, _ = statuses.apply(fight.hero.statuses.copy(), hero.figures.health_max, weight, attacks=True)
    hero = replace(hero, health=hero.health - cost)
    dealt = damage.hero_damage(cat, hero, fight, action=-1, slot=0, band=_HIT, stance=_ATTACK)
    return statuses.expected(fight.enemy.statuses, dealt)


def enemy_first(state: State) -> bool:
    """Return True if the enemy acts before the hero's next action, should the hero attack plainly now."""
    fight = state.fight
    if fight is None:
        return False
    return timing.enemy_acts_in(fight) < timing.hero_acts_in(fight, state.hero.figures.period)


def room_acts(cat: Catalogue, state: State, fight: Fight) -> None:
    """Let a hazard of the room strike one side; it takes the last point of neither."""
    hazards = cat.hazards[fight.theme]
    number = hazards[dice.event(state.dice, len(hazards))]
    row = cat.hazard_rows[number]
    side = dice.event(state.dice, 2)
    if side == HERO and state.hero.figures.perks[Perk.hazard_ward]:
        side = ENEMY
    most = state.hero.figures.health_max if side == HERO else fight.health_max
    lost = most * row.damage // 1000
    lost = min(lost, (fight.health if side == ENEMY else state.hero.health) - 1)
    struck = [Event.HazardStruck, number, side, lost, 0]
    state.log.append(struck)
    if side == ENEMY:
        fight.health -= lost
    elif lost:
        state.hero.health -= lost
        second_wind(state, fight)
    status = cat.hazard_status[number]
    if status >= 0:
        undead = side == ENEMY and cat.enemies[fight.enemy_kind].undead
        bearer = fight.enemy if side == ENEMY else fight.hero
        struck[-1] = statuses.inflict(bearer.statuses, status, row.amount, undead)


def _fight(state: State) -> Fight:
    assert state.fight is not None
    return state.fight


def settle(cat: Catalogue, state: State, fight: Fight) -> int:
    """Let the room and the enemy act until the hero may act again; return the `Result`."""
    if fight.health <= 0:
        return Result.won
    if fight.hazards < HAZARDS_MAX:  # the chance grows by 5 % with each turn without a hazard
        if event_die(state.dice, 100) >= HAZARD_STEP * (1 + fight.quiet):
            fight.quiet += 1
        else:
            fight.hazards += 1
            fight.quiet = 0
            room_acts(cat, state, fight)
    hero, enemy = fight.hero, fight.enemy
    while True:
        if enemy.next_at < hero.next_at:
            result = enemy_side.act(cat, state, fight, enemy.next_at)
            if result != _GOES_ON:
                return result
        elif hero.statuses[STUN]:
            if not _stunned(state, fight):
                return Result.died
        else:
            return _GOES_ON if fight.actions < _ACTIONS_MAX else Result.stalled


def _stunned(state: State, fight: Fight) -> bool:
    """Skip the hero's action. False: the hero's statuses killed the hero."""
    fight.hero.statuses[STUN] = 0
    fight.exposed = False
    state.log.append([Event.Stunned, HERO])
    if not apply_hero_statuses(state, fight, False):
        return False
    recover(fight.hero, state.hero.figures.period, 1000)
    return True


def may_flee(fight: Fight) -> bool:
    return fight.rank != _BOSS
