"""The whole view of one turn: a head, what happened, the situation, the legal inputs.

Everything comes from one observation. No line is wider than the canvas.
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules.views.observation import Observation
from dungeonfighter.rules.views.tones import GAIN, HARM
from dungeonfighter.terminal import bars
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.fights import fight
from dungeonfighter.terminal.options import options
from dungeonfighter.terminal.places import place
from dungeonfighter.terminal.spans import Meaning, Span, Spans, plain, spans, width

EVENTS_MAX: Final = 8
"""More events of one turn than this are left out, the oldest first; `log` shows them."""
_SIGNS: Final = {GAIN: ("+", Meaning.gain), HARM: ("!", Meaning.harm)}
_PLAIN_SIGN: Final = (" ", Meaning.neutral)
FEW_TURNS: Final = 200


def view(observation: Observation, episode: int, canvas: Canvas) -> list[Spans]:
    """Return the lines of one turn."""
    situation = fight(observation, canvas) or place(observation, canvas)
    if observation.is_over:
        situation = canvas.text(
            Span(f"The run is over, score {observation.score:.2f} of 100.", Meaning.title)
        )
    blocks = [
        _head(observation, episode, canvas),
        _events(observation, canvas),
        situation,
        options(observation.available_actions, canvas),
    ]
    lines: list[Spans] = []
    for block in blocks:
        if block:
            lines += [(), *block] if lines else block
    return lines


def log(observation: Observation, canvas: Canvas) -> list[Spans]:
    """Return the last events, those of former turns too."""
    pairs = zip(observation.recent_output, observation.recent_tones, strict=False)
    return [line for text, tone in pairs for line in _event(text, tone, canvas)]


def _head(observation: Observation, episode: int, canvas: Canvas) -> list[Spans]:
    player = observation.player
    kind = f", {player.hero_class} level {player.level}" if player.hero_class else ""
    left = spans(Span(f"{player.name}{kind}", Meaning.title))
    right = f"run {episode}, turn {observation.turn}"
    lines = _ruled(left, right, canvas)
    if not player.hero_class:
        return lines
    if observation.combat is None:
        lines += canvas.fitted([(Span("Health "), *bars.health(canvas, player.health, player.health_max))])
    return lines + canvas.text(Span(_figures(observation), Meaning.quiet))


def _ruled(left: Spans, right: str, canvas: Canvas) -> list[Spans]:
    room = canvas.columns - width(plain(left)) - len(right) - 2
    if room < 1:
        return [*canvas.fitted([left]), *canvas.text(right)]
    return [(*left, Span(f" {canvas.glyphs.rule * room} ", Meaning.quiet), Span(right, Meaning.quiet))]


def _figures(observation: Observation) -> str:
    player, dungeon = observation.player, observation.current_dungeon
    parts = []
    if dungeon is not None:
        room = f"room {dungeon.room} of {dungeon.rooms}" if dungeon.room else f"{dungeon.rooms} rooms"
        parts.append(f"{dungeon.name} level {dungeon.level}, {room}")
        if dungeon.guardian_grown:
            parts.append(f"{'boss' if dungeon.boss else 'guardian'} +{dungeon.guardian_grown} %")
    if observation.combat is None:
        parts += [f"score {observation.score:.2f}", f"xp {player.xp}/{player.xp_next}", f"gold {player.gold}"]
        parts.append(f"scars {player.scars}" if player.scars else "")
        parts.append(observation.mode if observation.mode != "casual" else "")
        parts.append(f"ascension {observation.ascension}" if observation.ascension else "")
    parts.append(_clock(observation))
    left = observation.turns_left
    if left is not None and (left <= FEW_TURNS or observation.combat is None):
        parts.append(f"{left} turn{'' if left == 1 else 's'} left")
    return ", ".join(filter(None, parts))


def _clock(observation: Observation) -> str:
    if observation.stirring:
        return f"stirring: enemies +{observation.stirring} %"
    left = observation.allowance_left
    return f"stirring in {left} turn{'' if left == 1 else 's'}"


def _events(observation: Observation, canvas: Canvas) -> list[Spans]:
    count = observation.recent_new
    if not count or not observation.turn:
        return []
    texts, tones = observation.recent_output[-count:], observation.recent_tones[-count:]
    left_out = max(0, len(texts) - EVENTS_MAX)
    lines = canvas.text(Span(f"  ({left_out} events before these: `log`)", Meaning.quiet)) if left_out else []
    for text, tone in zip(texts[left_out:], tones[left_out:], strict=True):
        lines += _event(text, tone, canvas)
    return lines


def _event(text: str, tone: str, canvas: Canvas) -> list[Spans]:
    sign, meaning = _SIGNS.get(tone, _PLAIN_SIGN)
    return canvas.text(Span(f" {sign} {text}", meaning), hanging=3)
