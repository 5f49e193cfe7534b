"""What a view says of the attacks, the guard, the flight and the enemy's action is what the fight then does.

Each law plays one input from the same position with many dice. The room may act at any time, so its acts are
excluded.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from dungeonfighter.rules import State, codec, tables
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting.statuses import CONFUSION
from dungeonfighter.rules.state import Band, Intent, Phase, Rank, Status
from dungeonfighter.rules.talents import NUMBERS
from dungeonfighter.rules.views.observation import CombatView, StanceView
from tests.laws.test_forecasts import ACTED, afflicted, shown, undisturbed
from tests.unit.content.playing import states
from tests.unit.rules.position import ANY, combat_state, roll, rules, the_fight

TOUGH = 1000
"""The factor on the enemy's health with which no attack kills it."""
FACES = tuple(range(1, 21))
EXACT = 0.51
"""Percent points by which a chance may differ: it is rounded to a whole percent."""


def fights(policy: str, seeds: range, chance: random.Random) -> Iterator[State]:
    """Yield fights of runs, and the same fights with more statuses, talents and gear that matters here."""
    for seed in seeds:
        for state in states(seed, 300, policy):
            if state.phase != Phase.Combat:
                continue
            yield state
            odd = afflicted(codec.copy(state), chance)
            figures = codec.copy(state).hero.figures
            for name in (
                "gambler",
                "precise_combo",
                "executioner",
                "last_stand",
                "giant_slayer",
                "opener_crit",
            ):
                if chance.random() < 0.3:
                    perks = list(figures.perks)
                    perks[NUMBERS[name]] = {"precise_combo": 3, "opener_crit": 10}.get(name, 1500)
                    figures.perks = perks
            odd.hero.figures = figures
            the_fight(odd).opening = chance.random() < 0.3
            yield odd


def strikes(state: State, stance: int, count: int, chance: random.Random) -> Iterator[list[list[int]]]:
    """Yield the events of an attack in this stance, with other dice each time."""
    for _ in range(count):
        twin = undisturbed(state, chance.randrange(2**63))
        yield rules().advance(twin, str(stance)).events


@pytest.mark.long
def test_an_attack_deals_what_its_range_says() -> None:
    chance = random.Random(68)
    reached = compared = 0
    for state in fights("heuristic", range(3), chance):
        for stance in shown(state).stances:
            dealt = []
            for events in strikes(state, int(stance.input), 6, chance):
                struck = [event for event in events if event[0] == Event.HeroAttacked]
                dealt += [event[6] for event in struck[:1]]
            compared += len(dealt)
            assert all(stance.damage_min <= lost <= stance.damage_max for lost in dealt), (stance, dealt)
            reached += sum(lost in (stance.damage_min, stance.damage_max) for lost in dealt)
    assert compared > 1000
    assert reached > compared // 4, "the bounds are those of a hit, a combo and a critical"


def outcome(state: State, stance: StanceView, face: int) -> tuple[bool, bool, bool, bool]:
    """Play one face of the die; return whether it hit, was a combo or critical, interrupted, or missed."""
    twin = codec.copy(state)
    fight = the_fight(twin)
    fight.hazards, fight.luck, fight.hero.statuses[CONFUSION] = tables.HAZARDS_MAX, 0, 0
    fight.health, fight.health_max = fight.health * TOUGH, fight.health_max * TOUGH
    roll(twin, face)
    events = rules().advance(twin, stance.input).events
    bands = [event[3] for event in events if event[0] in (Event.HeroAttacked, Event.HeroMissed)]
    if not bands:
        return False, False, False, False
    stopped = any(event[0] == Event.Interrupted for event in events)
    return bands[0] >= Band.hit, bands[0] >= Band.combo, stopped, bands[0] == Band.miss


def chances(state: State, stance: StanceView) -> list[float]:
    """Return the chances in percent of a hit, of a combo, and of an interruption, by all faces of the die."""
    played = [outcome(state, stance, face) for face in FACES]
    *counts, misses = (sum(one) for one in zip(*played, strict=True))
    fight = the_fight(state)
    rerolls = 1 + misses / 20 if fight.luck else 1
    share = 0.5 if fight.hero.statuses[CONFUSION] else 1
    return [5 * count * rerolls * share for count in counts]


def test_the_chances_of_an_attack_are_those_of_the_die() -> None:
    chance = random.Random(7)
    compared = stopped = 0
    for state in fights("heuristic", range(2), chance):
        if chance.random() < 0.85:
            continue
        for stance in shown(state).stances:
            shown_chances = [stance.hit_chance, stance.combo_chance, stance.interrupt_chance]
            for percent, exact in zip(shown_chances, chances(state, stance), strict=True):
                assert abs(percent - exact) <= EXACT, (stance, exact)
            compared += 1
            stopped += stance.interrupt_chance > 0
    assert compared > 100
    assert stopped > 10


def first_of_the_enemy(events: list[list[int]]) -> list[int]:
    """Return the event of the enemy's first action if it hits, else []."""
    first = next((event for event in events if event[0] in ACTED or event[:2] == [Event.StruckSelf, 1]), [0])
    return first if first[0] == Event.EnemyAttacked else []


@pytest.mark.long
def test_a_hit_and_a_critical_of_the_enemy_deal_what_the_view_says() -> None:
    """The hero attacks plainly or with power, without a combo, or guards."""
    chance = random.Random(11)
    hits = exposed = criticals = guards = 0
    for state in fights("heuristic", range(4), chance):
        seen = shown(state)
        if not seen.incoming:
            continue
        for stance in ("1", "4") if seen.opening else ("1", "3", "4"):
            twin = undisturbed(state, chance.randrange(2**63))
            events = rules().advance(twin, stance).events
            struck = first_of_the_enemy(events)
            disturbed = any(event[0] == Event.HeroAttacked and event[3] >= Band.combo for event in events)
            disturbed |= any(event[0] == Event.HeroMissed and event[3] < Band.miss for event in events)
            if not struck or disturbed or [Event.Stunned, 1] in events:
                continue
            is_critical = struck[3] == Band.critical
            if stance == "4":
                guards += 1
                assert struck[4] == seen.guarded or is_critical
            elif stance == "3":
                if not any(event[0] in (Event.HeroAttacked, Event.HeroMissed) for event in events):
                    continue  # confusion took the attack
                exposed += 1
                assert struck[4] == seen.incoming_exposed or is_critical
            elif is_critical:
                criticals += 1
                assert struck[4] == seen.incoming_critical
            else:
                hits += 1
                assert struck[4] == seen.incoming
    assert hits > 50
    assert exposed > 30
    assert criticals > 3
    assert guards > 50


def test_a_guard_that_is_early_leaves_time_for_an_action_before_the_enemy() -> None:
    chance = random.Random(12)
    early = 0
    for state in fights("heuristic", range(2), chance):
        seen = shown(state)
        if seen.guard != "early":
            continue
        early += 1
        assert seen.enemy_acts_in >= seen.hero_acts_in
        before = the_fight(state).hero.next_at
        twin = undisturbed(state, 5)
        rules().advance(twin, "4")
        if twin.fight is not None and not the_fight(state).enemy.statuses[Status.stun]:
            assert twin.fight.hero.next_at > before + seen.hero_acts_in
    assert early > 30


def test_a_stun_of_the_enemy_makes_a_guard_useless() -> None:
    state = combat_state(at=3000, intent=Intent.heavy, period=10_000)
    the_fight(state).enemy.statuses[Status.stun] = 1
    assert shown(state).guard == "useless"
    rules().advance(state, "4")
    assert not the_fight(state).guarding
    assert the_fight(state).enemy.next_at == 13_000


@pytest.mark.long
def test_a_follow_up_comes_before_the_next_action_and_no_harder_than_shown() -> None:
    chance = random.Random(13)
    seen_twice = 0
    for state in fights("heuristic", range(6), chance):
        seen = shown(state)
        twin = undisturbed(state, chance.randrange(2**63))
        events = rules().advance(twin, "1").events
        hero = [event for event in events if event[0] in (Event.HeroAttacked, Event.HeroMissed)]
        if not hero or hero[0][3] in (Band.combo, Band.critical, Band.critical_miss):
            continue
        acts = [event for event in events if event[0] in (Event.EnemyAttacked, Event.EnemyMissed)]
        if len(acts) < 2 or acts[0][3] == Band.critical_miss or [Event.Stunned, 0] in events:
            continue
        if any(event[0] in (Event.StatusPut, Event.BossChanged, Event.Stunned) for event in events):
            continue
        seen_twice += 1
        assert seen.follow_up
        assert seen.follow_up_in < seen.hero_acts_in
        if acts[1][0] == Event.EnemyAttacked and acts[1][3] == Band.hit and acts[0][0] == Event.EnemyAttacked:
            assert acts[1][4] <= seen.follow_up_damage
            if seen.rank != "normal":
                assert (Intent(acts[1][1]).name, acts[1][4]) == (seen.follow_up, seen.follow_up_damage)
    assert seen_twice > 5


@pytest.mark.parametrize("agility", [3, 12, 13, 40, 90])
def test_a_flight_succeeds_as_often_as_shown(agility: int) -> None:
    state = combat_state(rank=Rank.guardian, at=1)
    state.hero.figures = replace(state.hero.figures, agility=agility)
    shown_chances = shown(state).flee_chance
    fled = 0
    for face in FACES:
        twin = codec.copy(state)
        twin.hero.health = 10**6
        roll(twin, ANY, face)  # the enemy strikes first
        codes = [event[0] for event in rules().advance(twin, "8").events]
        fled += Event.HeroFled in codes
    assert shown_chances == 5 * fled


def test_the_text_has_the_figures_of_the_snapshot() -> None:
    chance = random.Random(14)
    for state in fights("heuristic", range(2), chance):
        seen = shown(state)
        _check_text(rules().text(state, "e1"), seen, state)


def _check_text(text: str, seen: CombatView, state: State) -> None:
    line = text.rpartition("\n")[2]
    for stance in seen.stances:
        damage = f"{stance.damage_min}-{stance.damage_max}"
        assert (
            f"{stance.input} {stance.name} {stance.hit_chance}{'%' * (stance.input == '1')}:{damage}" in line
        )
    if seen.incoming and not seen.guard:
        assert f"|4 guard {seen.guarded}" in line
    if seen.guard == "early":
        assert "|4 guard |" in line
    assert ("|4 guard no use" in line) == (seen.guard == "useless")
    assert (f"|8 flee {seen.flee_chance} " in line) == seen.can_flee
    assert f"L{seen.level} " in text
    assert seen.archetype in text
    if seen.armour:
        assert f" armour {seen.armour}" in text
    kills = seen.incoming_critical >= state.hero.health
    if seen.incoming:
        assert (f"{seen.incoming}-{seen.incoming_critical} in " in text) == kills
