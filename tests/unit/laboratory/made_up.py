"""Runs that were made up for tests of tables and bars, and jobs that ask a process for its figures."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet
from msgspec import Struct

from dungeonfighter.laboratory.measuring import Series
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.runs import Run
from dungeonfighter.rules import Rules, tables


def some(names: Iterable[str], short: set[str]) -> list[ParameterSet]:
    """Return all names as parameters, those that are not `short` for the long stage only."""
    return [pytest.param(name, marks=() if name in short else pytest.mark.long) for name in sorted(names)]


def run(player: str = "heuristic", seed: int = 0, score: float = 30.0, **facts: Any) -> Run:
    """Return a run that died in a fight, except for the given facts."""
    usual: dict[str, Any] = {
        "inputs": 800, "turns": 900, "result": "died", "level": 9, "weapon": "mace", "region": 0, "bosses": 0,
        "cpu_seconds": 0.5, "last_health": 0.4, "last_place": "Combat",
    }  # fmt: skip
    return Run(player=player, seed=seed, score=score, **(usual | facts))


def series(player: Player, scores: list[float], **facts: Any) -> Series:
    """Return a series with one run a score, on the seeds from 0 on."""
    return Series(player, {seed: run(player.name, seed, score, **facts) for seed, score in enumerate(scores)})


class AskTables(Struct, frozen=True):
    """A job that returns constants of the rules as its process has them."""

    names: tuple[str, ...]

    def perform(self, rules: Rules) -> dict[str, object]:
        return {"identity": rules.identity} | {name: getattr(tables, name) for name in self.names}


class AskTalent(Struct, frozen=True):
    """A job that returns the amount of a talent, from the rules and from those that policies load."""

    talent: str

    def perform(self, rules: Rules) -> tuple[int, int]:
        from dungeonfighter import rules as package

        amounts = [
            row.amount
            for catalogue in (rules.catalogue, package.load_rules().catalogue)
            for row in catalogue.talents
            if row.id == self.talent
        ]
        return amounts[0], amounts[1]


class EndProcess(Struct, frozen=True):
    """A job that ends its process at once, as the kernel does when memory runs out."""

    code: int

    def perform(self, rules: Rules) -> None:
        os._exit(self.code)


class Fail(Struct, frozen=True):
    """A job that fails."""

    message: str

    def perform(self, rules: Rules) -> None:
        raise LookupError(self.message)


class Niceness(Struct, frozen=True):
    """A job that returns the niceness of its process."""

    def perform(self, rules: Rules) -> int:
        return os.nice(0)
