"""True histories hold, whatever the clients met: unknown outcomes, repeats, refusals, late requests."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.checker import Findings, check
from tests.unit.chaos_checker.histories import World


def checked(world: World) -> Findings:
    return check(world.events, world.rows(), world.promotions)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    bots=st.integers(1, 3),
    steps=st.integers(0, 120),
    trouble=st.sampled_from([0.0, 0.2, 0.5, 0.8]),
)
def test_a_true_history_holds(seed: int, bots: int, steps: int, trouble: float) -> None:
    world = World(seed, bots=bots, trouble=trouble)
    world.play(steps)
    world.fault()
    world.settle()
    findings = checked(world)
    assert findings.violations == []
    assert (findings.lost, findings.doubled) == (0, 0)
    assert findings.stored == sum(len(run.inputs) for bot in world.server.values() for run in bot.runs)
    assert findings.silent == []


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    steps=st.integers(1, 80),
    most=st.integers(0, 12),
    trouble=st.sampled_from([0.0, 0.2, 0.5]),
    fail_overs=st.integers(1, 3),
    with_ends=st.booleans(),
)
def test_a_true_history_with_fail_overs_that_lose_commits_holds(
    seed: int, steps: int, most: int, trouble: float, fail_overs: int, with_ends: bool
) -> None:
    world = World(seed, trouble=trouble)
    for _ in range(fail_overs):
        world.play(steps)
        world.fail_over(most, with_ends=with_ends)
    world.play(steps)
    world.fault()
    world.settle()
    findings = checked(world)
    assert findings.violations == []
    assert findings.lost == findings.lacking


def test_a_lost_turn_that_an_unknown_call_played_once_more_is_lost() -> None:
    world = World(1, bots=1, trouble=0.0)
    (client,), (bot,) = world.clients, world.server.values()
    client.start(1)
    client.send("1")
    client.send("1")
    world.fail_over_by(1)
    client.send("1")
    client.look()
    world.trouble = 1.0
    world.kinds_of_trouble = ["lost answer"]
    client.send("1")
    world.trouble = 0.0
    client.act_plainly()
    findings = checked(world)
    assert findings.violations == []
    assert (bot.turn, findings.lost, findings.lacking, findings.applied) == (3, 1, 1, 1)


def test_a_bot_that_begins_its_next_run_after_a_loss_cannot_be_refused() -> None:
    world = World(1, bots=1, trouble=0.0)
    (client,) = world.clients
    client.start(1)
    client.send("1")
    world.fail_over_by(1)
    client.start(2)
    client.send("1")
    findings = checked(world)
    assert findings.violations == []
    assert (findings.lost, findings.lacking, findings.unnoticed) == (1, 1, 1)
    assert "; 1 bots began their next run before they could be refused" in "\n".join(findings.lines())


KEPT = [6, 9, 81, 103]
"""Seeds whose histories a checker with one of the faults of `tests/mutants` takes for false."""


@pytest.mark.parametrize("seed", KEPT)
def test_a_kept_seed_holds(seed: int) -> None:
    chance = random.Random(seed)
    world = World(seed, trouble=chance.choice([0.0, 0.2, 0.5]), bots=chance.randint(1, 3))
    for _ in range(chance.randint(0, 3)):
        world.play(chance.randint(1, 80))
        world.fail_over(chance.randint(0, 12), with_ends=chance.random() < 0.7)
    world.play(chance.randint(1, 100))
    world.fault()
    world.settle()
    findings = checked(world)
    assert findings.violations == []
    assert findings.lost == findings.lacking
