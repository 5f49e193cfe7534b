"""The words for the conditions of a run: its limit of turns and its ascension, told in its first view.

Source: docs/rules.md, "Modes and ascensions".
"""

from __future__ import annotations

from dungeonfighter import limits
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.state import Mode, State

_SHORT = int(Mode.short)


def hardships(cat: Catalogue, state: State) -> list[str]:
    """Return one sentence without its full stop for each change of the run's ascension."""
    return [row.text for row in cat.content.ascensions[: state.ascension]]


def conditions(cat: Catalogue, state: State) -> list[str]:
    """Return the lines that the first view of a run has about its conditions."""
    lines = []
    if state.mode == _SHORT:
        lines.append(f"A short run: it ends after {limits.short_turns_max} turns.")
    if state.ascension:
        lines.append(f"Ascension {state.ascension}: {'. '.join(hardships(cat, state))}.")
    return lines
