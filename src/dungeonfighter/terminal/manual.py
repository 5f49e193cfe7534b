"""`?`: the explanation of what is on the screen now, and of single words; and the hero's own figures."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from dungeonfighter.rules.views.observation import Observation
from dungeonfighter.terminal import explanations
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.spans import Meaning, Span, Spans

COMMANDS: Final = (
    ("? WORD", "explains one word of the game; `? words` lists them"),
    ("bag, bag N", "your items beside those you wear, without a turn"),
    ("hero", "your stats, talents and actions"),
    ("log", "the last events"),
    ("Enter", "shows the game once more"),
    ("new", "gives this run up and begins another"),
    ("q", "leaves; so do Ctrl-C and Ctrl-D"),
)
_CLOSE: Final = 0.6


def explain(observation: Observation, canvas: Canvas) -> list[Spans]:
    """Return the explanation of everything that the view of this observation shows."""
    lines: list[Spans] = []
    lines += _section("What you see", _figures(observation), canvas)
    lines += _section("Statuses", _statuses(observation), canvas)
    lines += _section("What the enemy shows", _intents(observation), canvas)
    lines += _section("Rooms", _rooms(observation), canvas)
    lines += _section("Inputs now", _inputs(observation), canvas)
    return lines


def commands(promise: str, canvas: Canvas) -> list[Spans]:
    """Return the commands of the program; `promise` says what is saved."""
    lines = _section("Commands, which cost no turn", COMMANDS, canvas)
    return [*lines, *canvas.text(f"  {promise}")]


def explain_word(word: str, canvas: Canvas) -> list[Spans]:
    """Return the explanation of one word, or the words that are like it."""
    known = explanations.words()
    if word == "words":
        return canvas.text(", ".join(known))
    text = explanations.of(word)
    if text:
        return _entry(word, text, canvas)
    close = difflib.get_close_matches(word, known, 3, _CLOSE)
    meant = f"Did you mean {' or '.join(close)}?" if close else "`? words` lists the words."
    return canvas.text(f"No word is called {word}. {meant}")


def hero(observation: Observation, canvas: Canvas) -> list[Spans]:
    """Return the hero's stats, figures, talents, goods and actions."""
    player = observation.player
    points = ", ".join(f"{name} {count}" for name, count in player.class_points.items())
    pairs = [
        (
            "stats",
            f"STR {player.strength}, AGI {player.agility}, TEC {player.technique}, INT {player.intelligence}",
        ),
        ("damage", f"{player.damage}, amplified by {player.amplification / 10 - 100:g} %"),
        ("armour", str(player.armour)),
        ("period", f"{player.period / 1000:.1f} s for an attack"),
        (
            "die",
            f"hits from {player.hit_at}, combo from {player.combo_at}, critical from {player.critical_at}",
        ),
        ("class points", points or "none yet"),
        ("strip", f"{', '.join(player.strip) or '-'} ({player.strip_slots} slots)"),
        ("talents", ", ".join(player.talents) or "none yet"),
        *((f"ascension {observation.ascension}", text) for text in observation.hardships),
        *((f"{good.name} x{good.count}", good.text) for good in player.consumables),
        *((action.name, action.text) for action in player.actions),
    ]
    return [line for name, text in pairs for line in _entry(name, text, canvas)]


def _section(title: str, entries: Iterable[tuple[str, str]], canvas: Canvas) -> list[Spans]:
    lines = [line for name, text in entries for line in _entry(name, text, canvas)]
    return [*canvas.text(Span(title, Meaning.title)), *lines] if lines else []


def _entry(name: str, text: str, canvas: Canvas) -> list[Spans]:
    return canvas.text("  ", Span(name, Meaning.choice), f": {text}", hanging=4)


def _known(words: Iterable[str]) -> list[tuple[str, str]]:
    """Return the words that have an explanation, each once, with it."""
    return [(word, text) for word in dict.fromkeys(words) if word and (text := explanations.of(word))]


def _figures(observation: Observation) -> list[tuple[str, str]]:
    player, combat = observation.player, observation.combat
    if not player.hero_class:
        return _known(["score"])
    words = ["score", "xp", "stirring"]
    if observation.current_dungeon is not None:
        words.append("guardian")
    if player.scars:
        words.append("scars")
    words += [observation.mode] if observation.mode != "casual" else []
    words += ["ascension"] if observation.ascension else []
    if combat is not None:
        words = ["time line", "hit", "die", "strip"]
        words += ["opening"] if combat.opening else []
        words += ["exposed"] if combat.exposed else []
        words += ["luck"] if combat.luck else []
    return _known(words)


def _statuses(observation: Observation) -> list[tuple[str, str]]:
    combat = observation.combat
    if combat is None:
        return []
    names = [status.name for status in (*observation.player.statuses, *combat.statuses)]
    return _known([*names, combat.intent_status])


def _intents(observation: Observation) -> list[tuple[str, str]]:
    combat = observation.combat
    if combat is None:
        return []
    after = combat.intent_after or ("crush" if combat.intent == "charge" else "")
    return _known([combat.intent, after, combat.habit])


def _rooms(observation: Observation) -> list[tuple[str, str]]:
    room = observation.current_room
    if room is None or room.phase == "fight":
        return []
    return _known(door.kind for door in (*room.doors, *room.ahead))


def _inputs(observation: Observation) -> list[tuple[str, str]]:
    goods = {good.input: f"{good.name.lower()}: {good.text}" for good in observation.player.consumables}
    entries = []
    for choice in observation.available_actions:
        text = choice.label
        if observation.combat is not None:
            text = explanations.STANCES.get(choice.input) or goods.get(choice.input) or text
        entries.append((choice.pattern or choice.input, text))
    return entries
