"""The texts for a model agree with the figures of the rules, and are neatly set."""

from __future__ import annotations

import itertools
import re

import pytest

from dungeonfighter import limits
from dungeonfighter.errors import IllegalInput
from dungeonfighter.mcp.texts import INSTRUCTIONS, PLAY_PROMPT, RULES
from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.model import HABITS
from dungeonfighter.rules.character.hero import refresh
from dungeonfighter.rules.character.loot import name, roll_item
from dungeonfighter.rules.state import Band, Intent, Slot, Status, Weapon
from dungeonfighter.rules.views.actions import placed
from dungeonfighter.rules.views.sentences import STATUSES
from tests.unit.rules.position import LATER, combat_state, dealt, hub, play, rules, taken, the_fight

PLAIN = " ".join(RULES.split())


@pytest.mark.parametrize(
    "words",
    [
        f"short: ironman of {limits.short_turns_max} turns",
        f"A ranked run has {limits.ranked_turns_max:,} turns",
        f"enemies gain {tables.STALE_STEP // 10} % for each {tables.STALE_EVERY} turns",
        f"who gathers {tables.GATHER // 10} % strength for each room passed without kill or flight",
        f"`(you +{tables.WHEEL // 10 - 100}%)`, in a fight `weak`, your class wins",
        f"one behind an action that inflicts a status (`Rend+`) +{tables.SET_UP_BONUS // 10} %",
        f"an opener first or a finisher last deals +{tables.EDGE_BONUS // 10} %",
        f"Leaving costs {1 + tables.LEAVE_TURNS} turns and a scar (-{tables.SCAR // 10} % health",
        f"to {tables.MISS_MAX} miss, {tables.MISS_MAX + 1}-{tables.COMBO_MIN - 1} hit",
        f"from {tables.COMBO_MIN} combo",
        f"precise: die +{tables.STANCE_ROLL[2]}, damage x{tables.STANCE_DAMAGE[2] / 1000:g}",
        f"power: die {tables.STANCE_ROLL[3]}, damage x{tables.STANCE_DAMAGE[3] / 1000:g}",
        f"you take x{tables.EXPOSED / 1000:g} until you act again",
        f"take x{tables.GUARDED[Intent.normal] / 1000:g} (heavy and crush",
        f"heavy and crush x{tables.GUARDED[Intent.crush] / 1000:g})",
        f"after a critical miss x{tables.CRITICAL_MISS_LENGTH / 1000:g} that",
        f"the next power hit deals x{tables.OPENING / 1000:g} and does not expose you",
        f"you slip past it for {1 + tables.SLIP_TURNS} turns",
        f"a crush (x{tables.INTENT_DAMAGE[Intent.crush] / 1000:g}) follows",
        f"feint: x{tables.GUARDED[Intent.feint] / 1000:g} against a guard",
        f"rage: x{tables.RAGE / 1000:g} after each guarded action",
        f"3 rest: {tables.REST // 10} % health, or 6 prepare: shield {tables.PREPARED} in the next fight",
        f"then a d20 of {tables.FLEE_NEEDS}",
        f"to the end or {tables.AUTO_STOPS_BELOW // 10} % health",
        f"After an entry roll to {tables.ENTRY_SURPRISED} the enemy acts first",
        f"{tables.LEVEL_POINTS // 100} points for each first clear, ",
    ],
)
def test_the_rules_for_a_model_have_the_figures_of_the_rules(words: str) -> None:
    assert words in PLAIN


def figure(pattern: str) -> float:
    """Return the number that the rules for a model give at this place."""
    found = re.search(pattern, PLAIN)
    assert found is not None, pattern
    return float(found[1])


@pytest.mark.parametrize(
    ("status", "pattern"),
    [
        (Status.weaken, r"weaken \(takes x([\d.]+)\)"),
        (Status.mark, r"mark \(x([\d.]+) once\)"),
        (Status.shield, r"shield \(x([\d.]+)\)"),
    ],
)
def test_a_status_changes_the_damage_after_the_armour_by_its_figure(status: Status, pattern: str) -> None:
    def lost(number: int) -> int:
        state = combat_state(faces=(10,), at=1, hero_armour=5)
        the_fight(state).hero.statuses[status] = number
        return taken(state, "4")

    assert lost(2) == int(lost(0) * figure(pattern))


@pytest.mark.parametrize(("text", "halved"), [("1", True), ("2", True), ("3", False)])
def test_while_the_enemy_defends_only_power_deals_more_than_the_figure(text: str, halved: bool) -> None:
    part = figure(r"While it `defends`, only power deals more than x([\d.]+)\.")
    most = dealt(combat_state(faces=(10,), intent=Intent.normal), text)
    least = dealt(combat_state(faces=(10,), intent=Intent.defend, at=LATER), text)
    assert least == (int(most * part) if halved else most)


def test_the_inventory_includes_the_bonuses_of_the_places_in_the_strip() -> None:
    """The figures of the strip are those with which the actions of the strip hit."""
    assert "the inventory has the sum" in PLAIN
    cat = rules().catalogue
    names = ("First Blood", "Haymaker", "Slam", "Avalanche")
    strip = [next(n for n, row in enumerate(cat.actions) if row.name == name) for name in names]
    for slot in range(len(strip)):
        state = combat_state(faces=(19,), step=slot)
        state.hero.figures.damage, state.hero.strip = 10_000, strip
        shown = placed(cat, strip, slot)
        found = re.search(r"(?:(\d+) x )?([\d.]+)%", shown)
        assert found is not None
        plain = 10_000 * state.hero.figures.amp / 1000 * tables.ROLL[Band.combo] / 1000
        assert dealt(state, "1") == pytest.approx(
            int(found[1] or 1) * plain * float(found[2]) / 100, rel=0.02
        )
        assert ("+ " in shown) == (slot > 0 and bool(cat.action_sets_up[strip[slot - 1]]))


def test_an_opener_in_the_first_slot_deals_its_figure_more() -> None:
    cat = rules().catalogue
    row = next(row for row in cat.actions if row.opener)
    more = 1 + figure(r"an opener first or a finisher last deals \+(\d+) %") / 100
    state = combat_state(faces=(19,))
    figures = state.hero.figures
    figures.damage = 10_000
    state.hero.strip = [cat.actions.index(row)]
    plain = figures.damage * figures.amp / 1000 * tables.ROLL[3] / 1000 * row.damage / 1000
    assert dealt(state, "1") == pytest.approx(plain * more * row.hits, rel=0.02)


def test_luck_rerolls_as_many_misses_as_it_says() -> None:
    assert figure(r"`luck (\d)` rerolls \d misses") == figure(r"`luck \d` rerolls (\d) misses")
    state = combat_state(faces=(2, 10, 2), luck=1)
    play(state, "1")
    assert the_fight(state).luck == 0
    assert the_fight(state).health < the_fight(state).health_max
    assert dealt(state, "1") == 0


def test_a_hero_of_a_higher_level_has_less_luck() -> None:
    now, then = figure(r"`luck (\d)`"), figure(r"a level higher (\d)")
    state = combat_state()
    lucks = []
    for level in (3, 4):
        state.hero.level = level
        refresh(rules().catalogue, state.hero)
        lucks.append(state.hero.figures.luck)
    assert lucks[0] - lucks[1] == now - then


@pytest.mark.parametrize(("verb", "place"), [("equip", "bag"), ("unequip", "worn")])
def test_the_verbs_that_list_gear_list_that_of_the_place(verb: str, place: str) -> None:
    assert f"`{verb}` ({place})" in PLAIN
    state = hub(Weapon.mace)
    cat = rules().catalogue
    rolled = (roll_item(cat, state.dice, 3, rarity=0) for _ in range(50))
    state.hero.bag = [next(item for item in rolled if cat.item_slot[item.base] != Slot.weapon)]
    items = {"bag": state.hero.bag, "worn": [item for item in state.hero.worn if item]}
    with pytest.raises(IllegalInput) as refused:
        play(state, verb)
    listed = {
        where for where, found in items.items() for item in found if name(cat, item) in str(refused.value)
    }
    assert listed == {place}


def test_an_interrupted_enemy_attacks_lightly() -> None:
    state = combat_state(intent=Intent.heal, faces=(10,))
    play(state, "2")
    assert the_fight(state).intent == Intent.light


def test_the_rules_for_a_model_explain_every_habit() -> None:
    enemies = PLAIN.partition("**Enemies.**")[2].partition("**Dungeon.**")[0]
    for habit in HABITS:
        assert f"{habit}: " in enemies


def test_the_rules_for_a_model_name_what_can_be_interrupted() -> None:
    listed = ", ".join(Intent(number).name for number in sorted(tables.INTERRUPTED))
    assert f"interrupts {listed}: it attacks lightly instead." in PLAIN


def test_the_prompt_explains_the_clock_and_every_status() -> None:
    assert "before the dungeons stir" in PLAY_PROMPT
    state = combat_state()
    the_fight(state).hero.statuses = [1] * 13
    shown = rules().text(state, "e1").split("\n")[0]
    for status in STATUSES:
        assert f", {status} " in shown
        assert status in PLAY_PROMPT


@pytest.mark.parametrize("text", [INSTRUCTIONS, RULES, PLAY_PROMPT])
def test_the_lines_are_full_and_no_two_are_empty(text: str) -> None:
    assert "\n\n\n" not in text
    for block in re.split(r"\n\n|\n- ", text.rstrip()):
        lines = block.split("\n")
        assert all(line == line.strip() or line.startswith("  ") for line in lines)
        for line, following in itertools.pairwise(lines):
            if not line.startswith(("#", "- ")) and not line.endswith(":"):
                assert len(line) + 1 + len(following.split()[0]) > 95, line
