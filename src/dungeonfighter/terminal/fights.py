"""A fight: both sides with their bars, the enemy's shown actions on a time line, and the hero's figures."""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.fighting.statuses import BAD
from dungeonfighter.rules.views.observation import CombatView, Observation, PlayerView, StatusView
from dungeonfighter.rules.views.sentences import STATUSES
from dungeonfighter.terminal import bars
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.spans import Meaning, Span, Spans, cut, padded, spans, width
from dungeonfighter.terminal.time_line import Moment, time_line

NAME_COLUMNS_MAX: Final = 24
_CRUSH_AFTER: Final = "charge"
_BAD: Final = frozenset(STATUSES[number] for number in BAD)
"""The names of the statuses that weaken their bearer."""


def fight(observation: Observation, canvas: Canvas) -> list[Spans]:
    """Return the lines of a fight; empty if there is none."""
    combat = observation.combat
    if combat is None:
        return []
    hero = observation.player
    return [
        *canvas.text(Span(combat.enemy, Meaning.title), f": {_kind(combat)}"),
        *_sides(hero, combat, canvas),
        *time_line(canvas, _moments(combat)),
        *_warning(hero, combat, canvas),
        *canvas.text(_figures(hero, combat)),
    ]


def _kind(combat: CombatView) -> str:
    """Return for example "level 2 elite undead mage, wizard, armour 3, habit feint"."""
    rank = "" if combat.rank == "normal" else f"{combat.rank} "
    undead = "undead " if combat.undead else ""
    parts = [f"level {combat.level} {rank}{undead}{combat.archetype}"]
    if combat.enemy_class:
        parts.append(f"fights with a {combat.enemy_class}")
    if combat.armour:
        parts.append(f"armour {combat.armour}")
    if combat.habit:
        parts.append(f"habit {combat.habit}")
    return ", ".join(parts)


def _sides(hero: PlayerView, combat: CombatView, canvas: Canvas) -> list[Spans]:
    columns = min(max(width(hero.name), width(combat.enemy)), NAME_COLUMNS_MAX, canvas.columns // 3)
    rows = (
        (
            hero.name,
            bars.health(canvas, hero.health, hero.health_max),
            _marks(hero.statuses, combat.exposed, Meaning.harm),
        ),
        (
            combat.enemy,
            bars.enemy_health(canvas, combat.health, combat.health_max),
            _marks(combat.statuses, False, Meaning.gain),
        ),
    )
    lines = [
        (*padded(spans(" ", cut(name, columns)), columns + 2), *bar, *marks) for name, bar, marks in rows
    ]
    return canvas.fitted(lines, hanging=columns + 2)


def _marks(statuses: list[StatusView], is_exposed: bool, of_bad: Meaning) -> Spans:
    """Return the statuses of one side; `of_bad` is the meaning of those that weaken it."""
    of_good = Meaning.gain if of_bad is Meaning.harm else Meaning.harm
    marks = [Span(f"{one.name} {one.amount}", of_bad if one.name in _BAD else of_good) for one in statuses]
    marks += [Span("exposed", of_bad)] if is_exposed else []
    between = [Span("  "), *[Span(", ")] * (len(marks) - 1)]
    return tuple(part for pair in zip(between, marks, strict=False) for part in pair)


def _moments(combat: CombatView) -> list[Moment]:
    after = combat.intent_after or ("crush" if combat.intent == _CRUSH_AFTER else "")
    shown = combat.intent_status or combat.intent
    if combat.incoming:
        shown += f", about {combat.incoming}"
    return [
        Moment("you, after an attack", 0, combat.hero_acts_in, Meaning.gain),
        Moment(f"it: {shown}", 0, combat.enemy_acts_in, Meaning.harm if combat.incoming else Meaning.warning),
        Moment(
            f"it: then {after}" if after else "it: then not known yet",
            combat.enemy_acts_in,
            combat.intent_after_in,
            Meaning.warning if after else Meaning.quiet,
        ),
    ]


def _warning(hero: PlayerView, combat: CombatView, canvas: Canvas) -> list[Spans]:
    """Return the line on who acts first, and whether the shown action can kill."""
    text = "You act once more before it."
    meaning, sign = Meaning.gain, "+"
    if combat.enemy_first:
        text, meaning, sign = "It acts before your next action.", Meaning.warning, "!"
    if combat.incoming >= hero.health:
        text, meaning, sign = f"{text} A plain hit of it kills you.", Meaning.harm, "!"
    return canvas.text(Span(f" {sign} {text}", meaning), hanging=3)


def _figures(hero: PlayerView, combat: CombatView) -> str:
    """Return for example "Your hit: about 21. Die: 7+ hits, 14+ combo 1/2 Rend, 20 critical. Luck: 1."."""
    slots = len(hero.strip)
    place = f" {combat.strip_step % slots + 1}/{slots}" if slots > 1 else ""
    critical = f"{hero.critical_at}{'+' if hero.critical_at < tables.CRITICAL_FACE else ''}"
    text = (
        f" Your hit: about {combat.outgoing}. Die: {hero.hit_at}+ hits, "
        f"{hero.combo_at}+ combo{place} {combat.next_action}, {critical} critical."
    )
    if combat.opening:
        text += " An opening!"
    return f"{text} Luck: {combat.luck}." if combat.luck else text
