"""The forecasts of a fight's view come true: the laws play on from the position and compare.

The room may act at any time, so its acts are excluded. A combo can change every figure, so a forecast is
about plain attacks without one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dungeonfighter.rules import GameOptions, State, codec, tables
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.state import Band, Intent, Phase, Status
from dungeonfighter.rules.views.observation import CombatView
from tests.laws.runs import PICKS, options, walk
from tests.unit.content.playing import states
from tests.unit.rules.position import combat_state, rules, the_fight

QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
HERO, ENEMY = 0, 1
ACTED = {
    Event.EnemyAttacked, Event.EnemyMissed, Event.EnemyDefended, Event.EnemyHealed, Event.EnemyFled,
    Event.EnemyPrepared,
}  # fmt: skip


def fights(start: GameOptions, picks: list[int], seed: int) -> Iterator[State]:
    """Yield the fights of a run, each as it is and with more statuses on both sides."""
    chance = random.Random(seed)
    for state, _ in walk(start, picks):
        if state.phase == Phase.Combat:
            yield codec.copy(state)
            yield afflicted(codec.copy(state), chance)


def afflicted(state: State, chance: random.Random) -> State:
    fight = the_fight(state)
    for fighter in (fight.hero, fight.enemy):
        fighter.statuses = [chance.choice((0, 0, 0, 1, 1, 2)) for _ in Status]
    fight.hero.statuses[Status.stun] = 0  # the hero acts now
    fight.enemy.statuses[Status.stun] = chance.randrange(2)
    fight.enemy.statuses[Status.pierce] = 0  # nothing gives it to an enemy
    return state


def undisturbed(state: State, seed: int) -> State:
    """Return a copy with other dice, in which the room does not act."""
    twin = codec.copy(state)
    rules().reseed(twin, seed)
    the_fight(twin).hazards = tables.HAZARDS_MAX
    return twin


def shown(state: State) -> CombatView:
    seen = rules().observe(state).combat
    assert seen is not None
    return seen


def check(state: State, seed: int) -> int:
    """Attack plainly until the enemy has acted; return the number of its hits that were compared."""
    seen = shown(state)
    twin = undisturbed(state, seed)
    due = the_fight(twin).hero.next_at + seen.enemy_acts_in
    after_a_miss = time_of(twin, tables.CRITICAL_MISS_LENGTH)
    first = True
    while twin.fight is not None and twin.phase == Phase.Combat and not twin.over:
        now = twin.fight.hero.next_at
        events = rules().advance(twin, "1").events
        hero = [event for event in events if event[0] in (Event.HeroAttacked, Event.HeroMissed)]
        enemy = [event for event in events if event[0] in ACTED or event[:2] == [Event.StruckSelf, ENEMY]]
        band = hero[0][3] if hero else Band.miss
        if band >= Band.combo:
            return 0
        if first and band == Band.hit:
            assert hero[0][6] == seen.outgoing
        missed = band == Band.critical_miss
        took = own_time(twin, events, now)
        if first:
            took = after_a_miss if missed else seen.hero_acts_in
        lasts = after(twin) is not None
        if first and not missed and (enemy or lasts):
            assert seen.enemy_first == bool(enemy)
        if enemy:
            assert now <= due
            assert took is None or due < now + took
            return 0 if missed else compare(seen, enemy[0])
        if missed or not lasts:
            return 0
        assert took is None or due >= now + took
        first = False
    return 0


def time_of(state: State, length: int) -> int:
    """Return the time that an action of the hero takes; `length` is permille of a plain attack."""
    time = state.hero.figures.period * length // 1000
    return time * tables.SLOWED // 1000 if the_fight(state).hero.statuses[Status.slow] else time


def after(twin: State) -> int | None:
    """Return the time of the hero's next action; None if the fight is over."""
    return None if twin.fight is None else twin.fight.hero.next_at


def own_time(twin: State, events: list[list[int]], began: int) -> int | None:
    """Return the time that the hero's action took; None if the state no longer shows it."""
    time = after(twin)
    return None if time is None or [Event.Stunned, HERO] in events else time - began


def compare(seen: CombatView, event: list[int]) -> int:
    if event[0] == Event.EnemyAttacked and event[3] == Band.hit:
        assert Intent(event[1]).name == seen.intent
        assert event[4] == seen.incoming
        return 1
    return 0


@QUICK
@given(options(), PICKS, st.integers(0, 2**32))
def test_what_a_fight_foretells_comes_true(start: GameOptions, picks: list[int], seed: int) -> None:
    for state in fights(start, picks, seed):
        check(state, seed)


@pytest.mark.parametrize("policy", ["heuristic", "random", "attack"])
def test_what_is_foretold_in_the_run_of_a_policy_comes_true(policy: str) -> None:
    compared = 0
    for seed in range(6):
        chance = random.Random(seed)
        for state in states(seed, 400, policy):
            if state.phase == Phase.Combat:
                compared += check(state, chance.randrange(2**32))
                compared += check(afflicted(state, chance), chance.randrange(2**32))
    assert compared > 30


@QUICK
@given(options(), PICKS, st.integers(0, 2**32))
def test_power_is_safe_where_the_rules_say_so(start: GameOptions, picks: list[int], seed: int) -> None:
    """`RULES` says: if the enemy acts no sooner than the hero after a critical miss or a long action."""
    for state in fights(start, picks, seed):
        seen = shown(state)
        strip = state.hero.strip
        action = rules().catalogue.actions[strip[the_fight(state).step % len(strip)]]
        if seen.enemy_acts_in >= max(time_of(state, n) for n in (tables.CRITICAL_MISS_LENGTH, action.length)):
            twin = codec.copy(state)
            rules().reseed(twin, seed)
            codes = {event[0] for event in rules().advance(twin, "3").events}
            assert not codes & ACTED


@QUICK
@given(options(), PICKS, st.integers(0, 2**32))
def test_the_text_foretells_what_the_snapshot_does(start: GameOptions, picks: list[int], seed: int) -> None:
    for state in fights(start, picks[:60], seed):
        seen = shown(state)
        text = rules().text(state, "e1")
        then = f" then {seen.intent_after}" if seen.intent_after else ""
        tenths = seen.enemy_acts_in // 1000 == seen.hero_acts_in // 1000
        its, mine = (
            f"{time / 1000:.1f}" if tenths else str(time // 1000)
            for time in (seen.enemy_acts_in, seen.hero_acts_in)
        )
        until = "for" if seen.intent == Intent.defend.name else "in"
        assert f" {until} {its}{then}" in text
        assert f" next {mine}," in text
        if seen.incoming:
            assert f" {seen.incoming}" in text


def test_a_stunned_enemy_acts_one_period_later() -> None:
    """It skips its action at 3 s, and acts a period of 10 s after that."""
    state = combat_state(at=3000, intent=Intent.heavy, period=10_000)
    the_fight(state).enemy.statuses[Status.stun] = 1
    seen = shown(state)
    assert (seen.enemy_acts_in, seen.enemy_first) == (13_000, False)
    assert ": heavy " in rules().text(state, "e1")
    assert " in 13\n" in rules().text(state, "e1")
    the_fight(state).enemy.statuses[Status.slow] = 2
    assert shown(state).enemy_acts_in == 18_000


def test_a_status_that_ends_before_the_hit_is_not_counted() -> None:
    state = combat_state(at=3000, intent=Intent.normal)
    plain = shown(state).incoming
    the_fight(state).hero.statuses[Status.weaken] = 1
    assert shown(state).incoming == plain
    the_fight(state).hero.statuses[Status.weaken] = 2
    assert shown(state).incoming == plain * 3 // 2


def test_acid_counts_before_it_has_eaten_the_armour() -> None:
    state = combat_state(at=3000, intent=Intent.normal, hero_armour=5)
    plain = shown(state).incoming
    the_fight(state).hero.statuses[Status.acid] = 2
    assert shown(state).incoming == plain + 2


def test_the_last_stand_counts_when_a_status_will_bring_it() -> None:
    state = combat_state(talents=("last_stand",), faces=(9,))
    hero = state.hero
    hero.health = hero.figures.health_max * 3 // 10 + 1
    the_fight(state).hero.statuses[Status.burn] = 5
    promised = shown(state).outgoing
    events = rules().advance(state, "1").events
    assert [event[6] for event in events if event[0] == Event.HeroAttacked] == [promised]


def test_a_natural_1_lets_the_enemy_act_first() -> None:
    """This is the exception that the rules name."""
    state = combat_state(intent=Intent.normal, faces=(1, 20))
    the_fight(state).enemy.next_at = shown(state).hero_acts_in + 1
    assert not shown(state).enemy_first
    codes = {event[0] for event in rules().advance(state, "3").events}
    assert codes & ACTED
