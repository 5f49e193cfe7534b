"""`?`: the explanation of what is on the screen now, and of single words; and the hero's own figures."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from dungeonfighter.rules.views.observation import CombatView, Observation, PlayerView, StatusView
from dungeonfighter.terminal import explanations
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.facts import NO_FACTS, Facts
from dungeonfighter.terminal.options import worded
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


def explain(observation: Observation, canvas: Canvas, facts: Facts = NO_FACTS) -> list[Spans]:
    """Return the explanation of everything that the view of this observation shows."""
    lines: list[Spans] = []
    lines += _section("What you see", _figures(observation, facts), canvas)
    lines += _section("Statuses", _statuses(observation), canvas)
    lines += _section("What the enemy shows", _intents(observation), canvas)
    lines += _section("Your strip", _strip(observation), canvas)
    lines += _section("Rooms", _rooms(observation), canvas)
    lines += _section("Inputs now", _inputs(observation), canvas)
    return lines


def commands(promise: str, canvas: Canvas) -> list[Spans]:
    """Return the commands of the program; `promise` says what is saved."""
    lines = _section("Commands, which cost no turn", COMMANDS, canvas)
    return [*lines, *canvas.text(f"  {promise}")]


def explain_word(word: str, canvas: Canvas, facts: Facts = NO_FACTS) -> list[Spans]:
    """Return the explanation of one word, or the words that are like it."""
    own = {name.lower(): text for texts in (facts.talents, facts.actions, facts.kinds)
           for name, text in texts.items()}  # fmt: skip
    known = sorted({*explanations.words(), *own})
    if word == "words":
        return canvas.text(", ".join(known))
    text = explanations.of(word) or own.get(word, "")
    if text:
        return _entry(word, text, canvas)
    close = difflib.get_close_matches(word, known, 3, _CLOSE)
    meant = f"Did you mean {' or '.join(close)}?" if close else "`? words` lists the words."
    return canvas.text(f"No word is called {word}. {meant}")


def figures(player: PlayerView, canvas: Canvas) -> list[Spans]:
    """Return one line with the figures that items change."""
    parts = [
        f"STR {player.strength}", f"AGI {player.agility}", f"TEC {player.technique}",
        f"INT {player.intelligence}", f"damage {player.damage}", f"armour {player.armour}",
        f"die {player.hit_at}+ hits {player.combo_at}+ combo {player.critical_at}+ critical",
        f"an action in {player.period / 1000:.1f} s",
    ]  # fmt: skip
    return canvas.listed(parts, Meaning.quiet)


def hero(observation: Observation, canvas: Canvas, facts: Facts = NO_FACTS) -> list[Spans]:
    """Return the hero's stats, figures, talents, goods and actions."""
    player = observation.player
    points = ", ".join(f"{name} {count}" for name, count in player.class_points.items())
    talents = [(name, f"talent; {facts.talents[name]}") for name in player.talents if name in facts.talents]
    slots = f"{player.strip_slots} slot{'' if player.strip_slots == 1 else 's'}"
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
        ("strip", f"{', '.join(player.strip) or '-'} ({slots})"),
        *(talents or [("talents", ", ".join(player.talents) or "none yet")]),
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


def _figures(observation: Observation, facts: Facts) -> list[tuple[str, str]]:
    player, combat = observation.player, observation.combat
    if not player.hero_class:
        return _known(["score"])
    if combat is not None:
        return _of_fight(observation, combat, facts)
    words = ["score", "xp", "gold", "stirring"]
    words += ["guardian"] if observation.current_dungeon is not None else []
    words += ["scars"] if player.scars else []
    words += [observation.mode] if observation.mode != "casual" else []
    words += ["ascension"] if observation.ascension else []
    words += ["turns left"] if observation.turns_left is not None else []
    return _known(words)


def _of_fight(observation: Observation, combat: CombatView, facts: Facts) -> list[tuple[str, str]]:
    given = {
        "time line": True,
        "about": combat.incoming > 0,
        "hits": True,
        "damage": True,
        "interrupts": any(one.interrupt_chance for one in combat.stances),
        "opening": combat.opening,
        "exposed": True,
        "die": True,
        "strip": True,
        **dict.fromkeys(facts.bonuses, True),
        "luck": combat.luck > 0,
        "room": bool(combat.room_hit or combat.room_combo or combat.room_critical),
        "class": bool(combat.enemy_class),
        "armour": combat.armour > 0,
        "undead": combat.undead,
        "habit": bool(combat.habit),
        "elite": combat.rank == "elite",
        "boss": combat.rank == "boss",
        "guardian": True,
        "stirring": True,
        "turns left": observation.turns_left is not None,
    }
    kind = facts.kinds.get(combat.archetype)
    return [
        *_known(word for word, is_shown in given.items() if is_shown),
        *([(combat.archetype, kind)] if kind else []),
    ]


def _statuses(observation: Observation) -> list[tuple[str, str]]:
    """Return the statuses of both sides with what their amounts do now, and the one that the enemy shows."""
    combat = observation.combat
    if combat is None:
        return []
    entries = [
        (f"{one.name} {one.amount} on {whom}", _status(one))
        for whom, statuses in (("you", observation.player.statuses), ("it", combat.statuses))
        for one in statuses
    ]
    has = {one.name for one in (*observation.player.statuses, *combat.statuses)}
    return entries + _known([combat.intent_status] if combat.intent_status not in has else [])


def _status(one: StatusView) -> str:
    """Return what a status does now; with the rule, too, where the amount is in points."""
    return (
        f"{explanations.of(one.name)}: now {one.meaning}"
        if one.name in explanations.IN_POINTS
        else one.meaning
    )


def _intents(observation: Observation) -> list[tuple[str, str]]:
    combat = observation.combat
    if combat is None:
        return []
    after = combat.intent_after or ("crush" if combat.intent == "charge" else "")
    return _known([combat.intent, after, combat.habit])


def _strip(observation: Observation) -> list[tuple[str, str]]:
    player = observation.player
    if observation.combat is None:
        return []
    texts = {action.name: action.text for action in player.actions}
    return [(name, texts[name]) for name in dict.fromkeys(player.strip) if name in texts]


def _rooms(observation: Observation) -> list[tuple[str, str]]:
    room = observation.current_room
    if room is None or room.phase == "fight":
        return []
    return _known(door.kind for door in (*room.doors, *room.ahead))


def _inputs(observation: Observation) -> list[tuple[str, str]]:
    goods = {good.input: f"{good.name.lower()}: {good.text}" for good in observation.player.consumables}
    entries = []
    for choice in observation.available_actions:
        text = worded(choice.label)
        if observation.combat is not None:
            text = explanations.STANCES.get(choice.input) or goods.get(choice.input) or text
        entries.append((choice.pattern or choice.input, text))
    return entries
