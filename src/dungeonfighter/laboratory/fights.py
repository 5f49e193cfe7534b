"""Frozen fights, played to their end many times with fresh dice: minutes show what runs hide in noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from dungeonfighter.bots.ladder import mean
from dungeonfighter.bots.runner import choose
from dungeonfighter.laboratory.deaths import is_dead
from dungeonfighter.laboratory.estimates import Estimate, estimate, share
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.positions import Position
from dungeonfighter.rules import Rules, State
from dungeonfighter.rules.events import Event

REPLAYS: Final = 200
INPUTS_MAX: Final = 200
"""The most inputs of a fight; a longer one counts as not won."""


class FightJob(Struct, frozen=True):
    """One position, played by one player `replays` times; the dice are the same for all players."""

    player: Player
    position: Position
    replays: int = REPLAYS

    def perform(self, rules: Rules) -> Fought:
        outcomes = [_played(rules, self, number) for number in range(self.replays)]
        return Fought(self.player.name, self.position.name, outcomes)


class Outcome(Struct, array_like=True, frozen=True):
    """The end of one fight: won, dead or neither (fled); the share of health at the last input."""

    won: bool
    died: bool
    health: float
    potions: int
    inputs: int


class Fought(Struct, frozen=True):
    """The outcomes of one player at one position, in the order of their dice."""

    player: str
    position: str
    outcomes: list[Outcome]


def _played(rules: Rules, job: FightJob, number: int) -> Outcome:
    state = rules.decode(job.position.state)
    rules.reseed(state, number + 1)
    policy = job.player.make(number)
    inputs, won, health = 0, False, 0.0
    while state.fight is not None and inputs < INPUTS_MAX:
        health = _share(state)
        step = rules.advance(state, choose(rules, policy, state))
        state = step.state
        inputs += 1
        won = any(event[0] == Event.EnemyDied for event in step.events)
    return Outcome(won, is_dead(state), health, _potions(rules, state), inputs)


def _share(state: State) -> float:
    return round(max(0, state.hero.health) / max(1, state.hero.figures.health_max), 4)


def _potions(rules: Rules, state: State) -> int:
    return state.hero.consumables[rules.catalogue.consumable_at[5]]


class FightRow(Struct, frozen=True):
    """One player over all positions, or at one of them (`position`).

    Attributes:
        won, died: Shares of the fights; the interval of the former takes each position as one observation
            if there are several.
        health, potions: Means over the fights that were won: the share of health at the last input (a won
            dungeon heals), and the potions left.
        difference: The won share less that of the first player, position by position.
    """

    player: str
    position: str
    fights: int
    won: Estimate
    died: float
    health: float
    potions: float
    inputs: float
    difference: Estimate | None = None


def rows_of(fought: Sequence[Fought], players: Sequence[str]) -> list[FightRow]:
    """Return a row for each player over all positions, then one for each position and player."""
    by_player = {name: {one.position: one for one in fought if one.player == name} for name in players}
    first = by_player[players[0]]
    total = []
    for name, mine in by_player.items():
        if mine:
            row = _row(name, "", [outcome for one in mine.values() for outcome in one.outcomes])
            won = estimate([_won(one) for one in mine.values()])
            apart = [_won(one) - _won(first[place]) for place, one in mine.items() if place in first]
            total.append(_with(row, won, estimate(apart) if name != players[0] else None))
    single = [
        _row(name, place, by_player[name][place].outcomes)
        for place in first
        for name in players
        if place in by_player[name]
    ]
    return total + single


def _with(row: FightRow, won: Estimate, difference: Estimate | None) -> FightRow:
    return FightRow(
        row.player, row.position, row.fights, won, row.died, row.health, row.potions, row.inputs, difference
    )


def _won(one: Fought) -> float:
    return mean([float(outcome.won) for outcome in one.outcomes])


def _row(player: str, position: str, outcomes: Sequence[Outcome]) -> FightRow:
    won = [outcome for outcome in outcomes if outcome.won]
    return FightRow(
        player=player,
        position=position,
        fights=len(outcomes),
        won=share(len(won), len(outcomes)),
        died=round(mean([float(outcome.died) for outcome in outcomes]), 4),
        health=round(mean([outcome.health for outcome in won]), 4) if won else 0.0,
        potions=round(mean([outcome.potions for outcome in won]), 3) if won else 0.0,
        inputs=round(mean([outcome.inputs for outcome in outcomes]), 2),
    )


def table(rows: Sequence[FightRow]) -> Iterator[str]:
    """Yield the lines of the table as text."""
    width = max((len(row.player) for row in rows), default=6) + 1
    places = max((len(row.position) for row in rows), default=8) + 1
    yield (
        f"{'position':<{places}}{'player':<{width}}{'fights':>7}{'won':>14}{'died':>6}{'health':>8}"
        f"{'potions':>9}{'inputs':>8}{'won more':>16}"
    )
    for row in rows:
        won = f"{row.won.mean:.1%} +-{row.won.margin * 100:4.1f}"
        more = "" if row.difference is None else _points(row.difference)
        yield (
            f"{row.position or 'all':<{places}}{row.player:<{width}}{row.fights:>7}{won:>14}{row.died:>6.0%}"
            f"{row.health:>8.0%}{row.potions:>9.2f}{row.inputs:>8.1f}{more:>16}"
        )
    yield "won: share +- half the 95 % interval; of won fights: health at the last input, potions left"


def _points(found: Estimate) -> str:
    return f"{found.mean * 100:+.1f} +- {found.margin * 100:.1f}"
