"""The text view: one turn told to a model in as few tokens as stay unambiguous.

    e3 t14 | Tarn L2 Warrior 212/264 hp | Tanglewood L2 room 2/3
    You precise: 17 combo Rend 18. Foe: bleed 3. Foe normal: 11 hit 14.
    Grey Wolf L2 beast 84/141 hp, armour 1; bleed 3. Shows heavy ~31 in 1.2 s, before your next action (7.1 s).
    You hit ~14; combo 2/2 Rend.
    1 attack 2 precise 3 power 4 guard 5 potion x2 8 flee 9 auto

First the status line, then what happened this turn (from the log, so that a repeat tells the same), then the situation,
and last the legal inputs, each number with its label. Budget: 120 tokens a median turn; tests measure it.

Source: product.md, "Views"; game.md section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from dungeonfighter.rules import combat, events, labels, statuses, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.observation import Choice
from dungeonfighter.rules.state import Fight, Intent, Phase, Rank, State, Status

_RANKS: Final = tuple("" if rank == Rank.normal else f" {rank.name}" for rank in Rank)
_INTENTS: Final = tuple(intent.name for intent in Intent)
_STATUSES: Final = tuple(status.name.replace("_", " ") for status in Status)
_STATUS: Final = int(Intent.status)
_DEFEND: Final = int(Intent.defend)
_HEAL: Final = int(Intent.heal)
_FLEE: Final = int(Intent.flee)
_BLOWS: Final = frozenset((Event.HeroAttacked, Event.HeroMissed, Event.FoeAttacked, Event.FoeMissed))
_NOISE: Final = _BLOWS | {Event.StatusPut, Event.StatusTicked, Event.MissRerolled, Event.FoeDefended}
"""What is summed up instead of told when `auto` played many attacks."""


class Rulebook(Protocol):
    """What the text view asks of the rules."""

    @property
    def catalogue(self) -> Catalogue: ...
    def legal_inputs(self, state: State) -> tuple[Choice, ...]: ...
    def score(self, state: State) -> int: ...


def text(rules: Rulebook, state: State, head: str) -> str:
    """The view of one state; `head` names run and turn, for example `e3 t14`."""
    cat = rules.catalogue
    lines = [_status_line(rules, cat, state, head)]
    told = happened(cat, state.log[len(state.log) - state.fresh :])
    if told:
        lines.append(told)
    fight = state.fight
    if fight is not None and state.phase == Phase.Combat:
        lines.append(_foe_line(cat, state, fight))
        lines.append(_own_line(cat, state, fight))
    else:
        lines.extend(labels.situation(cat, state))
    if not state.over:
        lines.append(labels.inputs_line(cat, state, rules.legal_inputs(state)))
    return "\n".join(lines)


def happened(cat: Catalogue, fresh: Sequence[Sequence[int]]) -> str:
    """This turn's events as one paragraph; the attacks of an `auto` are summed up."""
    auto = next((event for event in fresh if event[0] == Event.AutoFought), None)
    if auto is None:
        return " ".join([events.sentence(cat, event) for event in fresh])
    told = [_summary(fresh, auto)]
    told += [events.sentence(cat, event) for event in fresh if event[0] not in _NOISE and event is not auto]
    return " ".join(told)


def _summary(fresh: Sequence[Sequence[int]], auto: Sequence[int]) -> str:
    return f"Auto: {auto[1]} attacks."


def _status_line(rules: Rulebook, cat: Catalogue, state: State, head: str) -> str:
    hero = state.hero
    if hero.kind < 0:
        return f"{head} | {hero.name}"
    line = (
        f"{head} | {hero.name} L{hero.level} {labels.CLASSES[hero.kind]} "
        f"{max(0, hero.health)}/{hero.figures.health_max} hp"
    )
    dungeon = state.dungeon
    if state.phase == Phase.Combat and state.fight is not None:
        own = _listed(state.fight.hero.statuses)
        line = f"{line}, {own}" if own else line
    else:
        line = f"{line} | xp {hero.xp}/{tables.xp_next(hero.level)}, {hero.gold} gold"
    if dungeon is not None:
        return f"{line} | L{dungeon.level} room {dungeon.room}/{dungeon.rooms}"
    return f"{line}, score {rules.score(state) / 100:g}"


def _foe_line(cat: Catalogue, state: State, fight: Fight) -> str:
    enemy = cat.enemies[fight.enemy]
    undead = " undead" if enemy.undead else ""
    armour = f", armour {fight.armour}" if fight.armour else ""
    own = _listed(fight.foe.statuses)
    own = f"; {own}" if own else ""
    wait = max(0, fight.foe.next_at - fight.hero.next_at)
    return (
        f"{enemy.name}{_RANKS[fight.rank]} L{fight.level}{undead} {enemy.archetype} "
        f"{max(0, fight.health)}/{fight.health_max} hp{armour}{own}. "
        f"Shows {_intent(cat, state, fight)} in {wait / 1000:.1f} s"
    )


def _intent(cat: Catalogue, state: State, fight: Fight) -> str:
    intent = fight.intent
    if intent < _STATUS:
        return f"{_INTENTS[intent]} ~{combat.incoming(cat, state)}"
    if intent == _STATUS:
        enemy = cat.enemies[fight.enemy]
        return f"{_STATUSES[fight.intent_status]} {enemy.amount} ~{combat.incoming(cat, state)}"
    return _INTENTS[intent]


def _own_line(cat: Catalogue, state: State, fight: Fight) -> str:
    hero = state.hero
    period = hero.figures.period
    if fight.hero.statuses[statuses.SLOW]:
        period = period * tables.SLOWED // 1000
    first = "before" if fight.foe.next_at < fight.hero.next_at + period else "after"
    strip = hero.strip
    step = fight.step % len(strip)
    luck = f"; luck {fight.luck}" if fight.luck else ""
    return (
        f"It acts {first} your next ({period / 1000:.1f} s). You hit ~{combat.outgoing(cat, state)}; "
        f"combo {step + 1}/{len(strip)} {cat.actions[strip[step]].name}{luck}"
    )


def _listed(amounts: Sequence[int]) -> str:
    if not any(amounts):
        return ""
    return ", ".join([f"{_STATUSES[n]} {amount}" for n, amount in enumerate(amounts) if amount])
