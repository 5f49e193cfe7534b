"""The screen of a fight: who acts first, what can kill, the class wheel, the next action, the statuses."""

from __future__ import annotations

from dungeonfighter.rules.state import Intent, Rank, Status, Weapon
from dungeonfighter.rules.views.labels import edge as edge_of
from dungeonfighter.terminal import view
from dungeonfighter.terminal.spans import Meaning
from tests.unit.rules.position import combat_state, enemy, rules, the_fight
from tests.unit.terminal.screens import WIDE, shown, shown_of


def test_a_fight_shows_both_bars_and_the_three_times() -> None:
    state = combat_state(rank=Rank.guardian, intent=Intent.heavy, at=6100, period=7600)
    state.hero.health = 100
    seen = rules().observe(state)
    text = shown(seen)
    combat = seen.combat
    assert combat is not None
    assert f"100/{seen.player.health_max}" in text
    assert f"it: heavy, about {combat.incoming} " in text
    assert f"it: then {combat.intent_after}" in text
    assert " 6.1 s" in text
    assert f"{combat.intent_after_in / 1000:.1f} s" in text


def test_the_warning_says_who_acts_first_and_what_kills() -> None:
    state = combat_state(at=1_000)
    assert "! It acts before your next action." in shown(rules().observe(state))
    assert "kills you" not in shown(rules().observe(state))
    combat = rules().observe(state).combat
    assert combat is not None
    state.hero.health = combat.incoming_critical + 1
    assert "kills you" not in shown(rules().observe(state))
    state.hero.health = combat.incoming
    assert "A plain hit of it kills you." in shown(rules().observe(state))
    assert "+ You act once more before it." in shown(rules().observe(combat_state()))


def test_a_critical_that_kills_is_in_the_warning_and_on_the_time_line() -> None:
    state = combat_state(at=1_000)
    combat = rules().observe(state).combat
    assert combat is not None
    state.hero.health = combat.incoming + 1
    assert "A critical of it kills you." in shown_of(state)
    assert f"it: normal, about {combat.incoming} to {combat.incoming_critical} " in shown_of(state)
    state.hero.health = combat.incoming_critical + 1
    assert "A critical" not in shown_of(state)


def test_the_longest_shown_action_is_not_cut() -> None:
    state = combat_state(intent=Intent.status, at=1_000, level=12)
    the_fight(state).intent_status = int(Status.roll_penalty)
    combat = rules().observe(state).combat
    assert combat is not None
    state.hero.health = combat.incoming_critical
    assert f"it: roll penalty, about {combat.incoming} to {combat.incoming_critical} " in shown_of(state)


def test_an_enemy_that_acts_twice_before_the_hero_is_named_with_both_hits() -> None:
    state = combat_state(against=enemy("swarm"), rank=Rank.elite, at=100, period=2_000)
    combat = rules().observe(state).combat
    assert combat is not None
    assert combat.follow_up_damage
    text = shown_of(state)
    assert "It acts twice before your next action." in text
    assert f"it: then {combat.intent_after}, about {combat.follow_up_damage} " in text
    assert "Both hits" not in text
    state.hero.health = combat.incoming + combat.follow_up_damage
    assert "Both hits together kill you." in shown_of(state)


def test_a_combo_that_changes_who_acts_first_is_named() -> None:
    slow = next(n for n, row in enumerate(rules().catalogue.actions) if row.length >= 1500)
    state = combat_state(at=9_000)
    assert "after that combo" not in shown_of(state)
    state.hero.strip = [slow]
    name = rules().catalogue.actions[slow].name
    assert f"! {name} takes " in shown_of(state)
    assert "after that combo it acts first." in shown_of(state)


def test_a_boss_tells_its_change_until_it_has_changed() -> None:
    cat = rules().catalogue
    boss = next(n for n, row in enumerate(cat.enemies) if row.name == "Old Antler")
    state = combat_state(against=boss, rank=Rank.boss)
    assert "! Below half of its health it acts in 75% of the time." in shown_of(state)
    the_fight(state).low = True
    assert "Below half" not in shown_of(state)


def test_the_class_wheel_says_who_deals_more() -> None:
    cat = rules().catalogue
    words = {"weak ": "(you deal +20 %)", "strong ": "(it deals +20 %)", "": ""}
    reached = set()
    for weapon in Weapon:
        for number in range(0, len(cat.enemies), 3):
            state = combat_state(weapon, against=number)
            edge = edge_of(cat, state.hero, number)
            reached.add(edge)
            text = shown_of(state)
            assert [each for each in words.values() if each and each in text] == [words[edge]] * bool(edge)
    assert reached == set(words)


def test_the_next_action_names_its_place_and_bonuses_and_the_room_its_own() -> None:
    state = combat_state(hit=-1, crit=2, luck=3)
    numbers = {row.id: number for number, row in enumerate(rules().catalogue.actions)}
    state.hero.strip = [numbers["battle_roar"], numbers["slam"]]
    text = " ".join(shown_of(state).split())
    assert "combo 1/2 Battle Roar (opener), " in text
    assert "Luck: 3. Room: hit -1, critical +2." in text


def test_a_charge_shows_the_crush_that_follows() -> None:
    assert "it: then crush" in shown(
        rules().observe(combat_state(intent=Intent.charge, at=6100, period=7600))
    )


def test_statuses_stand_beside_their_bearer_with_the_meaning_for_the_hero() -> None:
    state = combat_state()
    the_fight(state).hero.statuses[Status.bleed] = 2
    the_fight(state).enemy.statuses[Status.bleed] = 3
    lines = view.view(rules().observe(state), 1, WIDE)
    meanings = {span.text: span.meaning for line in lines for span in line}
    (bad,) = [name for name in meanings if name.startswith("bleed 2 (-")]
    (good,) = [name for name in meanings if name.startswith("bleed 3 (-")]
    assert meanings[bad] is Meaning.harm
    assert meanings[good] is Meaning.gain
