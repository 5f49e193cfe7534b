"""Fifty seeds of everything failing at once, and the seeds that once failed, by name."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import Rules, load_rules
from tests.simulation.world import simulate


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


@pytest.mark.parametrize("seed", range(50))
def test_nothing_is_lost_or_doubled_under_faults_and_all_goes_on_without(rules: Rules, seed: int) -> None:
    summary = simulate(rules, seed)
    assert summary.acknowledged > 0


def test_the_same_seed_is_the_same_simulation(rules: Rules) -> None:
    assert simulate(rules, 7) == simulate(rules, 7)
