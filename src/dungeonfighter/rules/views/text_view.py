"""The text view: one turn, reported to a model in as few tokens as stay unambiguous.

    e3 t14 | L3 212/332 xp 120/600 gold 41 | L3 room 1/2, 2986 turns, stirs in 41
    You hit 18. Bog Candle died: +54 xp, +9 gold.
    1 go on |2 search 50% find |4 inventory |9 leave 11 turns + scar

The status line comes first, then the events of this turn. They come from the log, so a repeated call gets
the same text. Then comes the situation, and last the legal inputs, each number with its label. `fight_lines`
makes the view of a fight. The budget is 120 tokens a median turn.

Source: docs/tools.md, "Views"; docs/rules.md, "A fight".
"""

from __future__ import annotations

from typing import Protocol

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.journey.world import allowance_left, has_repeated, turns_left
from dungeonfighter.rules.state import Phase, State
from dungeonfighter.rules.views import classes, labels
from dungeonfighter.rules.views.comparison import Comparison
from dungeonfighter.rules.views.conditions import conditions
from dungeonfighter.rules.views.fight_lines import fight_text
from dungeonfighter.rules.views.numerals import NUMERALS, NUMERALS_MAX, points
from dungeonfighter.rules.views.sentences import narrate

# The module holds the number: an attribute of a class costs more (as in `damage`).
_COMBAT = int(Phase.Combat)
_INVENTORY = int(Phase.Inventory)
_LEVEL_UP = int(Phase.LevelUp)


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
    if state.over:
        return fight_text(cat, state, fight, head, "", _over(rules, state))
    return fight_text(cat, state, fight, head, rules.outline(state).whole, "")


def _elsewhere(rules: TextRules, state: State, head: str) -> str:
    cat = rules.catalogue
    lines = [_status(rules, state, head)]
    if not state.turn:
        lines += conditions(cat, state)
    sentences: list[str] = []
    narrate(cat, state.log[state.turn_start :], sentences)
    if has_repeated(state):
        sentences.append("A repeat: no points, the clock runs on.")
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


def _status(rules: TextRules, state: State, head: str) -> str:
    hero = state.hero
    if hero.kind < 0:
        return f"{head} | {hero.name}"
    health, most = hero.health, hero.figures.health_max
    if health < 0:
        health = 0
    hp = (
        f"{NUMERALS[health] if health < NUMERALS_MAX else health}"
        f"/{NUMERALS[most] if most < NUMERALS_MAX else most}"
    )
    left = turns_left(state)
    turns = "" if left is None else f", {left} turns"
    if state.phase == _LEVEL_UP:
        return f"{head} | L{NUMERALS[hero.level]} {hp} hp{turns}"
    dungeon = state.dungeon
    xp, needed, gold = hero.xp, tables.xp_next(hero.level), hero.gold
    if dungeon is not None:
        return (
            f"{head} | L{NUMERALS[hero.level]} {hp} xp {xp}/{needed} gold {gold} | "
            f"L{NUMERALS[dungeon.level]} room {NUMERALS[dungeon.room]}/{NUMERALS[dungeon.rooms]}{turns}, "
            f"{labels.stirs(state, allowance_left(state))}"
        )
    name = "" if state.turn else f"{hero.name} "  # the reader knows it from the first view on
    own = f"{head} | {name}L{NUMERALS[hero.level]} {classes.CLASSES[hero.kind]} {hp} hp "
    if state.phase == _INVENTORY:
        return f"{own}gold {gold}"
    return (
        f"{own}"
        f"xp {xp}/{needed} gold {gold} score {points(rules.score(state))}"
        f"{_scars(hero.scars) if hero.scars else ''}{_ascension(state.ascension)}{turns}"
    )


def _scars(count: int) -> str:
    return f", {count} scar{'' if count == 1 else 's'}"


def _ascension(number: int) -> str:
    return f", ascension {number}" if number else ""
