"""The labels of a fight's inputs: chances and damage of each attack, what a guard takes, the goods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.views.observation import CombatView, Observation, StanceView
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.facts import Facts
from dungeonfighter.terminal.spans import Meaning, Span, Spans, held, spans

ALIGNED_FROM: Final = 72
"""The columns from which the figures of the attacks stand below each other."""
_POWER: Final = "power"
_GAP: Final = "  "


def labels(
    observation: Observation, facts: Facts, canvas: Canvas, *, briefly: bool = False
) -> Mapping[str, Spans]:
    """Return the labels of a fight's inputs with the figures of now; empty outside of fights.

    Args:
        briefly: Leave out what the goods do.
    """
    combat = observation.combat
    if combat is None:
        return {}
    is_aligned = canvas.columns >= ALIGNED_FROM
    found: dict[str, Spans] = _attacks(observation, combat, is_aligned=is_aligned)
    goods = {good.input: good.count for good in observation.player.consumables}
    for choice in observation.available_actions:
        name, colon, rest = choice.label.partition(": ")
        if choice.input == "4":
            found["4"] = _guard(observation, combat, is_aligned=is_aligned)
        elif choice.input == "8":
            found["8"] = spans(f"{name} {combat.flee_chance} %{colon}{rest.replace('the enemy', 'it', 1)}")
        elif choice.input in goods and choice.input not in found:
            count = goods[choice.input]
            effect = "" if briefly else f"{colon}{rest}"
            found[choice.input] = spans(f"{name}{f' x{count}' if count > 1 else ''}{effect}")
    return found


def _attacks(observation: Observation, combat: CombatView, *, is_aligned: bool) -> dict[str, Spans]:
    ranges = [f"damage {one.damage_min} to {one.damage_max}" for one in combat.stances]
    stops = [f"interrupts {one.interrupt_chance} %" if one.interrupt_chance else "" for one in combat.stances]
    columns = max(map(len, ranges), default=0), max(map(len, stops), default=0)
    found = {}
    for one, damage, stop in zip(combat.stances, ranges, stops, strict=True):
        note = _of_power(observation, combat) if one.name == _POWER else ()
        parts = [
            Span(held(f"hits {one.hit_chance:>2} %")),
            Span(held(damage)),
            Span(held(stop), Meaning.gain),
        ]
        if is_aligned:
            found[one.input] = _aligned(one, parts, columns, note)
            continue
        commas = [part for part in (*parts, *note) if part.text]
        found[one.input] = spans(f"{one.name}: ", *[part for each in commas for part in (each, ", ")][:-1])
    return found


def _aligned(one: StanceView, parts: list[Span], columns: tuple[int, int], note: Spans) -> Spans:
    chance, damage, stop = parts
    cells: list[str | Span] = [f"{one.name:<9}", chance, _GAP, damage]
    if stop.text or note:
        cells += [" " * (columns[0] - len(damage.text)), _GAP if columns[1] else "", stop]
    if note:
        cells += [" " * (columns[1] - len(stop.text)), _GAP, *note]
    return spans(*cells)


def _of_power(observation: Observation, combat: CombatView) -> Spans:
    """Return the notes on an opening, and on the hit that comes while the hero is exposed."""
    exposed = _exposed(observation, combat)
    if not combat.opening:
        return exposed
    opening = Span(held(f"opening x{tables.OPENING / 1000:g}"), Meaning.gain)
    return spans(opening, " else ", *exposed) if exposed else spans(opening)


def _exposed(observation: Observation, combat: CombatView) -> Spans:
    if combat.braced or not combat.enemy_first or combat.guard:
        return ()
    if not combat.incoming:
        return spans(Span("exposed", Meaning.warning))
    if combat.incoming_exposed >= observation.player.health:
        return spans(Span(held(f"exposed to {combat.incoming_exposed}, which kills"), Meaning.harm))
    is_less = combat.incoming_exposed <= combat.incoming  # by gear that works on the exposed
    meaning = Meaning.neutral if is_less else Meaning.warning
    return spans(Span(held(f"exposed to {combat.incoming_exposed}"), meaning))


def _guard(observation: Observation, combat: CombatView, *, is_aligned: bool) -> Spans:
    name = f"{'guard':<9}" if is_aligned else "guard: "
    if combat.guard == "useless":
        return spans(name, Span("no use: it is stunned", Meaning.quiet))
    if combat.guard == "early":
        return spans(name, "not needed yet: you act once more before it")
    if not combat.incoming:
        return spans(name, f"its {combat.intent} deals no damage; you act right after it")
    meaning = Meaning.warning if combat.guarded > combat.incoming else Meaning.neutral
    if combat.guarded >= observation.player.health:
        meaning = Meaning.harm
    compared = "more than" if combat.guarded > combat.incoming else "instead of"
    status = f", and no {combat.intent_status}" if combat.intent_status else ""
    taken = Span(f"takes {combat.guarded} {compared} {combat.incoming}{status}", meaning)
    return spans(name, taken, "; you act right after it")
