"""The tones of events, and the sentences that a turn added to the snapshot."""

from __future__ import annotations

import pytest

from dungeonfighter.rules import codec
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting.common import ENEMY, HERO
from dungeonfighter.rules.state import Band, Intent, Rank, Stance, Status
from dungeonfighter.rules.views.tones import GAIN, HARM, NEITHER, tones
from tests.unit.rules.position import combat_state, hub, play, rules, the_fight

PRESS = next(n for n, row in enumerate(rules().catalogue.events) if row.id == "idle_press")
"""An event whose second option needs a roll of 14."""


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ([Event.HeroAttacked, Stance.attack, 10, Band.hit, -1, 0, 12], GAIN),
        ([Event.HeroMissed, Stance.attack, 3, Band.miss, 0], NEITHER),
        ([Event.HeroMissed, Stance.attack, 1, Band.critical_miss, 0], HARM),
        ([Event.EnemyAttacked, Intent.heavy, 10, Band.hit, 31], HARM),
        ([Event.StatusTicked, HERO, 4], HARM),
        ([Event.StatusTicked, ENEMY, 4], GAIN),
        ([Event.StatusPut, HERO, Status.bleed, 4], HARM),
        ([Event.StatusPut, HERO, Status.shield, 1], GAIN),
        ([Event.StatusPut, ENEMY, Status.bleed, 4], GAIN),
        ([Event.StatusPut, ENEMY, Status.shield, 2], HARM),
        ([Event.HazardStruck, 0, HERO, 6, 3], HARM),
        ([Event.HazardStruck, 0, ENEMY, 6, 3], GAIN),
        ([Event.HeroDied], HARM),
        ([Event.LevelGained, 2], GAIN),
        ([Event.Paid, 20], NEITHER),
        ([Event.OptionTaken, PRESS, 0], NEITHER),
        ([Event.OptionRolled, PRESS, 1, 13, 1], GAIN),
        ([Event.OptionRolled, PRESS, 1, 13, 0], HARM),
        ([Event.RoadMet, PRESS], NEITHER),
    ],
)
def test_the_tone_is_that_for_the_hero(event: list[int], expected: str) -> None:
    assert tones(rules().catalogue, [event]) == expected


def test_the_snapshot_counts_the_sentences_of_this_turn() -> None:
    state = hub()
    for text in ("1", "1", "1"):
        before = rules().observe(state).recent_output
        events = play(state, text).events
        seen = rules().observe(state)
        assert seen.recent_new == len(events)
        assert len(seen.recent_tones) == len(seen.recent_output)
        kept = len(seen.recent_output) - seen.recent_new
        assert seen.recent_output[:kept] == before[len(before) - kept :]


def test_the_count_is_the_same_after_saving_and_loading() -> None:
    state = hub()
    play(state, "1")
    play(state, "1")
    loaded = codec.decode(codec.encode(state))
    assert rules().observe(loaded).recent_new == rules().observe(state).recent_new > 0


@pytest.mark.parametrize("slow", [0, 2])
def test_the_second_action_of_a_pattern_comes_at_the_shown_time(slow: int) -> None:
    state = combat_state(rank=Rank.guardian, at=3000, period=7600, faces=(10,))
    fight = the_fight(state)
    fight.enemy.statuses[Status.slow] = slow
    now = fight.hero.next_at
    shown = rules().observe(state).combat
    assert shown is not None
    play(state, "4")  # the hero acts right after the enemy
    assert fight.enemy.next_at - now == shown.intent_after_in
    assert Intent(fight.intent).name == shown.intent_after


def test_an_unknown_second_action_has_the_ordinary_length() -> None:
    shown = rules().observe(combat_state(at=3000, period=7600)).combat
    assert shown is not None
    assert not shown.intent_after
    assert shown.intent_after_in == 3000 + 7600
