"""The text view of a fight, in which every turn has what the decision needs.

    e3 t14 | 212/264 next 7, bleed 2 (-8), 14+/19 Rend, luck 1, room hit -1
    You combo Rend 18. Its normal hit 14.
    L3 guardian beast 84/141 armour 2, slow 1 (+50%): heavy 231-370 in 1 then light
    1 attack 75%:14-29 |2 precise 90:10-21 |3 power 60:26-52 exposed |4 guard 92 |5 potion x2
    |8 flee 80 scar |9 auto

(The last line is broken here only.) The first line has the hero: health, the time until the next action after
a plain attack, statuses, the lowest total that combos and the lowest die that is critical (20 is not told),
the action that a combo plays, the luck that is left, and the bonuses of the room. Then come the events of
this turn, and the enemy with its shown action: its damage on a hit, to that of a critical if it could kill,
and its time. The last line has the inputs; an attack has its chance and its damage, from the least hit to the
highest critical. Times are in seconds, rounded down; both have tenths if they are in the same second.

Several layouts were counted: docs/decisions/068-views-of-fights.md.

Most turns are in a fight, so `fight_text` makes the view in one pass over locals. What few small numbers
decide comes from tables: the chances, the words of an enemy and of statuses.

Source: docs/tools.md, "Views"; docs/rules.md, "A fight".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.fighting.statuses import CLEAN, STUN
from dungeonfighter.rules.fighting.timing import enemy_acts_in
from dungeonfighter.rules.journey.world import allowance_left, turns_left
from dungeonfighter.rules.modes import is_limited
from dungeonfighter.rules.state import Fight, Hero, Intent, Rank, State
from dungeonfighter.rules.talents import Perk
from dungeonfighter.rules.views import forecast, labels, meanings, stances
from dungeonfighter.rules.views.numerals import NUMERALS, NUMERALS_MAX
from dungeonfighter.rules.views.sentences import CHANGES, INTENTS, STATUSES, narrate

FEW_TURNS: Final = 200
"""The turns that a run with a limit has left, from which views of a fight show them; others always do."""

# The module holds these numbers: an attribute of a class costs more (as in `damage`).
_STATUS = int(Intent.status)
_FLEE = int(Intent.flee)
_DEFEND = int(Intent.defend)
_BOSS = int(Rank.boss)
_NORMAL = int(Rank.normal)
_GUARDIAN = int(Rank.guardian)
_ESCAPES: Final = Perk.escape_artist
_BRACED: Final = Perk.power_armour
_QUICK: Final = Perk.quick_hands
_FREE: Final = " free"
_ALL_FREE: Final = ", all free"
_INTENT_DAMAGE: Final = tables.INTENT_DAMAGE
_CRITICAL_MIN: Final = tables.CRITICAL_FACE
_FLIGHT: Final = "flee (its reward is lost)"
_RANKS: Final = tuple("" if rank == Rank.normal else f" {rank.name}" for rank in Rank)
_AUTO: Final = " |9 auto"
_SLIP: Final = f"{1 + tables.SLIP_TURNS} turns"
_LEAVE: Final = f"{1 + tables.LEAVE_TURNS} turns"
_FLEES: Final = tuple(
    tuple(f" |8 flee {5 * faces}{price}" for faces in range(21)) for price in ("", " scar", f" {_LEAVE}")
)
"""The input of a flight, by price and by the faces of the die with which it succeeds."""


def fight_text(cat: Catalogue, state: State, fight: Fight, head: str, goods: str, over: str) -> str:
    """Return all lines of a fight.

    Args:
        head: The run and the turn.
        goods: The inputs that use a consumable, each behind a separator.
        over: The last line of a run that is over, "" while it lives.
    """
    hero = state.hero
    sentences: list[str] = []
    began = narrate(cat, state.log[state.turn_start :], sentences)
    happened = f"\n{' '.join(sentences)}" if sentences else ""
    own, others = fight.hero.statuses, fight.enemy.statuses
    clean, suffers, enemy_suffers = True, "", ""
    wait = fight.enemy.next_at - fight.hero.next_at
    period, combo_time = forecast.own_times(cat, hero, fight)
    if own != CLEAN:
        clean = False
        suffers = meanings.listed(tuple(own), fight.level, hero.figures.health_max)
    if others != CLEAN:
        clean, wait = False, enemy_acts_in(fight)
        enemy_suffers = meanings.listed(tuple(others), fight.level, fight.health_max)
    elif wait < 0:
        wait = 0
    if period // 1000 == wait // 1000:
        own_time, its_time = _seconds(period), _seconds(wait)
    else:
        own_time, its_time = NUMERALS[period // 1000], NUMERALS[wait // 1000]
    numbers = stances.key(cat, hero, fight)
    health, most = hero.health, hero.figures.health_max
    enemy_health, enemy_most = fight.health, fight.health_max
    intent = fight.intent
    shown, guard = INTENTS[intent], " 0"
    if _INTENT_DAMAGE[intent]:
        if intent == _STATUS:
            shown = f"{STATUSES[fight.intent_status]} {cat.enemies[fight.enemy_kind].amount} +"
        hit, critical, guarded = forecast.threat(cat, hero, fight, clean, intent)
        shown = f"{shown} {NUMERALS[hit] if hit < NUMERALS_MAX else hit}"
        if critical >= health > 0:
            shown = f"{shown}-{critical}"
        guard = f" {NUMERALS[guarded] if guarded < NUMERALS_MAX else guarded}"
    elif intent == _FLEE:
        shown = _FLIGHT
    elif intent == _DEFEND:
        shown = "defends"
    if over:
        last = over
    else:
        if others[STUN]:
            guard = " no use"
        elif wait >= period:
            guard = ""
        hurts = wait < period and (_INTENT_DAMAGE[intent] > 0 or others[STUN] > 0)
        if goods and hero.figures.perks[_QUICK]:
            goods += _ALL_FREE if goods.count("|") > 1 else _FREE
        last = _inputs(cat, hero, fight, clean, numbers, hurts, f"{guard}{goods}")
    combo = _combo(cat, hero, fight, numbers, (combo_time <= wait) != (period <= wait), combo_time, began)
    return (
        f"{head} | {NUMERALS[health] if health < NUMERALS_MAX else health}"
        f"/{NUMERALS[most] if most < NUMERALS_MAX else most} next {own_time}{suffers}"
        f"{combo}{_clock(state, began)}{happened}\n"
        f"{_enemy(cat, hero, fight, began)} "
        f"{NUMERALS[enemy_health] if enemy_health < NUMERALS_MAX else enemy_health}"
        f"/{NUMERALS[enemy_most] if enemy_most < NUMERALS_MAX else enemy_most}"
        f"{f' armour {fight.armour}' if fight.armour else ''}{enemy_suffers}: "
        f"{shown} {'for' if intent == _DEFEND else 'in'} {its_time}"
        f"{_then(cat, hero, fight, clean, wait, period)}\n{last}"
    )


def _inputs(
    cat: Catalogue, hero: Hero, fight: Fight, clean: bool, numbers: stances.Key, hurts: bool, rest: str
) -> str:
    """Return the line of inputs; `hurts`: the enemy strikes before the hero's next action."""
    first, second, third, fourth = stances.labels(numbers, stances.interrupters(hero, fight))
    (a, c, e), (b, d, f) = stances.ranges(cat, hero, fight, clean)
    figures = hero.figures
    if fight.opening:
        fourth += " opening"
    if hurts and not figures.perks[_BRACED]:
        fourth += " else exposed" if fight.opening else " exposed"
        if _INTENT_DAMAGE[fight.intent]:
            hit, _, _ = forecast.threat(cat, hero, fight, clean, fight.intent, exposed=True)
            fourth += f" {NUMERALS[hit] if hit < NUMERALS_MAX else hit}"
    flee = ""
    if fight.rank != _BOSS:
        price = 0 if fight.rank < _GUARDIAN else 2 if figures.perks[_ESCAPES] else 1
        flee = _FLEES[price][forecast.flee_faces(hero, fight)]
    if f < NUMERALS_MAX and b < NUMERALS_MAX:
        return (
            f"{first}{NUMERALS[a]}-{NUMERALS[b]}{second}{NUMERALS[c]}-{NUMERALS[d]}{third}"
            f"{NUMERALS[e]}-{NUMERALS[f]}{fourth} |4 guard{rest}{flee}{_AUTO}"
        )
    return f"{first}{a}-{b}{second}{c}-{d}{third}{e}-{f}{fourth} |4 guard{rest}{flee}{_AUTO}"


def flee_price(hero: Hero, fight: Fight) -> str:
    """Return what a flight costs, "" from a boss."""
    if fight.rank == _BOSS:
        return ""
    if fight.rank < _GUARDIAN:
        return _SLIP
    return _LEAVE if hero.figures.perks[_ESCAPES] else f"{_LEAVE} and a scar"


def _combo(
    cat: Catalogue, hero: Hero, fight: Fight, numbers: stances.Key, changes: bool, time: int, began: bool
) -> str:
    """Return the lowest rolls that combo and are critical, the action, the luck; at first the room's bonuses.

    Args:
        changes: True if a combo changes who acts next; then the time until the hero's next action after it is
            told, too.
    """
    strip = hero.strip
    action = strip[fight.step % len(strip)]
    text = f", {NUMERALS[numbers[1]]}+"
    if numbers[2] < _CRITICAL_MIN:
        text += f"/{numbers[2]}"
    text += cat.action_text[action]
    step = fight.step % len(strip)
    if step and cat.action_sets_up[strip[step - 1]]:
        text += "+"
    if changes:
        text += f" {_seconds(time)}"
    if fight.luck:
        text += f", luck {fight.luck}"
    if began and (fight.hit or fight.combo or fight.crit):
        text += _tilt(fight.hit, fight.combo, fight.crit)
    return text


@lru_cache(stances.ODDS_MAX)
def _tilt(hit: int, combo: int, critical: int) -> str:
    """Return the room's bonuses on the rolls of both sides: `, room hit -1`."""
    parts = [f"{name} {by:+d}" for name, by in (("hit", hit), ("combo", combo), ("critical", critical)) if by]
    return f", room {' '.join(parts)}"


def _clock(state: State, began: bool) -> str:
    """Return the turns until the dungeons stir, and until the run ends, if they are few."""
    left = allowance_left(state)
    text = ""
    if left <= labels.STIRS_SOON and (left >= 0 or began):
        text = f" | {labels.stirs(state, left)}"
    if is_limited(state):
        rest = turns_left(state)
        if rest is not None and rest <= FEW_TURNS:
            text += f" | {turns_words(rest)}"
    return text


def turns_words(left: int) -> str:
    return f"{left} turn{'' if left == 1 else 's'} left"


_known_enemies: dict[tuple[str, int, int, int, int], str] = {}


def _enemy(cat: Catalogue, hero: Hero, fight: Fight, began: bool) -> str:
    """Return name, level, rank, kind, class wheel and armour; in the first view of a fight the habit, too."""
    key = cat.identity, fight.enemy_kind, fight.rank, fight.level, hero.kind
    words = _known_enemies.get(key)
    if words is None:
        if len(_known_enemies) >= stances.ODDS_MAX:
            _known_enemies.clear()
        row = cat.enemies[fight.enemy_kind]
        undead = "undead " if row.undead else ""
        edge = labels.edge(cat, hero, fight.enemy_kind)
        words = f"L{fight.level}{_RANKS[fight.rank]} {edge}{undead}{row.archetype}"
        _known_enemies[key] = words
    if began:
        words = f"{cat.enemies[fight.enemy_kind].name} {words}"
    if began and cat.enemies[fight.enemy_kind].habit:
        words += f" ({cat.enemies[fight.enemy_kind].habit})"
    if fight.rank == _BOSS and not fight.low and cat.enemy_phase[fight.enemy_kind] >= 0:
        words += f" (below half {CHANGES[cat.enemy_phase[fight.enemy_kind]]})"
    return words


def _then(cat: Catalogue, hero: Hero, fight: Fight, clean: bool, wait: int, period: int) -> str:
    """Return the action after the shown one; with its damage if it comes before the hero's next."""
    after, time = forecast.next_after(cat, fight, wait, period)
    if after < 0:
        return ""
    if time >= period:
        return f" then {INTENTS[after]}"
    damage = ""
    if _INTENT_DAMAGE[after]:
        damage = f" {forecast.second_threat(cat, hero, fight, clean, after)[0]}"
    if fight.rank == _NORMAL:
        return f" then up to{damage} before you"
    return f" then {INTENTS[after]}{damage} before you"


def _seconds(time: int) -> str:
    return f"{time / 1000:.1f}"
