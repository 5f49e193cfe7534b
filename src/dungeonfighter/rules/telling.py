"""The text view: one turn told to a model in as few tokens as stay unambiguous.

    e3 t14 | Tarn 212/264 hp, bleed 2
    You precise 17 combo Rend 18. Foe normal 14.
    Grey Wolf 84/141 hp, bleed 3; shows heavy ~31 in 1.2 s
    You hit ~14, next in 7.1 s, combo 2/3 Rend
    1 attack 2 precise 3 power 4 guard 5 potion x2 8 flee 9 auto

First the status line, then what happened this turn (from the log, so that a repeat tells the same), then
the situation, and last the legal inputs, each number with its label. In a fight: what the enemy shows,
its damage on a plain hit and when it comes; what a plain hit of the hero does, when the hero acts again
after it, and which slot of the strip a combo plays. Statuses are listed as they stand, so their coming
and going is not told. Budget: 120 tokens a median turn.

The frequent sentences are written out here: they are told in most turns, and the general way of `events`
takes thrice as long.

Source: product.md, "Views"; game.md section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Protocol

from dungeonfighter.rules import combat, events, labels, statuses, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.state import Band, Fight, Intent, Phase, Rank, Stance, State, Status
from dungeonfighter.rules.statuses import CLEAN

SECONDS_MAX: Final = 4096

_RANKS: Final = tuple("" if rank == Rank.normal else f" {rank.name}" for rank in Rank)
_INTENTS: Final = tuple(intent.name for intent in Intent)
_STATUSES: Final = tuple(status.name.replace("_", " ") for status in Status)
_BANDS: Final = tuple(band.name.replace("_", " ") for band in Band)
_STANCES: Final = ("", "You", *(f"You {stance.name}" for stance in list(Stance)[1:]))
_FOE_BANDS: Final = tuple("" if band == Band.hit else f" {band.name.replace('_', ' ')}" for band in Band)
_STATUS: Final = int(Intent.status)
_AUTO: Final = int(Event.AutoFought)
_DIED: Final = int(Event.HeroDied)
_BEGAN: Final = int(Event.FightBegan)
_COMBAT = int(Phase.Combat)
_WHO: Final = ("You", "Foe")
_BLOWS: Final = frozenset((
    Event.HeroAttacked, Event.HeroMissed, Event.FoeAttacked, Event.FoeMissed, Event.StatusTicked,
    Event.FoeDefended, Event.FoeHealed, Event.Interrupted, Event.Stunned, Event.StruckSelf,
))  # fmt: skip
"""What is not told one by one when `auto` played many attacks."""
_SILENT: Final = frozenset(
    (Event.StatusPut, Event.MissRerolled, Event.FightBegan, Event.RunEnded, *labels.FOUND)
)
"""What the situation shows anyway."""

Teller = Callable[[Catalogue, Sequence[int]], str]


def _hero_attacked(cat: Catalogue, event: Sequence[int]) -> str:
    _, stance, total, band, action, lost = event
    if action < 0:
        return f"{_STANCES[stance]} {total} {_BANDS[band]} {lost}."
    return f"{_STANCES[stance]} {total} {_BANDS[band]} {cat.actions[action].name} {lost}."


def _hero_missed(cat: Catalogue, event: Sequence[int]) -> str:
    return f"{_STANCES[event[1]]} {event[2]} {_BANDS[event[3]]}."


def _foe_attacked(cat: Catalogue, event: Sequence[int]) -> str:
    return f"Foe {_INTENTS[event[1]]}{_FOE_BANDS[event[3]]} {event[4]}."


def _foe_missed(cat: Catalogue, event: Sequence[int]) -> str:
    return f"Foe {_INTENTS[event[1]]}{_FOE_BANDS[event[3]]}."


def _ticked(cat: Catalogue, event: Sequence[int]) -> str:
    return f"{_WHO[event[1]]} lost {event[2]} to statuses."


def _hazard(cat: Catalogue, event: Sequence[int]) -> str:
    text = cat.hazard_rows[event[1]].text
    return f"{text}. {_WHO[event[2]]} lost {event[3]}." if event[3] else f"{text}."


def _guarded(cat: Catalogue, event: Sequence[int]) -> str:
    return "You guard."


def _auto(cat: Catalogue, event: Sequence[int]) -> str:
    return f"Auto: {event[1]} attacks." if event[1] != 1 else "Auto: 1 attack."


_in_general: Final = events.sentence
_TOLD: Final[dict[int, Teller]] = {
    Event.HeroAttacked: _hero_attacked,
    Event.HeroMissed: _hero_missed,
    Event.FoeAttacked: _foe_attacked,
    Event.FoeMissed: _foe_missed,
    Event.StatusTicked: _ticked,
    Event.HazardStruck: _hazard,
    Event.HeroGuarded: _guarded,
    Event.AutoFought: _auto,
}


class Rulebook(Protocol):
    """What the text view asks of the rules."""

    @property
    def catalogue(self) -> Catalogue: ...
    def outline(self, state: State) -> labels.Outline: ...
    def score(self, state: State) -> int: ...


def text(rules: Rulebook, state: State, head: str) -> str:
    """The view of one state; `head` names run and turn, for example `e3 t14`."""
    cat = rules.catalogue
    log = state.log
    fresh = log[len(log) - state.fresh :]
    if state.phase == _COMBAT and state.fight is not None:
        lines = _fight_lines(cat, state, state.fight, head, fresh)
    else:
        lines = [_status(rules, state, head)]
        told = happened(cat, fresh)
        if told:
            lines.append(told)
        lines.extend(labels.situation(cat, state))
    if state.over:
        lines.append(f"The run is over, score {rules.score(state) / 100:g}.")
    else:
        lines.append(labels.inputs_line(cat, state, rules.outline(state)))
    return "\n".join(lines)


def _fight_lines(
    cat: Catalogue, state: State, fight: Fight, head: str, fresh: Sequence[Sequence[int]]
) -> list[str]:
    lines = [_fight_status(state, fight, head)]
    told = happened(cat, fresh)
    if told:
        lines.append(told)
    new = False
    for event in fresh:
        if event[0] == _BEGAN:
            new = True
    lines.append(_foe(cat, state, fight, new))
    lines.append(_own(cat, state, fight))
    return lines


def happened(cat: Catalogue, fresh: Sequence[Sequence[int]]) -> str:
    """This turn's events as one paragraph; of an `auto` only the blow that killed the hero is told."""
    told = []
    for event in fresh:
        code = event[0]
        if code == _AUTO:
            return _after_auto(cat, fresh)
        if code not in _SILENT:
            teller = _TOLD.get(code, _in_general)
            told.append(teller(cat, event))
    return " ".join(told)


def _after_auto(cat: Catalogue, fresh: Sequence[Sequence[int]]) -> str:
    last = -1
    if any(event[0] == _DIED for event in fresh):
        last = max((place for place, event in enumerate(fresh) if event[0] in _BLOWS), default=-1)
    return " ".join(
        [
            sentence(cat, event)
            for place, event in enumerate(fresh)
            if event[0] not in _SILENT and (event[0] not in _BLOWS or place == last)
        ]
    )


def sentence(cat: Catalogue, event: Sequence[int]) -> str:
    """One event, by the quick way if there is one."""
    return _TOLD.get(event[0], _in_general)(cat, event)


def _status(rules: Rulebook, state: State, head: str) -> str:
    hero = state.hero
    if hero.kind < 0:
        return f"{head} | {hero.name}"
    health = f"{hero.health if hero.health > 0 else 0}/{hero.figures.health_max} hp"
    dungeon = state.dungeon
    if dungeon is not None:
        return f"{head} | {hero.name} {health} | L{dungeon.level} room {dungeon.room}/{dungeon.rooms}"
    who = f"{hero.name} L{hero.level} {labels.CLASSES[hero.kind]}"
    xp = f"xp {hero.xp}/{tables.xp_next(hero.level)}"
    return f"{head} | {who} {health} | {xp}, {hero.gold} gold, score {rules.score(state) / 100:g}"


def _fight_status(state: State, fight: Fight, head: str) -> str:
    hero = state.hero
    own = _listed(fight.hero.statuses)
    return f"{head} | {hero.name} {hero.health}/{hero.figures.health_max} hp{own}"


def _foe(cat: Catalogue, state: State, fight: Fight, new: bool) -> str:
    """The enemy and what it shows; rank, level and kind when the fight is new."""
    enemy = cat.enemies[fight.enemy]
    name = enemy.name
    if new:
        undead = "undead " if enemy.undead else ""
        armour = f", armour {fight.armour}" if fight.armour else ""
        name = f"{name} L{fight.level},{_RANKS[fight.rank]} {undead}{enemy.archetype}{armour},"
    wait = fight.foe.next_at - fight.hero.next_at
    return (
        f"{name} {fight.health}/{fight.health_max} hp{_listed(fight.foe.statuses)}; "
        f"shows {_intent(cat, state, fight)} in {_seconds(wait if wait > 0 else 0)} s"
    )


def _intent(cat: Catalogue, state: State, fight: Fight) -> str:
    intent = fight.intent
    if intent < _STATUS:
        return f"{_INTENTS[intent]} ~{combat.incoming(cat, state)}"
    if intent == _STATUS:
        inflicted = f"{_STATUSES[fight.intent_status]} {cat.enemies[fight.enemy].amount}"
        return f"{inflicted} ~{combat.incoming(cat, state)}"
    return _INTENTS[intent]


def _own(cat: Catalogue, state: State, fight: Fight) -> str:
    period = state.hero.figures.period
    if fight.hero.statuses[statuses.SLOW]:
        period = period * tables.SLOWED // 1000
    strip = state.hero.strip
    combo = ""
    if len(strip) > 1:
        step = fight.step % len(strip)
        combo = f", combo {step + 1}/{len(strip)} {cat.actions[strip[step]].name}"
    return f"You hit ~{combat.outgoing(cat, state)}, next in {_seconds(period)} s{combo}"


@lru_cache(SECONDS_MAX)
def _seconds(time: int) -> str:
    """Game milliseconds in seconds; looking them up takes a fifth of formatting a fraction."""
    return f"{time / 1000:.1f}"


def _listed(amounts: list[int]) -> str:
    if amounts == CLEAN:  # a fifth of the time of `any`
        return ""
    return "".join([f", {_STATUSES[n]} {amount}" for n, amount in enumerate(amounts) if amount])
