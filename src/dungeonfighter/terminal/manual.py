"""`?`: the explanation of what is on the screen now, and of single words; and the hero's own figures."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Final

from dungeonfighter.rules.views.observation import CombatView, Observation, StatusView
from dungeonfighter.terminal import explanations, place_words, view
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.facts import NO_FACTS, Facts
from dungeonfighter.terminal.options import worded
from dungeonfighter.terminal.spans import Meaning, Span, Spans, plain

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
_FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    **{name.lower(): (f"{name} ",) for name in ("STR", "AGI", "TEC", "INT")},
    "armour": ("armour ",),
    "die": ("+ hits ",),
    "strip": (" strip ", "in slot ", "strip slot"),
    "opener": ("opener",),
    "finisher": ("finisher",),
    "class": ("(it +", "(you +", "a stronger class"),
    "room": ("rolls to ",),
    "undead": ("to undead", "from undead"),
    "elite": ("to elites", "from elites"),
}
"""The texts by which a place shows a word that fights have, too."""


def explain(observation: Observation, canvas: Canvas, facts: Facts = NO_FACTS) -> list[Spans]:
    """Return the explanation of everything that the view of this observation shows."""
    text = "" if observation.combat is not None else _text_of(observation, canvas, facts)
    of_place = place_words.shown(place_words.PLACES, text)
    lines: list[Spans] = []
    lines += _section("What you see", [*_figures(observation, facts), *_shown(text), *of_place], canvas)
    lines += _section("Items", place_words.shown(place_words.ITEMS, text), canvas)
    lines += _section("Actions", _actions(observation, facts, text), canvas)
    lines += _section("Goods", _goods(observation, text), canvas)
    lines += _section("Kinds of enemies", _kinds(facts, text), canvas)
    lines += _section("Statuses", _statuses(observation) or _named(text), canvas)
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
        **dict.fromkeys(combat.bonuses, True),
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


def _text_of(observation: Observation, canvas: Canvas, facts: Facts) -> str:
    """Return the words of the whole view of a place, with one space between two of them."""
    lines = view.view(observation, 1, canvas._replace(rows=0), facts)
    return " ".join(" ".join(map(plain, lines)).split())


def _shown(text: str) -> list[tuple[str, str]]:
    """Return the words of fights that a place shows, too."""
    return _known(word for word, forms in _FORMS.items() if any(each in text for each in forms))


def _goods(observation: Observation, text: str) -> list[tuple[str, str]]:
    """Return the goods of the hero that a place names."""
    lower = text.lower()
    owned = [(good.name.lower(), good.text) for good in observation.player.consumables]
    return [(name, meaning) for name, meaning in owned if f" {name} " in lower]


def _kinds(facts: Facts, text: str) -> list[tuple[str, str]]:
    """Return the archetypes that a place names."""
    named = set(text.replace(",", " ").replace(";", " ").split())
    return [(name, kind) for name, kind in facts.kinds.items() if name in named]


def _named(text: str) -> list[tuple[str, str]]:
    """Return the statuses that a place names with an amount."""
    signed = text.replace("+", "")
    return _known(
        name for name in explanations.STATUSES if any(f" {name} {n}" in signed for n in range(1, 10))
    )


def _actions(observation: Observation, facts: Facts, text: str) -> list[tuple[str, str]]:
    """Return the actions that an item on the screen grants or takes away, with their figures.

    An inventory that is not brief has them itself.
    """
    if observation.current_state == "Inventory":
        return []
    room = observation.current_room
    offered = [] if room is None else [each for item in room.stock for each in item.granted]
    known = {**facts.actions, **{each.name: each.text for each in offered}}
    clauses = [each for each in text.replace(";", ".").split(".") if "grants " in each or "loses " in each]
    return [(name, known[name]) for name in sorted(known) if any(name in each for each in clauses)]


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
    here = [room.kind] if room.phase == "offer" else []
    return _known([*here, *(door.kind for door in (*room.doors, *room.ahead))])


def _inputs(observation: Observation) -> list[tuple[str, str]]:
    goods = {good.input: f"{good.name.lower()}: {good.text}" for good in observation.player.consumables}
    entries = []
    for choice in observation.available_actions:
        text = worded(choice.label)
        if observation.combat is not None:
            text = explanations.STANCES.get(choice.input) or goods.get(choice.input) or text
        entries.append((choice.pattern or choice.input, text))
    return entries
