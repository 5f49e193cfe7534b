"""The text view: one turn told to a model in as few tokens as stay unambiguous.

    e3 t14 | Tarn L2 Warrior 212/264 hp | Tanglewood L2 room 2/3
    You precise: 17 combo Rend 18. Foe: bleed 3. Foe normal: 11 hit 14.
    Grey Wolf L2 beast 84/141 hp, armour 1; bleed 3. Shows heavy ~31 in 1.2 s, before you (7.1 s).
    You hit ~14; combo 2/2 Rend
    1 attack 2 precise 3 power 4 guard 5 potion x2 8 flee 9 auto

First the status line, then what happened this turn (from the log, so that a repeat tells the same), then
the
situation, and last the legal inputs, each number with its label. In a fight: what the enemy shows, its
damage on a plain
hit, when it comes, and whether that is before or after the hero's next action (so many seconds after a
plain attack now); what a plain hit of the hero does; which slot of the strip a combo plays. Budget: 120
tokens a median turn.

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
_NOISE: Final = frozenset((
    Event.HeroAttacked, Event.HeroMissed, Event.FoeAttacked, Event.FoeMissed, Event.StatusPut,
    Event.StatusTicked, Event.MissRerolled, Event.FoeDefended, Event.FoeHealed, Event.Interrupted,
    Event.Stunned, Event.StruckSelf,
))  # fmt: skip
"""What is not told blow by blow when `auto` played many attacks."""


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
    """This turn's events as one paragraph; the blows of an `auto` are left to its one sentence."""
    sentence = events.sentence
    if any(event[0] == Event.AutoFought for event in fresh):
        fresh = [event for event in fresh if event[0] not in _NOISE]
    return " ".join([sentence(cat, event) for event in fresh if event[0] not in labels.FOUND])


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
    period = state.hero.figures.period
    if fight.hero.statuses[statuses.SLOW]:
        period = period * tables.SLOWED // 1000
    wait = max(0, fight.foe.next_at - fight.hero.next_at)
    return (
        f"{enemy.name}{_RANKS[fight.rank]} L{fight.level}{undead} {enemy.archetype} "
        f"{max(0, fight.health)}/{fight.health_max} hp{armour}{own}. Shows {_intent(cat, state, fight)} "
        f"in {wait / 1000:.1f} s, {'before' if wait < period else 'after'} you ({period / 1000:.1f} s)"
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
    strip = state.hero.strip
    step = fight.step % len(strip)
    return f"You hit ~{combat.outgoing(cat, state)}; combo {step + 1}/{len(strip)} {cat.actions[strip[step]].name}"


def _listed(amounts: Sequence[int]) -> str:
    if not any(amounts):
        return ""
    return ", ".join([f"{_STATUSES[n]} {amount}" for n, amount in enumerate(amounts) if amount])
