"""The whole view of one turn: a head, what happened, the situation, the legal inputs.

Everything comes from one observation. No line is wider than the canvas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dungeonfighter.rules.views.observation import Observation
from dungeonfighter.rules.views.tones import GAIN, HARM
from dungeonfighter.terminal import bars, inventory
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.facts import NO_FACTS, Facts
from dungeonfighter.terminal.fight_inputs import labels
from dungeonfighter.terminal.fights import fight
from dungeonfighter.terminal.options import options
from dungeonfighter.terminal.places import is_heading, place
from dungeonfighter.terminal.spans import Meaning, Span, Spans, plain, spans, width

EVENTS_MAX: Final = 8
"""The most lines of what happened in one turn; the oldest events are left out, and `log` shows them."""
EVENTS_WANTED: Final = 3
"""The number of these lines for which a terminal too low for the whole view gives up explanations."""
EVENTS_MIN: Final = 2
"""The least number of these lines."""
_SIGNS: Final = {GAIN: ("+", Meaning.gain), HARM: ("!", Meaning.harm)}
_PLAIN_SIGN: Final = (" ", Meaning.neutral)
_GAPS: Final = 3
_PROMPT: Final = 1
"""The empty lines of a view, of which a low terminal keeps the last one, and the line of the prompt."""
_MARGIN: Final = 3
"""The columns before an event, with its sign."""
FEW_TURNS: Final = 200


def view(observation: Observation, episode: int, canvas: Canvas, facts: Facts = NO_FACTS) -> list[Spans]:
    """Return the lines of one turn.

    In a low terminal they have fewer events and empty lines, and a fight that is still too long is brief; the
    last that it loses are the empty line above the inputs and the third line of events. A place that is too
    long for all that is whole, for pages.
    """
    head = _head(observation, episode, canvas)
    happened = _events(observation, canvas, EVENTS_MAX)
    situation, inputs = _situation(observation, canvas, facts)
    if not 0 < canvas.rows < sum(map(len, (head, happened, situation, inputs))) + _GAPS + _PROMPT:
        return _stacked((head, happened, situation), inputs, gap=[()])
    wanted = min(len(happened), EVENTS_WANTED)
    rows = canvas.rows - _PROMPT - 1 - len(head)
    if len(situation) + len(inputs) + wanted > rows:
        situation, inputs = _situation(observation, canvas, facts, briefly=True)
    left = rows - len(situation) - len(inputs)
    if observation.combat is None and left < min(wanted, EVENTS_MIN):
        return _stacked((head, happened, situation), inputs, gap=[()])
    most = min(EVENTS_MAX, max(EVENTS_MIN, left + (left < wanted)))
    events = _events(observation, canvas, most)
    above = [()] if len(events) <= left else []
    return _stacked((head, events, situation), inputs, gap=[], above=above)


def _situation(
    observation: Observation, canvas: Canvas, facts: Facts, *, briefly: bool = False
) -> tuple[list[Spans], list[Spans]]:
    """Return the lines of the fight or of the place, and those of the inputs."""
    if observation.is_over:
        text = f"The run is over, score {observation.score:.2f} of 100."
        return canvas.text(Span(text, Meaning.title)), []
    given = labels(observation, facts, canvas, briefly=briefly) or inventory.labels(observation)
    inputs = options(observation.available_actions, canvas, given)
    fought = fight(observation, canvas, facts, briefly=briefly)
    return fought or place(observation, canvas, facts), inputs


def _stacked(
    blocks: Sequence[list[Spans]],
    inputs: list[Spans],
    gap: Sequence[Spans],
    above: Sequence[Spans] = ((),),
) -> list[Spans]:
    """Return the blocks with a gap between two of them, and the inputs with the lines `above` them."""
    lines: list[Spans] = []
    for block in filter(None, blocks):
        lines += [*gap, *block] if lines else block
    return [*lines, *above, *inputs] if inputs else lines


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
    for parts in (_place(observation), _figures(observation)):
        lines += canvas.listed(parts, Meaning.quiet) if parts else []
    return lines


def _ruled(left: Spans, right: str, canvas: Canvas) -> list[Spans]:
    room = canvas.columns - width(plain(left)) - len(right) - 2
    if room < 1:
        return [*canvas.fitted([left]), *canvas.text(right)]
    return [(*left, Span(f" {canvas.glyphs.rule * room} ", Meaning.quiet), Span(right, Meaning.quiet))]


def _place(observation: Observation) -> list[str]:
    """Return the parts on the dungeon; in a fight those on the clocks, too, for want of another line."""
    dungeon = observation.current_dungeon
    parts = []
    if dungeon is not None:
        room = f"room {dungeon.room} of {dungeon.rooms}" if dungeon.room else f"{dungeon.rooms} rooms"
        parts += [f"{dungeon.name} level {dungeon.level}", room]
        if dungeon.guardian_grown:
            parts.append(f"{'boss' if dungeon.boss else 'guardian'} +{dungeon.guardian_grown} %")
    if observation.combat is not None:
        parts += _clocks(observation)
    return parts


def _figures(observation: Observation) -> list[str]:
    player = observation.player
    if observation.combat is not None:
        return []
    return [
        f"score {observation.score:.2f}",
        f"xp {player.xp}/{player.xp_next}",
        f"gold {player.gold}",
        f"scars {player.scars}" if player.scars else "",
        observation.mode if observation.mode != "casual" else "",
        f"ascension {observation.ascension}" if observation.ascension else "",
        *_clocks(observation),
    ]


def _clocks(observation: Observation) -> list[str]:
    left = observation.turns_left
    parts = [_clock(observation)]
    if left is not None and (left <= FEW_TURNS or observation.combat is None):
        parts.append(f"{left} turn{'' if left == 1 else 's'} left")
    return parts


def _clock(observation: Observation) -> str:
    if observation.stirring:
        return f"stirring: enemies +{observation.stirring} %"
    left = observation.allowance_left
    return f"stirring in {left} turn{'' if left == 1 else 's'}"


def _events(observation: Observation, canvas: Canvas, most: int) -> list[Spans]:
    """Return what happened this turn: events of one meaning share a line, the oldest lines are left out.

    An event that the heading of the place repeats is left out, too.
    """
    count = observation.recent_new
    if not count or not observation.turn:
        return []
    new = zip(observation.recent_output[-count:], observation.recent_tones[-count:], strict=True)
    groups = _joined([each for each in new if not is_heading(observation, each[0])], canvas.columns)
    kept: list[list[Spans]] = []
    while groups and sum(map(len, kept)) < most - (len(groups) > 1):  # one line says how many are left out
        texts, tone = groups.pop()
        kept.append(_event(" ".join(texts), tone, canvas))
    left_out = sum(len(texts) for texts, _ in groups)
    lines = []
    if left_out:
        lines = canvas.text(
            Span(f"   ({left_out} event{'' if left_out == 1 else 's'} before: `log`)", Meaning.quiet)
        )
    return lines + [line for block in reversed(kept) for line in block]


def _joined(events: Sequence[tuple[str, str]], columns: int) -> list[tuple[list[str], str]]:
    """Return the events, with neighbours of one tone together as long as they fit into one line."""
    groups: list[tuple[list[str], str]] = []
    for text, tone in events:
        if groups and groups[-1][1] == tone and width(" ".join((*groups[-1][0], text))) <= columns - _MARGIN:
            groups[-1][0].append(text)
        else:
            groups.append(([text], tone))
    return groups


def _event(text: str, tone: str, canvas: Canvas) -> list[Spans]:
    sign, meaning = _SIGNS.get(tone, _PLAIN_SIGN)
    return canvas.text(Span(f" {sign} {text}", meaning), hanging=_MARGIN)
