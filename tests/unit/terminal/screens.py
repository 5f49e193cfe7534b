"""The screens of `play` as text."""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules.state import State
from dungeonfighter.rules.views.observation import Observation
from dungeonfighter.terminal import view
from dungeonfighter.terminal.canvas import ASCII, Canvas
from dungeonfighter.terminal.facts import NO_FACTS, Facts, facts
from dungeonfighter.terminal.spans import plain
from tests.unit.rules.position import rules

WIDE: Final = Canvas(80, ASCII)
LOW: Final = Canvas(80, ASCII, 24)


def shown(seen: Observation, canvas: Canvas = WIDE, known: Facts = NO_FACTS) -> str:
    return "\n".join(map(plain, view.view(seen, 1, canvas, known)))


def shown_of(state: State, canvas: Canvas = WIDE) -> str:
    seen = rules().observe(state)
    return shown(seen, canvas, facts(rules().catalogue, seen))
