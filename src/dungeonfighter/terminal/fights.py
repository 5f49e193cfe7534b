"""A fight: both sides with their bars, the enemy's shown actions on a time line, and the hero's figures."""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules.views.observation import CombatView, Observation, PlayerView, StatusView
from dungeonfighter.terminal import bars
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.spans import Meaning, Span, Spans, cut, padded, spans, width
from dungeonfighter.terminal.time_line import Moment, time_line

NAME_COLUMNS_MAX: Final = 24
_CRUSH_AFTER: Final = "charge"


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
        (hero.name, hero.health, hero.health_max, _marks(hero.statuses, exposed=combat.exposed)),
        (combat.enemy, combat.health, combat.health_max, _marks(combat.statuses)),
    )
    lines = []
    for name, now, most, marks in rows:
        head = padded(spans(" ", cut(name, columns)), columns + 2)
        line = (*head, *bars.health(canvas, now, most))
        lines.append((*line, Span(f"  {marks}", Meaning.warning)) if marks else line)
    return canvas.fitted(lines, hanging=columns + 2)


def _marks(statuses: list[StatusView], *, exposed: bool = False) -> str:
    marks = [f"{status.name} {status.amount}" for status in statuses]
    return ", ".join([*marks, *(["exposed"] if exposed else [])])


def _moments(combat: CombatView) -> list[Moment]:
    after = combat.intent_after or ("crush" if combat.intent == _CRUSH_AFTER else "")
    shown = f"{combat.intent}{f' ({combat.intent_status})' if combat.intent_status else ''}"
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
    parts = []
    parts.append(
        f" Your hit: about {combat.outgoing}. Die: hits from {hero.hit_at}, combo from {hero.combo_at}, "
        f"critical from {hero.critical_at}."
    )
    if len(hero.strip) > 1:
        slot = combat.strip_step % len(hero.strip) + 1
        parts.append(f"Combo {slot} of {len(hero.strip)}: {combat.next_action}.")
    elif combat.next_action:
        parts.append(f"Combo: {combat.next_action}.")
    if combat.opening:
        parts.append("There is an opening.")
    if combat.luck:
        parts.append(f"Luck: {combat.luck}.")
    return " ".join(parts)
