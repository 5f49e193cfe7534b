"""The hub, regions, bosses, death, victory and the score."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from dungeonfighter.rules import GameOptions, State, log, score, tables
from dungeonfighter.rules.character import prices
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.journey import world
from dungeonfighter.rules.journey.hub import wares_open
from dungeonfighter.rules.journey.trades import add_scars
from dungeonfighter.rules.state import Ending, Item, Mode, Phase, Rank, Weapon
from dungeonfighter.rules.talents import Perk
from tests.unit.rules.position import combat_state, hub, inputs, play, rules, the_dungeon


def reached(frontier: int, region: int = 0, bosses: int = 0) -> State:
    """Return a state at the hub with all levels below `frontier` cleared."""
    state = hub()
    state.world.frontier, state.world.region, state.world.bosses = frontier, region, bosses
    state.world.offers = world.draw_offers(rules().catalogue, state)
    return state


def levels(state: State) -> list[int]:
    return [offer.level for offer in state.world.offers]


@pytest.mark.parametrize(
    ("frontier", "region", "expected"),
    [(1, 0, [1, 2]), (5, 0, [5, 4, 6]), (10, 0, [10, 9]), (11, 1, [11, 10, 12])],
)
def test_the_hub_offers_the_lowest_uncleared_level_and_its_neighbours(
    frontier: int, region: int, expected: list[int]
) -> None:
    assert levels(reached(frontier, region, region)) == expected


def test_the_boss_is_due_when_the_regions_levels_are_cleared() -> None:
    assert [offer.boss for offer in reached(11).world.offers] == [True, False, False]


def test_a_beaten_boss_is_not_due() -> None:
    assert not any(offer.boss for offer in reached(11, bosses=1).world.offers)


def test_clearing_out_of_order_keeps_the_gap() -> None:
    state = hub()
    cat = rules().catalogue
    world.clear(cat, state, 2, False)
    assert (state.world.frontier, world.is_cleared(state.world, 2)) == (1, True)


def test_clearing_the_gap_moves_the_frontier() -> None:
    state = hub()
    cat = rules().catalogue
    world.clear(cat, state, 2, False)
    world.clear(cat, state, 1, False)
    assert (state.world.frontier, state.world.cleared) == (3, [])


def test_a_level_has_one_first_clear() -> None:
    state = hub()
    world.clear(rules().catalogue, state, 1, False)
    assert not world.clear(rules().catalogue, state, 1, False)


def test_without_a_beaten_boss_there_is_no_travel() -> None:
    assert "3" not in inputs(hub())


def travelled() -> State:
    state = reached(11, bosses=1)
    play(state, "3")
    play(state, "1")
    while state.phase == Phase.RegionTravel:
        play(state, "1")
    return state


def test_travel_reaches_the_next_region() -> None:
    assert travelled().world.region == 1


def test_travel_has_three_events() -> None:
    assert sum(event[0] == Event.TravelEvent for event in log.recent(travelled())) == 3


def test_camping_heals_for_some_turns() -> None:
    state = hub()
    state.hero.health = 1
    play(state, "4")
    most = state.hero.figures.health_max
    assert state.hero.health == min(most, 1 + most * tables.CAMP // 1000)
    assert state.world.spent == tables.CAMP_TURNS


def test_a_hero_at_full_health_cannot_camp() -> None:
    assert "4" not in inputs(hub())


@pytest.mark.parametrize(("text", "good"), [("5", 5), ("8", 6), ("9", 7)])
def test_the_hub_sells_a_few_of_each_consumable(text: str, good: int) -> None:
    state = hub()
    state.hero.gold = 1000
    number = rules().catalogue.consumable_at[good]
    state.hero.consumables = [0] * len(state.hero.consumables)
    for sold in range(1, tables.STOCK[good] + 1):
        play(state, text)
        assert state.hero.consumables[number] == sold
    assert text not in inputs(state)


@pytest.mark.parametrize("cheap", [0, 800, 777])
def test_the_purse_is_the_highest_full_price_that_the_hero_can_pay(cheap: int) -> None:
    hero = hub().hero
    perks = list(hero.figures.perks)
    perks[Perk.cheap_potions] = cheap
    hero.figures = replace(hero.figures, perks=perks)
    for gold in (0, 1, 39, 40, 41, 1000):
        hero.gold = gold
        for level in range(1, 60):
            thing = Item(base=0, level=level, rarity=level % 6, value=1)
            full = prices.ITEMS[level][level % 6]
            assert (prices.purse(hero) >= full) == (gold >= prices.item(hero, thing))


def test_the_open_wares_are_those_that_the_hero_can_pay() -> None:
    cat = rules().catalogue
    potion, bomb, ration = (cat.consumable_at[n] for n in (5, 6, 7))
    for gold in range(120):
        state = hub()
        hero, here = state.hero, state.world
        hero.gold, here.rerolls = gold, gold % 3
        paid = gold >= prices.good(cat, hero, potion), gold >= prices.item(hero, here.shop[0])
        others = (gold >= prices.good(cat, hero, good) for good in (bomb, ration))
        can = (
            *paid, gold >= prices.reroll(hero, here), *others,
            gold >= prices.reroll(hero, here, chosen=True),
        )  # fmt: skip
        assert wares_open(cat, state) == sum(yes << bit for bit, yes in enumerate(can))


def test_a_potion_costs_25_and_8_a_level() -> None:
    state = hub()
    state.hero.gold = 100
    play(state, "5")
    assert state.hero.gold == 100 - 33


def test_the_item_on_sale_is_bought_once() -> None:
    state = hub()
    state.hero.gold = 10_000
    play(state, "6")
    assert (len(state.hero.bag), "6" in inputs(state)) == (1, False)


def test_each_reroll_costs_more() -> None:
    state = hub()
    before = prices.reroll(state.hero, state.world)
    state.hero.gold = 1000
    play(state, "7")
    assert prices.reroll(state.hero, state.world) == 2 * before


def test_a_new_visit_restocks_only_after_a_first_clear() -> None:
    state = hub()
    state.hero.gold = 1000
    state.hero.consumables = [0] * len(state.hero.consumables)
    for text in ("5", "1", "1", "9"):
        play(state, text)
    assert state.world.potions_left == tables.STOCK[5] - 1
    world.first_clear(rules().catalogue, state)
    for text in ("dungeon 1", "9"):
        play(state, text)
    assert state.world.potions_left == tables.STOCK[5]


def test_the_price_of_a_reroll_falls_back_when_the_hub_restocks() -> None:
    state = hub()
    state.hero.gold = 1000
    play(state, "7")
    play(state, "7")
    for first_clear, rerolls in ((False, 2), (True, 0)):
        if first_clear:
            world.first_clear(rules().catalogue, state)
        for text in ("dungeon 1", "9"):
            play(state, text)
        assert state.world.rerolls == rerolls


def test_the_hero_camps_once_a_visit() -> None:
    state = hub()
    state.hero.health = 1
    play(state, "4")
    state.hero.health = 1
    assert "4" not in inputs(state)
    for text in ("dungeon 1", "9"):
        play(state, text)
    assert "4" in inputs(state)


def test_a_scar_beyond_the_last_costs_health() -> None:
    state = hub()
    state.hero.scars = tables.SCARS_MAX
    refresh(rules().catalogue, state.hero)
    state.hero.health = most = state.hero.figures.health_max
    add_scars(rules().catalogue, state)
    assert state.hero.scars == tables.SCARS_MAX
    assert state.hero.health == most - most * tables.SCAR_BEYOND // 1000
    state.hero.health = 2
    add_scars(rules().catalogue, state)
    assert state.hero.health == 1


def test_input_0_goes_back() -> None:
    state = hub()
    play(state, "1")
    play(state, "0")
    assert state.phase == Phase.GameLoop


def dead(mode: Mode = Mode.casual) -> State:
    state = combat_state(faces=(10, 10), at=1)
    state.mode = int(mode)
    state.hero.health = 1
    play(state, "1")
    return state


def test_a_clone_keeps_the_level() -> None:
    state = dead()
    state.hero.level = 7
    play(state, "1")
    assert (state.hero.level, state.phase) == (7, Phase.GameLoop)


def test_a_clone_has_only_a_plain_weapon() -> None:
    state = dead()
    play(state, "1")
    worn = state.hero.worn
    assert worn[0] is not None
    assert worn[0].affixes == []
    assert worn[1:] == [None] * 4


def test_a_casual_run_can_end_with_death() -> None:
    state = dead()
    step = play(state, "2")
    assert (step.terminated, state.ending) == (True, Ending.died)


@pytest.mark.parametrize("mode", [Mode.ironman, Mode.daily])
def test_death_ends_a_hard_run(mode: Mode) -> None:
    state = dead(mode)
    assert (state.over, state.ending, inputs(state)) == (True, Ending.died, [])


def beat_the_last_boss() -> State:
    cat = rules().catalogue
    state = combat_state(faces=(10,), health=1, rank=Rank.boss, against=cat.boss_of_region[2])
    state.world.region = state.world.bosses = 2
    state.world.frontier, state.world.first_clears = 31, 30
    dungeon = the_dungeon(state)
    dungeon.boss, dungeon.room, dungeon.level = True, dungeon.rooms, 30
    state.hero.talents = list(range(len(cat.talents)))
    play(state, "1")
    play(state, "1")
    return state


def test_the_third_boss_ends_in_victory() -> None:
    assert beat_the_last_boss().phase == Phase.Victory


def test_a_won_run_scores_100() -> None:
    assert score.score(beat_the_last_boss()) == 10_000


def test_a_won_run_can_end() -> None:
    state = beat_the_last_boss()
    step = play(state, "2")
    assert (step.terminated, state.ending) == (True, Ending.won)


def test_a_won_run_can_go_on_without_end() -> None:
    state = beat_the_last_boss()
    play(state, "1")
    assert levels(state) == [31, 30, 32]


def test_a_ranked_run_ends_after_3000_turns() -> None:
    state = hub(ranked=True)
    state.world.spent = 2999
    step = play(state, "1")
    assert (step.truncated, step.terminated, state.over, state.ending) == (True, False, True, Ending.turns)


def test_an_unranked_run_has_no_limit_of_turns() -> None:
    state = hub()
    state.world.spent = 2999
    assert not play(state, "1").truncated


def test_a_level_is_worth_3_points() -> None:
    state = hub()
    state.world.first_clears = 4
    assert score.score(state) == 1200


def test_a_boss_is_worth_3_points() -> None:
    state = hub()
    state.world.bosses = 1
    assert score.score(state) == 300


def test_levels_beyond_30_score_no_points() -> None:
    state = hub()
    state.world.first_clears = 50
    assert score.score(state) == 9000


def test_experience_is_worth_at_most_a_point() -> None:
    state = hub()
    state.world.xp_since_clear = 10**6
    assert score.score(state) == 100


def test_experience_is_a_share_of_ten_units() -> None:
    state = hub()
    state.world.xp_since_clear = 5 * tables.unit(1)
    assert score.score(state) == 50


def test_the_reward_is_the_score_gained() -> None:
    step = play(combat_state(faces=(10,), health=1), "1")
    assert step.reward == score.score(step.state) > 0


def test_weapon_choice_is_the_first_state() -> None:
    state = rules().new_game(GameOptions(seed=5))
    play(state, "3")
    assert (state.phase, state.hero.kind) == (Phase.GameLoop, Weapon.dagger)


def test_a_beaten_boss_opens_the_next_region() -> None:
    state = reached(11)
    cat = rules().catalogue
    assert world.clear(cat, state, 10, True)
    assert world.open_regions(cat, state.world) == [1]


def test_victory_is_logged() -> None:
    assert any(event[0] == Event.GameWon for event in log.recent(beat_the_last_boss()))


def test_dungeon_n_enters_from_the_hub_in_one_input() -> None:
    state = hub()
    play(state, "dungeon 2")
    assert (the_dungeon(state).level, state.turn) == (2, 1)
