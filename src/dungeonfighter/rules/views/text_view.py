"""The text view: one turn, reported to a model in as few tokens as stay unambiguous.

    e3 t14 | Tarn 212/264 hp, bleed 2
    You precise 14+3: combo Rend for 18. Foe normal hit for 14.
    Grey Wolf 84/141, bleed 3; shows heavy ~31 in 1.2 s
    You hit ~14, next 7.1 s, combo 2/3 Rend
    1 attack | 2 precise | 3 power | 4 guard | 5 potion x2 | 8 flee | 9 auto

The status line comes first, then the events of this turn. They come from the log, so a repeated call gets
the same text. Then comes the situation, and last the legal inputs, each number with its label. The situation
of a fight is the enemy's shown intent with its damage on a plain hit and its time; the damage of a plain hit
of the hero, the time to the hero's next action after it, and the slot of the strip that a combo plays. Of an
elite, a guardian or a boss the action after the shown one stands there too, by its pattern. The first turn of
a fight also has what stays: the enemy's level and kind, and the lowest rolls that hit, combo and are
critical. The
lines of the fighters list their statuses, so no sentence reports that a status begins or ends. The budget is
120 tokens a median turn.

Most turns are in a fight, so `_fight` makes the whole view in one pass over locals, as one string.

Source: docs/tools.md, "Views"; docs/rules.md, "A fight".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Protocol

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.fighting.intents import following
from dungeonfighter.rules.fighting.statuses import CLEAN
from dungeonfighter.rules.fighting.timing import enemy_acts_in, hero_acts_in
from dungeonfighter.rules.journey.world import allowance_left, turns_left
from dungeonfighter.rules.modes import is_limited
from dungeonfighter.rules.state import Fight, Hero, Intent, Phase, Rank, State
from dungeonfighter.rules.views import classes, forecast, labels
from dungeonfighter.rules.views.comparison import Comparison
from dungeonfighter.rules.views.conditions import conditions
from dungeonfighter.rules.views.numerals import NUMERALS, NUMERALS_MAX, SECONDS, SECONDS_MAX, points
from dungeonfighter.rules.views.sentences import CHANGES, INTENTS, STATUSES, narrate

FEW_TURNS: Final = 200
"""The turns that a run with a limit has left, from which views of a fight show them; others always do."""

LISTS_MAX: Final = 4096
"""The greatest number of status lists that the cache keeps."""

_RANKS: Final = tuple("" if rank == Rank.normal else f" {rank.name}" for rank in Rank)
_THREATS: Final = tuple(f"{intent} ~" for intent in INTENTS)
# The module holds these numbers: an attribute of a class costs more (as in `damage`).
_COMBAT = int(Phase.Combat)
_INVENTORY = int(Phase.Inventory)
_STATUS = int(Intent.status)
_BOSS = int(Rank.boss)
_FLEE = int(Intent.flee)
_FLIGHT: Final = "flee (no reward)"
_SHORTEST: Final = min(tables.INTENT_LENGTH)
_FAR: Final = 125
"""Permille of the health: an action of less damage cannot kill even by a critical, at whatever statuses."""


class TextRules(Protocol):
    """The part of `Rules` that the text view needs."""

    @property
    def catalogue(self) -> Catalogue: ...
    def outline(self, state: State) -> labels.Outline: ...
    def score(self, state: State) -> int: ...


def text(rules: TextRules, state: State, head: str) -> str:
    """Return the view of one state; `head` names run and turn, for example `e3 t14`."""
    cat = rules.catalogue
    fight = state.fight
    if fight is None or state.phase != _COMBAT:
        return _elsewhere(rules, state, head)
    return _fight(cat, state, fight, head, _over(rules, state) if state.over else rules.outline(state).whole)


def _elsewhere(rules: TextRules, state: State, head: str) -> str:
    cat = rules.catalogue
    lines = [_status(rules, state, head)]
    if not state.turn:
        lines += conditions(cat, state)
    sentences: list[str] = []
    narrate(cat, state.log[state.turn_start :], sentences)
    if sentences:
        lines.append(" ".join(sentences))
    comparison = Comparison(cat, state.hero)
    lines.extend(labels.situation(cat, state, comparison))
    if state.over:
        lines.append(_over(rules, state))
    else:
        lines.append(labels.inputs_line(cat, state, rules.outline(state), comparison))
    return "\n".join(lines)


def _over(rules: TextRules, state: State) -> str:
    return f"The run is over, score {points(rules.score(state))}."


def _fight(cat: Catalogue, state: State, fight: Fight, head: str, inputs: str) -> str:
    """Return all lines of a fight; `inputs` is the last.

    Most numbers are small, so `NUMERALS` and `SECONDS` have their text; only the others are formatted.
    """
    hero = state.hero
    sentences: list[str] = []
    began = narrate(cat, state.log[state.turn_start :], sentences)
    happened = f"\n{' '.join(sentences)}" if sentences else ""

    statuses, enemy_statuses = fight.hero.statuses, fight.enemy.statuses
    clean, suffers, enemy_suffers = True, "", ""
    period, wait = hero.figures.period, fight.enemy.next_at - fight.hero.next_at
    if statuses != CLEAN:
        clean, suffers, period = False, _listed(tuple(statuses)), hero_acts_in(fight, period)
    if enemy_statuses != CLEAN:
        clean, enemy_suffers, wait = False, _listed(tuple(enemy_statuses)), enemy_acts_in(fight)
    elif wait < 0:
        wait = 0
    left = allowance_left(state)
    if left <= labels.STIRS_SOON and (left >= 0 or began):
        suffers += f" | {labels.stirs(state, left)}"
    if is_limited(state):
        suffers += _few_turns(state)
    health, most = hero.health, hero.figures.health_max
    enemy_health, enemy_most = fight.health, fight.health_max

    intent = fight.intent
    shown = INTENTS[intent]
    if tables.INTENT_DAMAGE[intent]:
        if intent == _STATUS:
            shown = f"{STATUSES[fight.intent_status]} {cat.enemies[fight.enemy_kind].amount} ~"
        else:
            shown = _THREATS[intent]
        hit = forecast.incoming(cat, hero, fight, clean)
        shown = f"{shown}{NUMERALS[hit] if hit < NUMERALS_MAX else hit}"
        if hit < health and fight.damage * tables.INTENT_DAMAGE[intent] > health * _FAR:
            shown += _critical(cat, hero, fight, clean, health)
    elif intent == _FLEE:
        shown = _FLIGHT
    then = _then(cat, fight, wait, period)
    hit = forecast.outgoing(cat, hero, fight, clean)
    rolls = _rolls(cat, hero, fight) if began else ""
    strip = hero.strip
    slots = len(strip)
    combo = ""
    if slots > 1:
        step = fight.step % slots
        combo = f", combo {NUMERALS[step + 1]}/{NUMERALS[slots]}{cat.action_text[strip[step]]}"
        if step and cat.action_sets_up[strip[step - 1]]:
            combo += "+"
    if fight.opening:
        combo += ", opening"
    return (
        f"{head} | {hero.name} {NUMERALS[health] if health < NUMERALS_MAX else health}"
        f"/{NUMERALS[most] if most < NUMERALS_MAX else most} hp{suffers}{happened}\n"
        f"{_introduce(cat, hero, fight) if began else cat.enemies[fight.enemy_kind].name} "
        f"{NUMERALS[enemy_health] if enemy_health < NUMERALS_MAX else enemy_health}"
        f"/{NUMERALS[enemy_most] if enemy_most < NUMERALS_MAX else enemy_most}{enemy_suffers}; "
        f"shows {shown} in {SECONDS[wait] if wait < SECONDS_MAX else _seconds(wait)} s{then}\n"
        f"You hit ~{NUMERALS[hit] if hit < NUMERALS_MAX else hit}{rolls}, "
        f"next {SECONDS[period] if period < SECONDS_MAX else _seconds(period)} s{combo}\n{inputs}"
    )


def _critical(cat: Catalogue, hero: Hero, fight: Fight, clean: bool, health: int) -> str:
    """Return the damage of a critical of the shown action, if only that would kill the hero."""
    hit = forecast.incoming(cat, hero, fight, clean, critical=True)
    return f" (critical {hit})" if hit >= health else ""


def _then(cat: Catalogue, fight: Fight, wait: int, period: int) -> str:
    """Return the action after the shown one, with its time if it comes before the hero's next."""
    if fight.rank:
        after = following(cat, fight)
        soonest = wait + fight.period * tables.INTENT_LENGTH[after] // 1000
        return f", then {INTENTS[after]}{f' in {_seconds(soonest)} s' if soonest < period else ''}"
    soonest = wait + fight.period * _SHORTEST // 1000
    return f", maybe again in {_seconds(soonest)} s" if soonest < period else ""


def _rolls(cat: Catalogue, hero: Hero, fight: Fight) -> str:
    """Return the lowest rolls of a plain attack now that hit, combo and are critical: `, rolls 6/14/20`."""
    lowest, combo, critical = forecast.thresholds(cat, hero, fight)
    return f", rolls {lowest}/{combo}/{critical}"


def _few_turns(state: State) -> str:
    """Return the turns that a run with a limit has left, if they are few."""
    left = turns_left(state)
    return "" if left is None or left > FEW_TURNS else f" | {_turns(left)}"


def _turns(left: int) -> str:
    return f"{left} turn{'' if left == 1 else 's'} left"


def _introduce(cat: Catalogue, hero: Hero, fight: Fight) -> str:
    """Return the enemy's name with its level, rank and kind, for the turn in which the fight begins."""
    enemy = cat.enemies[fight.enemy_kind]
    undead = "undead " if enemy.undead else ""
    armour = f", armour {fight.armour}" if fight.armour else ""
    own = [enemy.habit] if enemy.habit else []
    phase = cat.enemy_phase[fight.enemy_kind]
    if phase >= 0 and fight.rank == _BOSS:
        own.append(f"below half {CHANGES[phase]}")
    habit = f" ({'; '.join(own)})" if own else ""
    kind = f"{undead}{enemy.archetype}{habit}{labels.wheel(cat, hero, fight.enemy_kind)}"
    return f"{enemy.name} L{fight.level},{_RANKS[fight.rank]} {kind}{armour},"


def _status(rules: TextRules, state: State, head: str) -> str:
    hero = state.hero
    if hero.kind < 0:
        return f"{head} | {hero.name}"
    health, most = hero.health, hero.figures.health_max
    if health < 0:
        health = 0
    hp = (
        f"{NUMERALS[health] if health < NUMERALS_MAX else health}"
        f"/{NUMERALS[most] if most < NUMERALS_MAX else most} hp"
    )
    left = turns_left(state)
    turns = "" if left is None else f", {_turns(left)}"
    dungeon = state.dungeon
    xp, needed, gold = hero.xp, tables.xp_next(hero.level), hero.gold
    if dungeon is not None:
        return (
            f"{head} | {hero.name} L{NUMERALS[hero.level]} {hp} | xp {xp}/{needed}, {gold} gold | "
            f"L{NUMERALS[dungeon.level]} room {NUMERALS[dungeon.room]}/{NUMERALS[dungeon.rooms]}{turns}, "
            f"{labels.stirs(state, allowance_left(state))}"
        )
    own = f"{head} | {hero.name} L{NUMERALS[hero.level]} {classes.CLASSES[hero.kind]} {hp} | "
    if state.phase == _INVENTORY:
        return f"{own}{gold} gold{turns}"
    return (
        f"{own}"
        f"xp {xp}/{needed}, {gold} gold, score {points(rules.score(state))}"
        f"{_scars(hero.scars) if hero.scars else ''}{_ascension(state.ascension)}{turns}"
    )


def _scars(count: int) -> str:
    return f", {count} scar{'' if count == 1 else 's'}"


def _ascension(number: int) -> str:
    return f", ascension {number}" if number else ""


def _seconds(time: int) -> str:
    return f"{time / 1000:.1f}"


@lru_cache(LISTS_MAX)
def _listed(amounts: tuple[int, ...]) -> str:
    """Return the statuses as a line lists them.

    Most fighters have one or two small statuses, so few lists occur, and the cache has most of them.
    """
    return "".join([f", {STATUSES[n]} {amount}" for n, amount in enumerate(amounts) if amount])
