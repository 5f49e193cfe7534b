"""The laws of the rules, which hold for every run and every input."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dungeonfighter import limits
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import GameOptions, State, codec, log, tables
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.character.loot import roll_item
from dungeonfighter.rules.codec import copy
from dungeonfighter.rules.state import Dice, Door, Offer, Phase, RoomPhase
from tests.laws.runs import PICKS, begin, options, walk
from tests.unit.rules.position import combat_state, rules

QUICK = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(options(), PICKS)
def test_encoding_and_decoding_every_turn_keeps_the_game(start: GameOptions, picks: list[int]) -> None:
    for state, text in walk(start, picks):
        once = rules().decode(rules().encode(state))
        assert rules().encode(rules().apply(state, text).state) == rules().encode(
            rules().apply(once, text).state
        )


@QUICK
@given(options(), PICKS)
def test_an_opened_state_plays_and_shows_like_a_decoded_one(start: GameOptions, picks: list[int]) -> None:
    game = rules()
    opened = begin(start)
    for state, text in walk(start, picks):
        raw = game.encode(state)
        assert game.encode(opened) == raw
        opened = game.open_state(raw)
        assert game.encode(opened) == raw
        step = game.advance(opened, text)
        plain = game.apply(state, text)
        assert (step.events, step.reward, step.terminated) == (plain.events, plain.reward, plain.terminated)
        assert game.text(opened, "e1") == game.text(plain.state, "e1")
        assert game.observe(opened) == game.observe(plain.state)
        assert game.legal_inputs(opened) == game.legal_inputs(plain.state)
    game.read(opened)
    assert opened == game.decode(game.encode(opened))


@QUICK
@given(options(), PICKS)
def test_replay_equals_play(start: GameOptions, picks: list[int]) -> None:
    played = [(rules().encode(state), text) for state, text in walk(start, picks)]
    state = begin(start)
    for raw, text in played:
        assert rules().encode(state) == raw
        rules().advance(state, text)


@QUICK
@given(options(), PICKS)
def test_every_legal_input_applies(start: GameOptions, picks: list[int]) -> None:
    for state, _ in walk(start, picks[:25]):
        for choice in rules().legal_inputs(state):
            if not choice.pattern:
                rules().apply(state, choice.input)


@QUICK
@given(options(), PICKS)
def test_1_is_legal_while_the_run_lives(start: GameOptions, picks: list[int]) -> None:
    for state, text in walk(start, picks):
        after = rules().apply(state, text).state
        assert after.over != ("1" in [choice.input for choice in rules().legal_inputs(after)])


@QUICK
@given(options(), PICKS)
def test_apply_does_not_change_the_state_given(start: GameOptions, picks: list[int]) -> None:
    for state, text in walk(start, picks):
        before = rules().encode(state)
        rules().apply(state, text)
        assert rules().encode(state) == before


@QUICK
@given(options(), PICKS, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=48))
def test_a_refused_input_leaves_the_state_unchanged(start: GameOptions, picks: list[int], text: str) -> None:
    for state, _ in walk(start, picks[:20]):
        before = rules().encode(state)
        try:
            rules().advance(copy(state), text)
        except BadInput:
            twin = copy(state)
            with pytest.raises(BadInput):
                rules().advance(twin, text)
            assert rules().encode(twin) == before


@QUICK
@given(options(), PICKS)
def test_no_view_depends_on_the_dice(start: GameOptions, picks: list[int]) -> None:
    for state, _ in walk(start, picks[:30]):
        twin = copy(state)
        twin.dice = Dice(1, 2, 3, 4)
        seen, other = rules().observe(state), rules().observe(twin)
        assert _without_digest(seen) == _without_digest(other)
        assert rules().text(state, "e1") == rules().text(twin, "e1")


def _without_digest(view: object) -> str:
    return repr(view).replace(getattr(view, "digest", ""), "")


@QUICK
@given(options(), PICKS, st.integers(1, 2**63))
def test_drawing_loot_never_changes_a_fight(start: GameOptions, picks: list[int], other: int) -> None:
    for state, text in walk(start, picks):
        if state.phase != Phase.Combat:
            continue
        twin = copy(state)
        twin.dice.loot = other
        after, then = rules().apply(state, text).state, rules().apply(twin, text).state
        assert after.fight == then.fight
        assert after.dice.combat == then.dice.combat


@QUICK
@given(options(), PICKS)
def test_the_state_stays_small(start: GameOptions, picks: list[int]) -> None:
    for state, _ in walk(start, picks):
        assert len(rules().encode(state)) <= 1536
        assert len(log.recent(state)) <= limits.log_events_max


@QUICK
@given(options(), PICKS, st.booleans())
def test_the_log_has_the_events_of_this_turn_and_the_last_ones_before(
    start: GameOptions, picks: list[int], encoded: bool
) -> None:
    expected = log.recent(rules().new_game(start))
    for state, text in walk(start, picks):
        assert log.recent(state) == expected[-limits.log_events_max :]
        before = rules().open_state(rules().encode(state)) if encoded else copy(state)
        step = rules().advance(before, text)
        assert step.state.log[step.state.turn_start :] == step.events[-limits.log_events_max :]
        expected += step.events


@QUICK
@given(options(), PICKS)
def test_the_score_never_falls_and_rewards_sum_to_it(start: GameOptions, picks: list[int]) -> None:
    total = 0
    for state, text in walk(start, picks):
        reward = rules().apply(state, text).reward
        total += reward
        assert reward >= 0
    assert total <= 10_000


@QUICK
@given(options(), PICKS)
def test_a_refresh_changes_no_figures(start: GameOptions, picks: list[int]) -> None:
    for state, _ in walk(start, picks):
        if state.hero.kind < 0:
            continue
        twin = copy(state)
        refresh(rules().catalogue, twin.hero)
        assert twin.hero == state.hero


@QUICK
@given(options(), PICKS)
def test_all_figures_stay_within_their_bounds(start: GameOptions, picks: list[int]) -> None:
    for state, _ in walk(start, picks):
        hero = state.hero
        assert 0 <= hero.health <= hero.figures.health_max
        assert min(hero.gold, hero.xp) >= 0
        assert min(hero.consumables) >= 0
        assert 0 <= hero.scars <= 6
        assert 1 <= len(hero.strip) <= hero.figures.slots or hero.kind < 0
        for event in log.recent(state):
            assert event
            assert all(type(part) is int or part == int(part) for part in event)


@QUICK
@given(options(), PICKS)
def test_a_run_in_a_phase_has_what_the_phase_needs(start: GameOptions, picks: list[int]) -> None:
    for state, _ in walk(start, picks):
        rules().encode(state)
        assert codec._fits(state)
        assert (state.phase == Phase.LevelUp) == bool(state.talent_offer)
        if state.phase == Phase.Dungeon and state.dungeon is not None:
            assert (state.dungeon.phase == RoomPhase.doors) == bool(state.dungeon.doors)


@pytest.mark.parametrize("weapon", range(4))
def test_a_run_of_only_input_1_ends(weapon: int) -> None:
    state = rules().new_game(GameOptions(seed=weapon, mode=1, weapon=weapon))
    for _ in range(3000):
        if state.over:
            break
        rules().advance(state, "1")
    assert state.over


def test_random_ranked_runs_end() -> None:
    for seed in range(6):
        chance = random.Random(seed)
        state = rules().new_game(GameOptions(seed=seed, mode=1, weapon=seed % 4, ranked=True))
        while not state.over:
            choices = [choice.input for choice in rules().legal_inputs(state) if not choice.pattern]
            rules().advance(state, chance.choice(choices))
        assert state.turn <= limits.ranked_turns_max


def test_the_largest_state_fits() -> None:
    """The state has a full bag of mythics, every talent, a fight, a full log and two whole dungeons."""
    state = _largest()
    encoded = rules().encode(state)
    assert len(encoded) <= limits.state_bytes_max
    assert rules().encode(rules().decode(encoded)) == encoded


def _largest() -> State:
    cat = rules().catalogue
    state = combat_state()
    hero = state.hero
    hero.name = "x" * limits.hero_name_chars_max
    items = [roll_item(cat, state.dice, 100, rarity=5) for _ in range(limits.bag_items_max + 8)]
    hero.bag = items[: limits.bag_items_max]
    hero.worn = list(items[20:25])
    hero.talents = list(range(len(cat.talents)))
    hero.class_points = [90, 90, 90, 90]
    hero.stats = [400, 400, 400, 400]
    hero.level, hero.xp, hero.gold = 100, 10**6, 10**9
    refresh(cat, hero)
    hero.strip = hero.figures.known[:8]
    state.world.shop = items[25:26]
    state.world.offers = [Offer(100, 2, 9, enemies=[200] * tables.ROSTER) for _ in range(3)]
    state.world.meters = [-1000, -1000, -400, -1000]
    state.world.cleared = [98, 99, 100]
    state.seed, state.nonce = limits.seed_max, bytes(limits.nonce_bytes)
    state.ascension = limits.ascensions_max
    hero.consumables = [200] * len(cat.consumables)
    fight = state.fight
    assert fight is not None
    fight.hero.statuses[:] = fight.enemy.statuses[:] = [10**6] * len(fight.hero.statuses)
    fight.damage = fight.period = fight.armour = fight.hero_armour = 10**9
    state.reward = [10**6] * 6
    dungeon = state.dungeon
    assert dungeon is not None
    dungeon.stock = items[25:28]  # an elite's spoils, or the wares of a merchant with two goods
    dungeon.offer = [200, 200]
    dungeon.roster = [200] * tables.ROSTER
    dungeon.doors = dungeon.ahead = [Door(6, 2, 200, 200)] * 3
    state.world.held = replace(dungeon)
    state.log = [[60, 10**6, 10**6, 10**6, 10**6, 10**6] for _ in range(limits.log_events_max)]
    return state
