"""Every word of the game has an explanation, and its figures are those of the tables."""

from __future__ import annotations

from typing import Any

import pytest

from dungeonfighter.rules import GameOptions, tables
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.state import Intent, Item, Mode, Rank, RoomKind, State, Status
from dungeonfighter.rules.views.sentences import STATUSES
from dungeonfighter.terminal import explanations, manual, place_words
from dungeonfighter.terminal.canvas import ASCII, Canvas
from dungeonfighter.terminal.facts import facts
from dungeonfighter.terminal.spans import plain
from tests.unit.rules.position import (
    cleared,
    combat_state,
    doors,
    hub,
    play,
    room,
    rules,
    teach,
    the_dungeon,
    the_fight,
)


def test_every_status_and_intent_is_explained() -> None:
    assert list(explanations.STATUSES) == list(STATUSES)
    assert list(explanations.INTENTS) == [intent.name for intent in Intent]


def test_every_habit_and_kind_of_room_is_explained() -> None:
    habits = {enemy.habit for enemy in rules().catalogue.enemies} - {""}
    assert habits <= {*explanations.HABITS, *explanations.INTENTS}
    assert set(explanations.ROOMS) == {*(kind.name for kind in RoomKind), "dark"}


def test_every_mode_is_explained() -> None:
    assert all(explanations.of(mode.name) for mode in Mode)


def test_an_explanation_has_the_figure_of_the_rules() -> None:
    assert f"x{tables.INTENT_DAMAGE[Intent.heavy] / 1000:g} " in explanations.of("heavy")
    assert f"x{tables.WEAKENED / 1000:g} " in explanations.of("weaken")


@pytest.mark.parametrize("word", explanations.words())
def test_every_listed_word_is_found(word: str) -> None:
    assert explanations.of(word)


@pytest.mark.parametrize(("word", "expected"), [("blead", "bleed"), ("guad", "guard"), ("xyz", "? words")])
def test_an_unknown_word_gets_a_way_out(word: str, expected: str) -> None:
    assert expected in " ".join(map(plain, manual.explain_word(word, Canvas(80, ASCII))))


def explained(state: State) -> str:
    known = facts(rules().catalogue, rules().observe(state))
    lines = manual.explain(rules().observe(state), Canvas(80, ASCII), known)
    return "\n".join(map(plain, lines))


@pytest.mark.parametrize(
    ("word", "position"),
    [
        ("hits", {}),
        ("damage", {}),
        ("die", {}),
        ("strip", {}),
        ("time line", {}),
        ("stirring", {}),
        ("guardian", {}),
        ("beast", {}),
        ("about", {}),
        ("interrupts", {"intent": Intent.charge}),
        ("exposed", {}),
        ("opening", {"opening": True}),
        ("luck", {"luck": 1}),
        ("room", {"hit": -1}),
        ("armour", {"armour": 3}),
        ("elite", {"rank": Rank.elite}),
        ("boss", {"rank": Rank.boss}),
    ],
)
def test_everything_on_the_screen_of_a_fight_is_explained_there(word: str, position: dict[str, Any]) -> None:
    assert f"  {word}: " in explained(combat_state(**position))


@pytest.mark.parametrize(
    "word", ["interrupts", "opening", "luck", "room", "armour", "elite", "boss", "about"]
)
def test_what_the_screen_of_a_fight_does_not_show_is_not_explained(word: str) -> None:
    assert f"  {word}: " not in explained(combat_state(intent=Intent.defend))


def test_an_enemy_of_a_class_a_habit_and_undead_is_explained() -> None:
    cat = rules().catalogue
    number = next(n for n, row in enumerate(cat.enemies) if row.undead and row.hero_class and row.habit)
    text = explained(combat_state(against=number))
    assert all(f"  {word}: " in text for word in ("class", "habit", "undead", cat.enemies[number].habit))


def test_the_statuses_of_both_sides_are_explained_with_what_they_do_now() -> None:
    state = combat_state(level=10)
    the_fight(state).enemy.statuses[Status.bleed] = 3
    the_fight(state).hero.statuses[Status.slow] = 2
    text = " ".join(explained(state).split())
    assert (
        "bleed 3 on it: costs health for each point at own attacks only, then falls by 1: now loses " in text
    )
    assert f"loses {3 * tables.STATUS_DAMAGE[10]} hp" in text
    assert "slow 2 on you: needs +50% time for 2 actions" in text


def test_the_actions_and_the_bonuses_of_the_strip_are_explained() -> None:
    state = combat_state()
    numbers = {row.id: number for number, row in enumerate(rules().catalogue.actions)}
    state.hero.class_points = [5, 0, 0, 0]
    refresh(rules().catalogue, state.hero)
    state.hero.strip = [numbers["battle_roar"], numbers["slam"]]
    text = explained(state)
    assert "  opener: " in text
    assert "  Battle Roar: Opener: " in text
    assert "  finisher: " not in text


@pytest.mark.parametrize(
    ("word", "figure"),
    [
        ("interrupts", f"x{tables.INTERRUPT_DELAY / 1000:g} "),
        ("opening", f"x{tables.OPENING / 1000:g} "),
        ("exposed", f"x{tables.EXPOSED / 1000:g} "),
        ("set up", f"{tables.SET_UP_BONUS // 10} %"),
        ("opener", f"{tables.EDGE_BONUS // 10} %"),
        ("stirring", f"{tables.STALE_STEP // 10} % for every {tables.STALE_EVERY} turns"),
        ("guardian", f"{tables.GATHER // 10} % "),
        ("class", f"x{tables.WHEEL / 1000:g} "),
    ],
)
def test_the_words_of_a_fight_and_of_the_clocks_have_the_figures_of_the_tables(
    word: str, figure: str
) -> None:
    assert figure in explanations.of(word)


def test_outside_of_fights_both_clocks_and_the_purse_are_explained() -> None:
    text = explained(doors(level=3))
    assert all(f"  {word}: " in text for word in ("score", "xp", "gold", "stirring", "guardian"))
    assert "  guardian: " not in explained(hub())
    assert "  turns left: " in explained(hub(mode=int(Mode.short)))


def test_the_hero_names_the_talents_with_their_figures() -> None:
    state = hub()
    teach(state, "executioner")
    known = facts(rules().catalogue, rules().observe(state))
    text = "\n".join(map(plain, manual.hero(rules().observe(state), Canvas(80, ASCII), known)))
    assert f"  Executioner: talent; {known.talents['Executioner']}" in text
    assert "(1 slot)" in text


def test_a_talent_and_an_action_of_an_item_are_words_too() -> None:
    state = hub()
    teach(state, "executioner")
    known = facts(rules().catalogue, rules().observe(state))
    line = " ".join(map(plain, manual.explain_word("executioner", Canvas(80, ASCII), known)))
    assert line.strip() == f"executioner: {known.talents['Executioner']}"


def test_before_the_choice_of_a_weapon_the_stats_are_explained() -> None:
    text = explained(rules().new_game(GameOptions(seed=7)))
    assert all(f"  {stat}: " in text for stat in ("str", "agi", "tec", "int"))


def words_of(state: State) -> set[str]:
    """Return the words that `?` explains there."""
    return {line[2:].partition(": ")[0] for line in explained(state).splitlines() if line[:3].strip()}


def test_the_screen_of_the_hub_is_explained_with_its_wares_and_its_items() -> None:
    state = hub()
    state.hero.bag = [Item(0, 9, 2, 99)]
    state.hero.gold = 10
    assert words_of(state) >= {
        "wares", "too dear", "ration", "rarity", "level", "overall", "->", "bomb", "potion",
    }  # fmt: skip
    assert not words_of(state) & {"camp", "search", "lock", "leave", "strip", "first clear", "routed"}
    state.hero.health = 50
    assert "camp" in words_of(state)


def test_the_screen_of_the_dungeons_explains_the_kinds_of_enemies_and_the_first_clear() -> None:
    state = hub()
    play(state, "1")
    kinds = {row.archetype for row in rules().catalogue.enemies}
    assert words_of(state) >= {"first clear", "level"}
    assert words_of(state) & kinds
    assert not words_of(state) & {"wares", "rarity"}


def test_the_screen_of_a_cleared_room_explains_what_can_be_done_there() -> None:
    state = cleared()
    assert words_of(state) >= {"search", "ration", "leave", "shield"}
    assert "treasure" not in words_of(state)


def test_the_screen_of_a_treasure_explains_the_lock_and_the_granted_actions() -> None:
    state = room(RoomKind.treasure)
    play(state, "1")
    dungeon = the_dungeon(state)
    echo = next(n for n, row in enumerate(rules().catalogue.actions) if row.name == "Echo")
    for item in dungeon.stock:
        item.actions = []
    assert "Echo" not in words_of(state)
    dungeon.stock[0].actions = [echo]
    assert words_of(state) >= {"treasure", "lock", "overall", "grants", "Echo"}


def test_the_screen_of_the_inventory_explains_the_figures_and_the_strip() -> None:
    state = hub()
    play(state, "2")
    assert words_of(state) >= {"str", "agi", "tec", "int", "armour", "die", "strip"}
    assert not words_of(state) & {"wares", "camp"}


@pytest.mark.parametrize("word", [*place_words.PLACES, *place_words.ITEMS])
def test_a_word_of_places_is_shown_as_one_of_its_texts_only(word: str) -> None:
    words = {**place_words.PLACES, **place_words.ITEMS}
    assert word == word.lower(), "a typed word is in lower case"
    for text in words[word].shown_as:
        assert (word, words[word].text) in place_words.shown(words, f"at {text} 1")
    assert place_words.shown(words, "On the road.") == []
