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
takes thrice as long. Most turns are of a fight, so its view is one pass over locals into one string.

Source: product.md, "Views"; game.md section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Protocol

from dungeonfighter.rules import events, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting.statuses import CLEAN, SLOW
from dungeonfighter.rules.state import Band, Fight, Intent, Phase, Rank, Stance, State, Status
from dungeonfighter.rules.views import forecast, labels
from dungeonfighter.rules.views.comparison import Mirror
from dungeonfighter.rules.views.numerals import NUMERALS, NUMERALS_MAX, SECONDS, SECONDS_MAX, points

LISTS_MAX: Final = 4096
SENTENCES_MAX: Final = 2048

_RANKS: Final = tuple("" if rank == Rank.normal else f" {rank.name}" for rank in Rank)
_INTENTS: Final = tuple(intent.name for intent in Intent)
_THREATS: Final = tuple(f"{intent} ~" for intent in _INTENTS)
_STATUSES: Final = tuple(status.name.replace("_", " ") for status in Status)
_BANDS: Final = tuple(band.name.replace("_", " ") for band in Band)
_STANCES: Final = ("", "You", *(f"You {stance.name}" for stance in list(Stance)[1:]))
_ENEMY_BLOWS: Final = tuple(
    tuple(f"Foe {intent}" if band == Band.hit else f"Foe {intent} {_BANDS[band]}" for band in Band)
    for intent in _INTENTS
)
"""By `Intent` and `Band`."""
_WHO: Final = ("You", "Foe")

# By name of the module: an attribute of a class costs more (as in `damage`).
_COMBAT = int(Phase.Combat)
_STATUS = int(Intent.status)
_HERO_ATTACKED: Final = Event.HeroAttacked
_HERO_MISSED: Final = Event.HeroMissed
_ENEMY_ATTACKED: Final = Event.EnemyAttacked
_ENEMY_MISSED: Final = Event.EnemyMissed
_STATUS_PUT: Final = Event.StatusPut
_TICKED: Final = Event.StatusTicked
_AUTO: Final = Event.AutoFought
_DIED: Final = Event.HeroDied
_BEGAN: Final = Event.FightBegan
_BLOWS: Final = frozenset((
    Event.HeroAttacked, Event.HeroMissed, Event.EnemyAttacked, Event.EnemyMissed, Event.StatusTicked,
    Event.EnemyDefended, Event.EnemyHealed, Event.Interrupted, Event.Stunned, Event.StruckSelf,
))  # fmt: skip
"""What is not told one by one when `auto` played many attacks."""
_SILENT: Final = frozenset(
    (Event.StatusPut, Event.MissRerolled, Event.FightBegan, Event.RunEnded, *labels.FOUND)
)
"""What the situation shows anyway."""

Teller = Callable[[Catalogue, Sequence[int]], str]


def _hero_attacked(cat: Catalogue, event: Sequence[int]) -> str:
    _, stance, total, band, action, lost = event
    return f"{_STANCES[stance]} {total} {_BANDS[band]}{cat.action_text[action]} {lost}."


def _hero_missed(cat: Catalogue, event: Sequence[int]) -> str:
    return f"{_STANCES[event[1]]} {event[2]} {_BANDS[event[3]]}."


def _enemy_attacked(cat: Catalogue, event: Sequence[int]) -> str:
    return f"{_ENEMY_BLOWS[event[1]][event[3]]} {event[4]}."


def _enemy_missed(cat: Catalogue, event: Sequence[int]) -> str:
    return f"{_ENEMY_BLOWS[event[1]][event[3]]}."


def _ticked(cat: Catalogue, event: Sequence[int]) -> str:
    return f"{_WHO[event[1]]} lost {event[2]} to statuses."


def _hazard(cat: Catalogue, event: Sequence[int]) -> str:
    _, hazard, who, lost = event
    text = cat.names["hazard"][hazard]
    if not lost:
        return f"{text}."
    return f"{text}. {_WHO[who]} lost {NUMERALS[lost] if lost < NUMERALS_MAX else lost}."


def _guarded(cat: Catalogue, event: Sequence[int]) -> str:
    return "You guard."


def _auto(cat: Catalogue, event: Sequence[int]) -> str:
    return f"Auto: {event[1]} attacks." if event[1] != 1 else "Auto: 1 attack."


_known_sentences: dict[tuple[str | int, ...], str] = {}
_TOLD: Final[dict[int, Teller]] = {
    Event.HeroAttacked: _hero_attacked,
    Event.HeroMissed: _hero_missed,
    Event.EnemyAttacked: _enemy_attacked,
    Event.EnemyMissed: _enemy_missed,
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
    fight = state.fight
    if fight is None or state.phase != _COMBAT:
        return _elsewhere(rules, state, head)
    return _fight(cat, state, fight, head, _over(rules, state) if state.over else rules.outline(state).whole)


def _elsewhere(rules: Rulebook, state: State, head: str) -> str:
    cat = rules.catalogue
    lines = [_status(rules, state, head)]
    told: list[str] = []
    _tell(cat, state, told)
    if told:
        lines.append(" ".join(told))
    mirror = Mirror(cat, state.hero)
    lines.extend(labels.situation(cat, state, mirror))
    if state.over:
        lines.append(_over(rules, state))
    else:
        lines.append(labels.inputs_line(cat, state, rules.outline(state), mirror))
    return "\n".join(lines)


def _over(rules: Rulebook, state: State) -> str:
    return f"The run is over, score {points(rules.score(state))}."


def _fight(cat: Catalogue, state: State, fight: Fight, head: str, inputs: str) -> str:
    """All lines of a fight; `inputs` is the last.

    What is nearly always small is looked up in `NUMERALS` and `SECONDS`, and formatted only beyond them.
    """
    hero = state.hero
    told: list[str] = []
    new = _tell(cat, state, told)
    happened = f"\n{' '.join(told)}" if told else ""

    statuses, enemy_statuses = fight.hero.statuses, fight.enemy.statuses
    suffers = "" if statuses == CLEAN else _listed(tuple(statuses))
    enemy_suffers = "" if enemy_statuses == CLEAN else _listed(tuple(enemy_statuses))
    health, most = hero.health, hero.figures.health_max
    enemy_health, enemy_most = fight.health, fight.health_max

    intent = fight.intent
    shown = _INTENTS[intent]
    if intent <= _STATUS:
        if intent == _STATUS:
            shown = f"{_STATUSES[fight.intent_status]} {cat.enemies[fight.enemy_kind].amount} ~"
        else:
            shown = _THREATS[intent]
        hit = forecast.incoming(cat, hero, fight)
        shown = f"{shown}{NUMERALS[hit] if hit < NUMERALS_MAX else hit}"
    wait = fight.enemy.next_at - fight.hero.next_at
    if wait < 0:
        wait = 0

    hit = forecast.outgoing(cat, hero, fight)
    period = hero.figures.period
    if statuses[SLOW]:
        period = period * tables.SLOWED // 1000
    strip = hero.strip
    slots = len(strip)
    combo = ""
    if slots > 1:
        step = fight.step % slots
        combo = f", combo {NUMERALS[step + 1]}/{NUMERALS[slots]}{cat.action_text[strip[step]]}"
    return (
        f"{head} | {hero.name} {NUMERALS[health] if health < NUMERALS_MAX else health}"
        f"/{NUMERALS[most] if most < NUMERALS_MAX else most} hp{suffers}{happened}\n"
        f"{_newly_met(cat, fight) if new else cat.enemies[fight.enemy_kind].name} "
        f"{NUMERALS[enemy_health] if enemy_health < NUMERALS_MAX else enemy_health}"
        f"/{NUMERALS[enemy_most] if enemy_most < NUMERALS_MAX else enemy_most} hp{enemy_suffers}; "
        f"shows {shown} in {SECONDS[wait] if wait < SECONDS_MAX else _seconds(wait)} s\n"
        f"You hit ~{NUMERALS[hit] if hit < NUMERALS_MAX else hit}, "
        f"next in {SECONDS[period] if period < SECONDS_MAX else _seconds(period)} s{combo}\n{inputs}"
    )


def _newly_met(cat: Catalogue, fight: Fight) -> str:
    """The enemy with its level, rank and kind, as a fight that begins tells it."""
    enemy = cat.enemies[fight.enemy_kind]
    undead = "undead " if enemy.undead else ""
    armour = f", armour {fight.armour}" if fight.armour else ""
    return f"{enemy.name} L{fight.level},{_RANKS[fight.rank]} {undead}{enemy.archetype}{armour},"


def _tell(cat: Catalogue, state: State, told: list[str]) -> bool:
    """Add the sentences of this turn's events; of an `auto` only the blow that killed the hero is told.

    The most frequent are written out, as `sentence` would tell them and by how often they come: a call each
    costs as much again.

    Returns:
        Whether a fight began.
    """
    began = False
    fresh = state.log[state.told :]
    for event in fresh:
        code = event[0]
        if code == _HERO_ATTACKED:
            _, stance, total, band, action, lost = event
            told.append(
                f"{_STANCES[stance]} {NUMERALS[total] if total < NUMERALS_MAX else total}"
                f" {_BANDS[band]}{cat.action_text[action]} {NUMERALS[lost] if lost < NUMERALS_MAX else lost}."
            )
        elif code == _ENEMY_ATTACKED:
            _, intent, _, band, lost = event
            told.append(f"{_ENEMY_BLOWS[intent][band]} {NUMERALS[lost] if lost < NUMERALS_MAX else lost}.")
        elif code == _STATUS_PUT:
            continue
        elif code == _TICKED:
            _, who, lost = event
            told.append(f"{_WHO[who]} lost {NUMERALS[lost] if lost < NUMERALS_MAX else lost} to statuses.")
        elif code == _ENEMY_MISSED:
            told.append(f"{_ENEMY_BLOWS[event[1]][event[3]]}.")
        elif code == _HERO_MISSED:
            _, stance, total, band = event
            told.append(
                f"{_STANCES[stance]} {NUMERALS[total] if total < NUMERALS_MAX else total} {_BANDS[band]}."
            )
        elif code not in _SILENT:
            if code == _AUTO:
                told[:] = _after_auto(cat, fresh)
                return any(event[0] == _BEGAN for event in fresh)
            told.append(sentence(cat, event))
        elif code == _BEGAN:
            began = True
    return began


def _after_auto(cat: Catalogue, fresh: Sequence[Sequence[int]]) -> list[str]:
    last = -1
    if any(event[0] == _DIED for event in fresh):
        last = max((place for place, event in enumerate(fresh) if event[0] in _BLOWS), default=-1)
    return [
        sentence(cat, event)
        for place, event in enumerate(fresh)
        if event[0] not in _SILENT and (event[0] not in _BLOWS or place == last)
    ]


def sentence(cat: Catalogue, event: Sequence[int]) -> str:
    """One event, by the quick way if there is one.

    Of the others few are met (room 2 of one place, 15 xp), so what they were told as is remembered: a fifth
    of the work of telling it (counted). Bounded by forgetting all.
    """
    teller = _TOLD.get(event[0])
    if teller is not None:
        return teller(cat, event)
    key: tuple[str | int, ...] = (cat.identity, *event)
    told = _known_sentences.get(key)
    if told is None:
        if len(_known_sentences) >= SENTENCES_MAX:
            _known_sentences.clear()
        told = _known_sentences[key] = events.sentence(cat, event)
    return told


def _status(rules: Rulebook, state: State, head: str) -> str:
    hero = state.hero
    if hero.kind < 0:
        return f"{head} | {hero.name}"
    health, most = hero.health, hero.figures.health_max
    if health < 0:
        health = 0
    hp = (
        f"{NUMERALS[health] if health < NUMERALS_MAX else health}"
        f"/{NUMERALS[most] if most < NUMERALS_MAX else most} hp"
    )
    dungeon = state.dungeon
    if dungeon is not None:
        return (
            f"{head} | {hero.name} {hp} | L{NUMERALS[dungeon.level]} "
            f"room {NUMERALS[dungeon.room]}/{NUMERALS[dungeon.rooms]}"
        )
    xp, needed, gold = hero.xp, tables.xp_next(hero.level), hero.gold
    return (
        f"{head} | {hero.name} L{NUMERALS[hero.level]} {labels.CLASSES[hero.kind]} {hp} | "
        f"xp {NUMERALS[xp] if xp < NUMERALS_MAX else xp}"
        f"/{NUMERALS[needed] if needed < NUMERALS_MAX else needed}, "
        f"{NUMERALS[gold] if gold < NUMERALS_MAX else gold} gold, score {points(rules.score(state))}"
    )


def _seconds(time: int) -> str:
    """Game milliseconds in seconds."""
    return f"{time / 1000:.1f}"


@lru_cache(LISTS_MAX)
def _listed(amounts: tuple[int, ...]) -> str:
    """Statuses as a line lists them. Most fighters have one or two of small amounts, so few lists are met."""
    return "".join([f", {_STATUSES[n]} {amount}" for n, amount in enumerate(amounts) if amount])
