"""Runs of the laboratory: one run is played on the rules, and all that is measured of it is recorded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Final

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.bots.policy import Policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.laboratory.deaths import LastDecisions, is_dead
from dungeonfighter.laboratory.habits import Habitual
from dungeonfighter.laboratory.options import Option, option_of
from dungeonfighter.laboratory.players import Player
from dungeonfighter.rules import CATEGORIES, GameOptions, Mode, Observation, Rules, State, Weapon
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.state import Ending
from dungeonfighter.rules.views.observation import Choice

STATE_EVERY: Final = 25
"""Every that many inputs the size of the encoded state is taken."""
_FOUGHT: Final = (Event.EnemyDied, Event.HeroDied)


class Counted(Struct, array_like=True):
    """One option of a run: the times offered and taken, and the sums of the score gained afterwards.

    `after_taken` adds up, over the times it was taken, the final score less the score of that moment;
    `after_skipped` does the same over the other times.
    """

    offered: int = 0
    taken: int = 0
    after_taken: float = 0.0
    after_skipped: float = 0.0


class Run(Struct, frozen=True, omit_defaults=True):
    """All that is measured of one run.

    Attributes:
        player: The name of the player.
        score: 0 to 100.
        turns: Inputs plus the game time spent in other ways.
        result: died | won | turns (the limit of the run) | inputs (the limit of the laboratory).
        weapon: The kind of the last weapon.
        region: The furthest region, from 0; `bosses` is the number of beaten ones.
        last_health: The share of health at the last input of a run that died; else -1.
        last_place: The phase of the run at that input, for example `Combat`; else "".
        unanswered: See `deaths.unanswered`; "" for a run that did not die.
        potions, gold: Those left at the end.
        first_fights: The hero's inputs in each fight on level 1 that ended with a death.
        state_median, state_max: Bytes of the encoded state.
        forced: Inputs that a habit had to replace; see `habits.Habitual`.
        cpu_seconds: Processor time of the run.
        options: The options of all decisions, if they were to be counted.
    """

    player: str
    seed: int
    score: float
    inputs: int
    turns: int
    result: str
    level: int
    weapon: str
    region: int
    bosses: int
    cpu_seconds: float
    last_health: float = -1.0
    last_place: str = ""
    unanswered: str = ""
    potions: int = 0
    gold: int = 0
    first_fights: tuple[int, ...] = ()
    state_median: int = 0
    state_max: int = 0
    forced: int = 0
    options: dict[str, Counted] = {}


class RunJob(Struct, frozen=True):
    """One run to play, ranked; `counts_options` costs an observation an input.

    `category` is the mode and the ascension (`rules.modes`).
    """

    player: Player
    seed: int
    inputs_max: int = limits.ranked_turns_max
    counts_options: bool = False
    category: str = Mode.ironman.name

    def perform(self, rules: Rules) -> Run:
        return Recorder(rules, self).play()


class Recorder:
    """Plays one run and records it."""

    def __init__(self, rules: Rules, job: RunJob) -> None:
        self._rules = rules
        self._job = job
        self._policy: Policy = job.player.make(job.seed)
        mode, ascension = CATEGORIES[job.category]
        options = GameOptions(seed=job.seed, mode=int(mode), ranked=True, ascension=ascension)
        self._state = rules.new_game(options)
        self._last = LastDecisions()
        self._first_fights: list[int] = []
        self._fight_inputs = 0
        self._sizes: list[int] = []
        self._counting: dict[Option, list[float]] = {}

    def play(self) -> Run:
        began = time.process_time()
        rules, state, inputs = self._rules, self._state, 0
        region = 0
        while not state.over and inputs < self._job.inputs_max:
            text = choose(rules, self._policy, state)
            if self._job.counts_options:
                self._count(rules.observe(state), text)
            self._last.note(state)
            level = state.fight.level if state.fight is not None else 0
            step = rules.advance(state, text)
            state = step.state
            inputs += 1
            region = max(region, state.world.region)
            self._fight(level, state, step.events)
            if inputs % STATE_EVERY == 0:
                self._sizes.append(len(rules.encode(state)))
        return self._record(state, inputs, region, time.process_time() - began)

    def _fight(self, level: int, state: State, events: Sequence[Sequence[int]]) -> None:
        """Count the inputs of fights on level 1."""
        if level:
            self._fight_inputs += 1
        if state.fight is None:
            if level == 1 and any(event[0] in _FOUGHT for event in events):
                self._first_fights.append(self._fight_inputs)
            self._fight_inputs = 0

    def _count(self, o: Observation, text: str) -> None:
        offered: dict[Option, bool] = {}
        for choice in o.available_actions:
            option = option_of(o, choice)
            taken = choice.input == text or bool(choice.pattern and text.startswith(f"{option.name} "))
            offered[option] = offered.get(option, False) or taken
        if not any(offered.values()):  # `strip` at the hub is legal and not listed there
            offered[option_of(o, Choice(text, text))] = True
        for option, taken in offered.items():
            counts = self._counting.setdefault(option, [0, 0, 0.0, 0.0])
            counts[int(taken)] += 1
            counts[2 + int(taken)] += o.score

    def _record(self, state: State, inputs: int, region: int, cpu_seconds: float) -> Run:
        rules, died, score = self._rules, is_dead(state), self._rules.score(state) / 100
        potion = rules.catalogue.consumable_at[5]
        sizes = self._sizes or [len(rules.encode(state))]
        return Run(
            player=self._job.player.name,
            seed=self._job.seed,
            score=score,
            inputs=inputs,
            turns=state.turn + state.world.spent,
            result="died" if died else Ending(state.ending).name if state.over else "inputs",
            level=state.hero.level,
            weapon=Weapon(state.hero.kind).name if state.hero.kind >= 0 else "none",
            region=region,
            bosses=state.world.bosses,
            cpu_seconds=round(cpu_seconds, 4),
            last_health=round(self._last.health, 4) if died else -1.0,
            last_place=self._last.place if died else "",
            unanswered=self._last.unanswered(rules, self._job.seed) if died else "",
            potions=state.hero.consumables[potion],
            gold=state.hero.gold,
            first_fights=tuple(self._first_fights),
            state_median=int(median(sizes)),
            state_max=max(sizes),
            forced=self._policy.forced if isinstance(self._policy, Habitual) else 0,
            options={str(option): _counted(counts, score) for option, counts in self._counting.items()},
        )


def _counted(counts: Sequence[float], score: float) -> Counted:
    skipped, taken, then_skipped, then_taken = counts
    return Counted(
        int(skipped + taken),
        int(taken),
        round(score * taken - then_taken, 3),
        round(score * skipped - then_skipped, 3),
    )
