"""A fight: both sides with their bars, the enemy's shown actions on a time line, and the hero's figures."""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.fighting.statuses import BAD
from dungeonfighter.rules.state import Weapon
from dungeonfighter.rules.views import meanings
from dungeonfighter.rules.views.classes import CLASSES
from dungeonfighter.rules.views.observation import CombatView, Observation, PlayerView, StatusView
from dungeonfighter.rules.views.sentences import STATUSES
from dungeonfighter.terminal import bars
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.explanations import IN_POINTS
from dungeonfighter.terminal.facts import Facts
from dungeonfighter.terminal.spans import Meaning, Span, Spans, cut, held, padded, spans, width
from dungeonfighter.terminal.time_line import Moment, time_line

NAME_COLUMNS_MAX: Final = 24
_SIDES: Final = 2
_CRUSH_AFTER: Final = "charge"
_CLASS: Final = {weapon.name: CLASSES[weapon].lower() for weapon in Weapon}
_BAD: Final = frozenset(STATUSES[number] for number in BAD)
"""The names of the statuses that weaken their bearer."""


def fight(observation: Observation, canvas: Canvas, facts: Facts, *, briefly: bool = False) -> list[Spans]:
    """Return the lines of a fight; empty if there is none.

    Args:
        briefly: Leave out the second action of the enemy where it is not known, the level of an enemy that
            has the level of the dungeon, and half of the bars where they leave no room for the statuses.
    """
    combat = observation.combat
    if combat is None:
        return []
    hero = observation.player
    moments = _moments(hero, combat)
    if briefly and moments[-1].meaning is Meaning.quiet:
        del moments[-1]
    return [
        *_named(observation, combat, canvas, briefly=briefly),
        *_sides(hero, combat, canvas, briefly=briefly),
        *time_line(canvas, moments),
        *_warnings(hero, combat, canvas),
        *canvas.text(_figures(hero, combat)),
    ]


def _named(observation: Observation, combat: CombatView, canvas: Canvas, *, briefly: bool) -> list[Spans]:
    """Return the line on what the enemy is; briefly with fewer words if it is too long for one line."""
    title = Span(combat.enemy, Meaning.title)
    lines = canvas.text(title, ": ", *_kind(combat))
    if not briefly or len(lines) == 1:
        return lines
    dungeon = observation.current_dungeon
    has_level = dungeon is None or dungeon.level != combat.level
    return canvas.text(title, ": ", *_kind(combat, has_level=has_level, has_words=False))


def _kind(combat: CombatView, *, has_level: bool = True, has_words: bool = True) -> Spans:
    """Return for example "level 2 elite undead mage, class wizard (it deals +20 %), armour 3".

    Args:
        has_words: Write "class wizard (it deals +20 %)", else "wizard (it +20 %)".
    """
    level = f"level {combat.level} " if has_level else ""
    rank = "" if combat.rank == "normal" else f"{combat.rank} "
    undead = "undead " if combat.undead else ""
    parts = [spans(f"{level}{rank}{undead}{combat.archetype}")]
    if combat.enemy_class:
        name = _CLASS[combat.enemy_class]
        parts.append(spans(held(f"class {name}" if has_words else name), *_edge(combat, has_words=has_words)))
    if combat.armour:
        parts.append(spans(held(f"armour {combat.armour}")))
    if combat.habit:
        parts.append(spans(held(f"habit {combat.habit}")))
    return tuple(part for each in parts for part in (*each, Span(", ")))[:-1]


def _edge(combat: CombatView, *, has_words: bool) -> Spans:
    """Return which side deals more damage by the class wheel."""
    if not combat.wheel:
        return ()
    who, does, meaning = ("you", "deal", Meaning.gain) if combat.wheel > 0 else ("it", "deals", Meaning.harm)
    who += f" {does}" if has_words else ""
    return spans(" (", Span(held(f"{who} +{abs(combat.wheel)} %"), meaning), ")")


def _sides(hero: PlayerView, combat: CombatView, canvas: Canvas, *, briefly: bool) -> list[Spans]:
    """Return a line with a bar for each side; briefly with shorter bars where that saves a line."""
    lines = _barred(hero, combat, canvas)
    if not briefly or len(lines) == _SIDES:
        return lines
    return min(lines, _barred(hero, combat, canvas, bars.CELLS_NARROW), key=len)


def _barred(hero: PlayerView, combat: CombatView, canvas: Canvas, cells: int = 0) -> list[Spans]:
    columns = min(max(width(hero.name), width(combat.enemy)), NAME_COLUMNS_MAX, canvas.columns // 3)
    rows = (
        (
            hero.name,
            bars.health(canvas, hero.health, hero.health_max, cells),
            _marks(hero.statuses, combat.level, hero.health_max, Meaning.harm, is_exposed=combat.exposed),
        ),
        (
            combat.enemy,
            bars.enemy_health(canvas, combat.health, combat.health_max, cells),
            _marks(combat.statuses, combat.level, combat.health_max, Meaning.gain),
        ),
    )
    lines = [
        (*padded(spans(" ", cut(name, columns)), columns + 2), *bar, *marks) for name, bar, marks in rows
    ]
    return canvas.fitted(lines, hanging=columns + 2)


def _marks(
    statuses: list[StatusView], level: int, most: int, of_bad: Meaning, *, is_exposed: bool = False
) -> Spans:
    """Return the statuses of one side.

    Args:
        level: The level of the fight.
        most: The maximum health of the side.
        of_bad: The meaning of the statuses that weaken it.
        is_exposed: The side has just made a power attack.
    """
    of_good = Meaning.gain if of_bad is Meaning.harm else Meaning.harm
    marks = [
        Span(held(_status(one, level, most)), of_bad if one.name in _BAD else of_good) for one in statuses
    ]
    marks += [Span("exposed", of_bad)] if is_exposed else []
    between = [Span("  "), *[Span(", ")] * (len(marks) - 1)]
    return tuple(part for pair in zip(between, marks, strict=False) for part in pair)


def _status(one: StatusView, level: int, most: int) -> str:
    """Return for example "bleed 2 (-18)", with the health or armour of now where the amount has none."""
    number = STATUSES.index(one.name)
    if one.name not in IN_POINTS:
        return f"{one.name} {one.amount}"
    return f"{one.name} {one.amount} ({meanings.meaning(number, one.amount, level, most, briefly=True)})"


def _moments(hero: PlayerView, combat: CombatView) -> list[Moment]:
    shown = combat.intent_status or combat.intent
    if combat.incoming:
        shown += f", about {combat.incoming}"
        if combat.incoming_critical >= hero.health > combat.incoming:
            shown += f" to {combat.incoming_critical}"
    after = combat.intent_after or ("crush" if combat.intent == _CRUSH_AFTER else "")
    then = after or "not known yet"
    if combat.follow_up_damage:
        then = f"{after}, about {combat.follow_up_damage}" if after else f"up to {combat.follow_up_damage}"
    return [
        Moment("you, after an attack", 0, combat.hero_acts_in, Meaning.gain),
        Moment(f"it: {shown}", 0, combat.enemy_acts_in, Meaning.harm if combat.incoming else Meaning.warning),
        Moment(
            f"it: then {then}",
            combat.enemy_acts_in,
            combat.intent_after_in,
            Meaning.warning if after or combat.follow_up_damage else Meaning.quiet,
        ),
    ]


def _warnings(hero: PlayerView, combat: CombatView, canvas: Canvas) -> list[Spans]:
    """Return the lines on who acts first, on what can kill the hero, and on a boss that will change."""
    order = "You act once more before it."
    meaning, sign = Meaning.gain, "+"
    if combat.enemy_first:
        order = f"It acts {'twice ' if combat.follow_up else ''}before your next action."
        meaning, sign = Meaning.warning, "!"
    deadly = _deadly(hero, combat)
    if deadly:
        meaning, sign = Meaning.harm, "!"
    lines = canvas.text(Span(" ".join(filter(None, (f" {sign}", order, deadly))), meaning), hanging=3)
    is_before = combat.combo_acts_in <= combat.enemy_acts_in
    if is_before is combat.enemy_first:
        first = "you act first" if is_before else "it acts first"
        text = f"{combat.next_action} takes {combat.combo_acts_in / 1000:.1f} s: after that combo {first}."
        meaning, sign = (Meaning.gain, "+") if is_before else (Meaning.warning, "!")
        lines += canvas.text(Span(f" {sign} {text}", meaning), hanging=3)
    if combat.change_below_half and not combat.changed:
        text = f" ! Below half of its health it {combat.change_below_half}."
        lines += canvas.text(Span(text, Meaning.warning), hanging=3)
    return lines


def _deadly(hero: PlayerView, combat: CombatView) -> str:
    if combat.incoming >= hero.health:
        return "A plain hit of it kills you."
    if combat.follow_up and combat.incoming + combat.follow_up_damage >= hero.health:
        return "Both hits together kill you."
    return "A critical of it kills you." if combat.incoming_critical >= hero.health else ""


def _figures(hero: PlayerView, combat: CombatView) -> str:
    """Return for example "Die: 14+ combo 1/2 Rend (opener), 20 critical. Luck: 1. Room: hit -1."."""
    slots = len(hero.strip)
    place = f"{combat.strip_step % slots + 1}/{slots} " if slots > 1 else ""
    bonuses = f" ({', '.join(combat.bonuses)})" if combat.bonuses else ""
    critical = f"{hero.critical_at}{'+' if hero.critical_at < tables.CRITICAL_FACE else ''}"
    parts = [f" Die: {hero.combo_at}+ combo {place}{combat.next_action}{bonuses}, {critical} critical."]
    if combat.luck:
        parts.append(held(f"Luck: {combat.luck}."))
    rolls = ("hit", combat.room_hit), ("combo", combat.room_combo), ("critical", combat.room_critical)
    tilted = ", ".join(f"{name} {by:+d}" for name, by in rolls if by)
    if tilted:
        parts.append(held(f"Room: {tilted}."))
    return " ".join(parts)
